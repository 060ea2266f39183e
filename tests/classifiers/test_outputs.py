"""Checks on what comes out of a model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit, softmax

from pytest_robustness.classifiers.outputs import LINKS, check_images, checked, checked_labels, to_unit_floats
from pytest_robustness.errors import ClassifierError

_decisions = hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(2, 6)), elements=st.floats(-30, 30))


@given(_decisions, st.sampled_from(sorted(LINKS)))
def test_links_give_probabilities_in_the_order_of_the_scores(decisions, link):
    probabilities = np.exp(LINKS[link](decisions))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    top = np.take_along_axis(probabilities, decisions.argmax(axis=1)[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(top, probabilities.max(axis=1))


@given(_decisions)
def test_links_are_their_formulas(decisions):
    np.testing.assert_allclose(np.exp(LINKS["softmax"](decisions)), softmax(decisions, axis=1))
    sigmoids = expit(decisions)
    np.testing.assert_allclose(np.exp(LINKS["one-vs-rest"](decisions)), sigmoids / sigmoids.sum(axis=1, keepdims=True))


def test_modified_huber_is_uniform_where_all_classes_are_refused():
    assert np.allclose(np.exp(LINKS["modified-huber"](np.full((1, 4), -3.0))), 0.25)


def test_bytes_become_fractions_and_memory_is_never_shared():
    grey = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    assert np.array_equal(to_unit_floats(grey).ravel(), np.arange(256, dtype=np.float32) / np.float32(255))
    floats = np.zeros((1, 1, 2, 2), dtype=np.float32)
    assert not np.shares_memory(to_unit_floats(floats), floats)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 28, 28), dtype=np.uint8),
        np.zeros((0, 1, 28, 28), dtype=np.uint8),
        np.zeros((2, 1, 4, 4), dtype=np.int64),
        np.full((2, 1, 4, 4), 255.0),
        np.full((2, 1, 4, 4), -0.5),
        np.full((2, 1, 4, 4), np.nan),
    ],
)
def test_refuses_images_that_are_none(images):
    with pytest.raises(ClassifierError):
        check_images(images)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (4, 5), (3, 5, 2), ()])
def test_refuses_scores_of_another_shape(shape):
    with pytest.raises(ClassifierError, match=r"outputs for 3 images have the wrong shape"):
        checked(np.zeros(shape), 3, "logits")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_names_the_first_image_whose_scores_are_not_finite(bad):
    scores = np.zeros((6, 3))
    scores[4, 1] = scores[5, 0] = bad
    with pytest.raises(ClassifierError, match=r"first for image 104:"):
        checked(scores, 6, "logits", offset=100)


@pytest.mark.parametrize("row", [[0.5, 0.4], [1.5, -0.5], [5.0, -4.0]])
def test_refuses_rows_that_are_no_probabilities(row):
    with pytest.raises(ClassifierError, match=r"not probabilities, first for image 1"):
        checked(np.array([[0.5, 0.5], row]), 2, "probabilities")


@pytest.mark.parametrize("labels", [np.array([0.5, 1]), np.array([-1, 1]), np.array([0, 3]), np.array(["0", "1"])])
def test_refuses_labels_that_are_no_classes(labels):
    with pytest.raises(ClassifierError, match=r"whole numbers from 0 to 3 - 1"):
        checked_labels(labels, 3)


def test_whole_floats_are_labels():
    labels = checked_labels(np.array([0.0, 2.0]), 3)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 2]
