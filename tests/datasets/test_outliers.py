"""Sets of outliers: the right shape, no labels, and nothing of the data themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pytest_robustness.datasets import OUTLIER_SUITES, OUTLIERS, Dataset, as_dataset, load_dataset, load_outliers
from pytest_robustness.datasets.generated import GENERATORS
from pytest_robustness.errors import DatasetError, ParameterError

DIGITS = load_dataset("digits")
SMALL = DIGITS.sample(40, seed=0)
OTHER = np.random.default_rng(0).integers(0, 256, (100, 8, 8), dtype=np.uint8)


def test_names() -> None:
    made = ["uniform-noise", "gaussian-noise", "letters", "photo-patches", "inverted"]
    assert list(OUTLIERS) == [*made, "digits", "mnist-5k", "mnist", "fashion-mnist", "kmnist", "notmnist"]


@pytest.mark.parametrize("name", [*GENERATORS, "inverted"])
def test_as_many_as_the_data_unless_told(name: str) -> None:
    data = load_outliers(name, like=SMALL)
    assert (len(data), data.shape, data.name) == (40, (1, 8, 8), name)
    assert (data.labelled, data.num_classes) == (False, 0)
    assert load_outliers(name, like=SMALL) == data
    assert len(load_outliers(name, like=SMALL, n=7)) == 7


@pytest.mark.parametrize("name", GENERATORS)
def test_made_outliers_depend_on_the_seed_and_are_without_end(name: str) -> None:
    assert load_outliers(name, like=SMALL, seed=1) != load_outliers(name, like=SMALL, seed=2)
    assert len(load_outliers(name, like=SMALL, n=90)) == 90


@pytest.mark.parametrize("name", ["uniform_noise", "Uniform Noise", "UNIFORM-NOISE"])
def test_names_are_normalised(name: str) -> None:
    assert load_outliers(name, like=SMALL) == load_outliers("uniform-noise", like=SMALL)


@pytest.mark.parametrize("floats", [False, True])
def test_inverted_is_its_own_inverse_and_keeps_the_ids(floats: bool) -> None:
    like = as_dataset((SMALL.pixels() if floats else SMALL.images, SMALL.labels))
    data = load_outliers("inverted", like=like)
    assert data.images.dtype == like.images.dtype
    assert np.allclose(data.pixels() + like.pixels(), 1, atol=1e-7)
    assert np.array_equal(data.ids, like.ids)
    assert np.array_equal(load_outliers("inverted", like=SMALL).ids, SMALL.ids)
    assert np.allclose(load_outliers("inverted", like=data).pixels(), like.pixels(), atol=1e-7)


@pytest.mark.parametrize("kind", ["array", "tensor", "tuple", "Dataset"])
def test_own_images(kind: str) -> None:
    whole = as_dataset((OTHER, np.arange(100)))
    sources = {"array": OTHER, "tensor": torch.from_numpy(OTHER), "tuple": (OTHER, np.arange(100)), "Dataset": whole}
    data = load_outliers(sources[kind], like=SMALL, seed=3)
    assert (len(data), data.population, data.labelled) == (40, 100, False)
    assert np.array_equal(data.images, whole.sample(40, seed=3).images)
    assert (data.labels == -1).all()


def test_fewer_outliers_than_data_are_all_taken() -> None:
    assert len(load_outliers(OTHER, like=DIGITS)) == 100
    with pytest.raises(DatasetError, match="got 101; allowed: 1 to 100"):
        load_outliers(OTHER, like=DIGITS, n=101)


@pytest.mark.parametrize("kind", [str, Path])
def test_own_file_with_or_without_labels(tmp_path: Path, kind: type) -> None:
    np.savez(tmp_path / "with.npz", images=OTHER, labels=np.arange(100))
    np.savez(tmp_path / "without.npz", images=OTHER)
    first, second = (load_outliers(kind(tmp_path / f"{name}.npz"), like=SMALL) for name in ("with", "without"))
    assert first == second
    assert (first.name, second.name) == ("with", "without")


@pytest.mark.parametrize(
    "source",
    [
        "digits",
        DIGITS,
        SMALL,
        DIGITS.sample(60, seed=9),
        SMALL.images,
        SMALL.pixels(),
        np.concatenate([OTHER, SMALL.images[:3, 0]]),
    ],
    ids=["name", "whole", "same", "another sample", "array", "as floats", "three among a hundred"],
)
def test_the_data_themselves_are_no_outliers(source: object) -> None:
    with pytest.raises(DatasetError, match=r"cannot serve as outliers: they are images of digits: got '.*%"):
        load_outliers(source, like=SMALL)


@pytest.mark.parametrize(("few", "many"), [(DIGITS.take([0, 1, 2]), DIGITS), (DIGITS, DIGITS.take([0, 1, 2]))])
def test_a_small_part_of_the_other_set_is_seen_both_ways(few: Dataset, many: Dataset) -> None:
    with pytest.raises(DatasetError, match=r"got '100\.0%"):
        load_outliers(many, like=few)


def test_a_stray_image_in_both_is_let_pass() -> None:
    many = np.concatenate([np.random.default_rng(1).integers(0, 256, (200, 8, 8), dtype=np.uint8), OTHER])
    like = as_dataset((np.concatenate([many[:1], 255 - OTHER, OTHER[:1] // 2]), np.zeros(102, int)))
    assert len(load_outliers(many, like=like)) == 102


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"source": "leters"}, ParameterError, r"unknown set of outliers.*Did you mean 'letters'\?.*\.npz"),
        ({"source": "mnist-5k"}, DatasetError, r"got \(1, 28, 28\); allowed: \(1, 8, 8\)"),
        ({"source": np.zeros((4, 8, 9))}, DatasetError, r"got \(1, 8, 9\); allowed: \(1, 8, 8\)"),
        ({"source": "letters", "n": 0}, DatasetError, "number of outliers is not usable: got 0"),
        ({"source": "letters", "n": 2.5}, DatasetError, r"number of outliers is not usable: got 2\.5"),
        ({"source": "letters", "seed": "x"}, ParameterError, "seed"),
        ({"source": "inverted", "n": 41}, DatasetError, "got 41; allowed: 1 to 40"),
        ({"source": "none.npz"}, DatasetError, "there is no such file"),
        ({"source": None}, DatasetError, "not a data set: got 'NoneType'"),
    ],
)
def test_refused(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load_outliers(**arguments, like=SMALL)


@pytest.mark.parametrize("name", ["fashion-mnist", "kmnist", "notmnist"])
def test_real_outliers(data_dir: Path, name: str) -> None:
    like = load_dataset("mnist", n=100, seed=1)
    data = load_outliers(name, like=like, seed=1)
    assert data.name == name
    assert np.array_equal(data.images, load_dataset(name, n=100, seed=1).images)
    with pytest.raises(DatasetError, match="cannot serve as outliers"):
        load_outliers("mnist", like=like, seed=2)


def test_suites_name_their_sets() -> None:
    near, far, both = (OUTLIER_SUITES[name] for name in ("mnist-near", "mnist-far", "all"))
    assert near == {f"near/{name}": name for name in ("fashion-mnist", "kmnist", "notmnist")}
    assert far == {f"far/{name}": name for name in ("uniform-noise", "gaussian-noise", "photo-patches")}
    assert both == near | far
    assert not set(OUTLIER_SUITES) & set(OUTLIERS)
    # What is in a suite is there or made here, and never the images themselves.
    assert set(both.values()) <= set(OUTLIERS) - {"inverted"}
    for name in far.values():
        assert len(load_outliers(name, like=SMALL)) == 40
