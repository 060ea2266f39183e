"""Data to fit on: any that has labels, but never what is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from pytest_robustness.datasets import as_dataset, checked_fit, load_dataset, load_fitting, load_outliers
from pytest_robustness.datasets.fitting import fitting_name
from pytest_robustness.datasets.overlap import overlap
from pytest_robustness.errors import DatasetError, ParameterError

if TYPE_CHECKING:
    from pathlib import Path

DIGITS = load_dataset("digits")
LIKE, REST = DIGITS.take(slice(0, 200)), DIGITS.take(slice(200, None))


def test_all_of_it_in_its_own_order(tmp_path: Path) -> None:
    np.savez(tmp_path / "rest.npz", images=REST.images, labels=REST.labels)
    arrays = (REST.images, REST.labels)
    for source in (arrays, as_dataset(arrays), tmp_path / "rest.npz", str(tmp_path / "rest.npz")):
        found = load_fitting(source, like=LIKE)
        assert np.array_equal(found.images, REST.images)
        assert np.array_equal(found.labels, REST.labels)


@pytest.mark.parametrize("source", ["digits", DIGITS, LIKE, LIKE.take(slice(0, 9)), (LIKE.pixels(), LIKE.labels)])
def test_what_is_measured_is_refused(source: object) -> None:
    with pytest.raises(DatasetError, match=r"cannot serve as fitting data: they are images of digits: got '.*%"):
        load_fitting(source, like=LIKE)


def test_outliers_are_refused() -> None:
    outliers = load_outliers("uniform-noise", like=LIKE)
    fit = (np.concatenate([REST.images[:100], outliers.images[:50]]), np.zeros(150, int))
    assert len(load_fitting(fit, like=LIKE)) == 150
    with pytest.raises(DatasetError, match="cannot serve as fitting data: they are images of uniform-noise"):
        load_fitting(fit, like=LIKE, others=[outliers])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (load_outliers("letters", like=LIKE), "letters has no labels"),
        ((np.zeros((4, 9, 9)), [0, 1, 0, 1]), r"fitting data of arrays have another shape .*got \(1, 9, 9\)"),
        ("mnist-5k", r"got \(1, 28, 28\)"),
        (3, "not a data set"),
    ],
)
def test_unusable(source: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        load_fitting(source, like=LIKE)


def test_names() -> None:
    assert (fitting_name("MNIST_train"), fitting_name("Digits")) == ("mnist-train", "digits")
    known = "digits, .*notmnist, mnist-train, fashion-mnist-train"
    with pytest.raises(
        ParameterError, match=rf"unknown data set to fit on: got 'mnits-train'; allowed: {known}\. .*'mnist-train'"
    ):
        fitting_name("mnits-train")
    with pytest.raises(ParameterError, match="mnist-c is no data set of its own"):
        fitting_name("mnist-c")


@pytest.mark.parametrize(
    "images", [REST.images, torch.zeros(4, 8, 8), [REST.images[0]]], ids=["array", "tensor", "list"]
)
def test_images_alone_are_not_enough(images: object) -> None:
    for call in (checked_fit, lambda fit: load_fitting(fit, like=LIKE)):
        with pytest.raises(DatasetError, match=r"need labels beside the images: got '.*'; allowed: \(images, labels\)"):
            call(images)


@pytest.mark.parametrize("kind", ["float16", "a division", "float64 noise"])
def test_rounded_copies_are_found(kind: str) -> None:
    pixels = LIKE.images.astype(np.float64) / 255
    noise = np.random.default_rng(0).uniform(-1, 1, pixels.shape) / 600
    copies = {
        "float16": pixels.astype(np.float16),
        "a division": (LIKE.images * np.float32(1 / 255)).clip(0, 1),
        "float64 noise": (pixels + noise).clip(0, 1),
    }
    found = as_dataset((copies[kind], LIKE.labels))
    assert overlap(found, LIKE) == overlap(LIKE, found) == 1.0
    # A grey level more is another image.
    assert overlap(as_dataset((np.minimum(LIKE.images, 254) + np.uint8(1), LIKE.labels)), LIKE) == 0.0
    with pytest.raises(DatasetError, match=r"they are images of digits: got '100\.0%"):
        load_outliers(copies[kind], like=LIKE)


def test_overlap_is_seen_from_the_smaller_set() -> None:
    assert (overlap(LIKE, REST), overlap(LIKE, DIGITS)) == (overlap(REST, LIKE), 1.0)
    assert overlap(LIKE.take(slice(0, 20)), LIKE.take(slice(10, 200))) == 0.5


def test_the_training_split(data_dir: Path) -> None:
    like = load_dataset("mnist", n=100)
    assert len(load_fitting("mnist-train", like=like)) == 60_000
    with pytest.raises(DatasetError, match="kmnist has no train split"):
        load_fitting("kmnist-train", like=like)
    # The 5,000 images come from the training set.
    with pytest.raises(DatasetError, match="images of mnist-5k"):
        load_fitting("mnist-train", like=load_dataset("mnist-5k", n=100))
    assert len(load_fitting("mnist", like=load_dataset("mnist-5k", n=100))) == 10_000
