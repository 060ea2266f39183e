"""The affine map in front of a model."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.classifiers.preprocessing import preprocessing
from pytest_robustness.errors import ParameterError

_numbers = st.floats(-10, 10, allow_nan=False, width=32)


@given(
    low=_numbers,
    span=st.floats(0.1, 10),
    mean=st.lists(_numbers, min_size=3, max_size=3),
    std=st.lists(st.floats(0.1, 5), min_size=3, max_size=3),
    seed=st.integers(0, 100),
)
def test_numpy_and_torch_agree_with_the_formula(low, span, mean, std, seed):
    images = np.random.default_rng(seed).random((2, 3, 4, 5), dtype=np.float32)
    prepare = preprocessing((low, low + span), mean, std)
    wanted = (low + images.astype(np.float64) * span - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    np.testing.assert_allclose(prepare.array(images), wanted, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(prepare.tensor(torch.from_numpy(images)).numpy(), prepare.array(images), atol=1e-5)


def test_does_nothing_by_default():
    images = np.random.default_rng(0).random((2, 1, 4, 4), dtype=np.float32)
    assert np.array_equal(preprocessing((0.0, 1.0), None, None).array(images), images)


def test_one_number_serves_all_channels():
    images = np.ones((1, 3, 2, 2), dtype=np.float32)
    assert (preprocessing((0, 255), 55.0, 100.0).array(images) == 2.0).all()


@pytest.mark.parametrize(
    ("bounds", "mean", "std"),
    [
        ((1.0, 0.0), None, None),
        ((0.0, 0.0), None, None),
        ((0.0,), None, None),
        ((0.0, math.inf), None, None),
        ((0.0, 1.0), math.nan, None),
        ((0.0, 1.0), "a", None),
        ((0.0, 1.0), None, 0.0),
        ((0.0, 1.0), None, (0.1, -0.1, 0.1)),
    ],
)
def test_refuses_impossible_settings(bounds, mean, std):
    with pytest.raises(ParameterError):
        preprocessing(bounds, mean, std)


def test_refuses_other_numbers_of_channels():
    with pytest.raises(ParameterError, match=r"mean does not fit images of 1 channels"):
        preprocessing((0, 1), (0.1, 0.2, 0.3), None).check_channels(1)
