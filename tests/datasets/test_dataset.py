"""The Dataset itself: identity, immutability, seeded order, samples."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.datasets import Dataset
from pytest_robustness.errors import DatasetError, ParameterError


def make(n: int = 20, *, seed: int = 0, dtype: type = np.uint8, **changes: object) -> Dataset:
    generator = np.random.default_rng(seed)
    grey = generator.integers(0, 256, (n, 1, 4, 5), dtype=np.uint8)
    fields = {
        "images": grey if dtype is np.uint8 else (grey / 255).astype(np.float32),
        "labels": np.arange(n) % 3,
        "name": "made",
        "ids": np.arange(n),
        "population": n,
    }
    return Dataset(**(fields | changes))


def test_facts() -> None:
    data = make(20)
    assert (len(data), data.shape, data.num_classes, data.population) == (20, (1, 4, 5), 3, 20)
    assert repr(data) == "Dataset('made', 20 images, shape=(1, 4, 5), uint8)"
    assert repr(data.take([3, 1])) == "Dataset('made', 2 of 20 images, shape=(1, 4, 5), uint8)"


def test_fingerprint_has_a_stable_value() -> None:
    # SHA-256 of b"uint8 (1, 1, 1, 2)", the bytes 00 ff, and 1 and 0 as little-endian 64-bit integers, by hashlib alone.
    # It must not change between versions: caches and baselines go by it.
    data = Dataset(
        images=np.array([[[[0, 255]]]], dtype=np.uint8),
        labels=np.array([1]),
        name="any",
        ids=np.array([0]),
        population=1,
    )
    assert data.fingerprint == "368c8f753a55da5e22e588f1d91c7b5c60e7d17967c4302004c46fd4547543de"
    assert data.fingerprint is data.fingerprint  # computed once


@pytest.mark.parametrize("field", ["images", "labels", "ids"])
def test_fingerprint_sees_one_changed_value(field: str) -> None:
    data = make(20)
    changed = getattr(data, field).copy()
    changed.flat[7] = changed.flat[7] ^ 1 if field != "ids" else 20
    other = make(20, **{field: changed}, population=21)
    assert other.fingerprint != data.fingerprint
    assert other != data


def test_fingerprint_sees_shape_and_dtype() -> None:
    data = make(6)
    turned = make(6, images=data.images.reshape(6, 1, 5, 4))
    floats = make(6, images=data.images.astype(np.float32) / 255)
    assert len({data.fingerprint, turned.fingerprint, floats.fingerprint}) == 3


def test_equality_and_hash_go_by_content() -> None:
    assert make(8) == make(8, name="other name")
    assert len({make(8), make(8), make(9)}) == 2
    assert make(8) != "made"


def test_arrays_are_read_only_and_not_shared_with_the_caller() -> None:
    images = np.zeros((3, 1, 2, 2), dtype=np.uint8)
    data = make(3, images=images)
    images[:] = 9
    assert data.images.max() == 0
    for array in (data.images, data.labels, data.ids, data.take([0]).images, data.take(slice(1, 2)).images):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1


def test_a_read_only_array_is_not_copied() -> None:
    data = make(5)
    assert np.shares_memory(data.take(slice(0, 3)).images, data.images)


def test_pickle_keeps_content_and_read_only_arrays() -> None:
    data = make(5)
    again = pickle.loads(pickle.dumps(data))
    assert again == data
    assert again.name == data.name
    assert not again.images.flags.writeable


def test_take_keeps_name_ids_and_population() -> None:
    rows = make(20).take([5, 2, 11]).take([2, 0])
    assert rows.ids.tolist() == [11, 5]
    assert (rows.name, rows.population) == ("made", 20)
    assert np.array_equal(rows.images, make(20).images[[11, 5]])


def test_take_by_mask_and_negative_position() -> None:
    data = make(4)
    assert data.take(np.array([True, False, False, True])).ids.tolist() == [0, 3]
    assert data.take([-1]).ids.tolist() == [3]


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([], "select no rows"),
        (slice(4, 4), "at least one image"),
        ([0, 4], "outside"),
        ([-5], "outside"),
        ([1, 1], "more than once"),
        ([1, -3], "more than once"),
        ([0.5], "select no rows"),
        (2, "select no rows"),
    ],
)
def test_take_refuses(positions: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        make(4).take(positions)


@given(n=st.integers(1, 60), seed=st.integers(-(2**40), 2**70))
def test_order_is_a_permutation_and_repeats(n: int, seed: int) -> None:
    data = make(n)
    assert sorted(data.order(seed)) == list(range(n))
    assert np.array_equal(data.order(seed), make(n).order(seed))


@given(data=st.data(), seed=st.integers(0, 1000))
def test_order_does_not_depend_on_which_subset_is_present(data: st.DataObject, seed: int) -> None:
    full = make(40)
    chosen = data.draw(st.lists(st.integers(0, 39), min_size=1, unique=True))
    subset = full.take(chosen)
    ordered_subset = subset.ids[subset.order(seed)]
    ordered_full = full.ids[full.order(seed)]
    assert ordered_subset.tolist() == [i for i in ordered_full if i in set(chosen)]


def test_order_depends_on_the_seed_and_mixes() -> None:
    data = make(1000)
    first, second = data.order(0), data.order(1)
    assert not np.array_equal(first, second)
    # Rank correlation with the original order, and between seeds: sd of either is 1/sqrt(999) = .032.
    assert abs(np.corrcoef(first, np.arange(1000))[0, 1]) < 0.13
    assert abs(np.corrcoef(first.argsort(), second.argsort())[0, 1]) < 0.13


def test_every_row_is_equally_likely_to_be_drawn() -> None:
    data = make(20)
    counts = np.bincount(np.concatenate([data.order(seed)[:5] for seed in range(2000)]), minlength=20)
    # Each count is binomial(2000, 1/4): mean 500, sd 19.4; 4.5 sd over 20 counts.
    assert np.abs(counts - 500).max() < 87


@given(small=st.integers(1, 29), seed=st.integers(0, 1000), large=st.integers(1, 29))
def test_samples_are_nested(small: int, large: int, seed: int) -> None:
    small, large = sorted((small, large))
    data = make(30)
    assert data.sample(large, seed=seed).take(slice(small)) == data.sample(small, seed=seed)
    if small < large:
        assert data.sample(large, seed=seed).sample(small, seed=seed) == data.sample(small, seed=seed)


@pytest.mark.parametrize("n", [None, 20])
def test_all_rows_stay_in_their_original_order(n: int | None) -> None:
    assert make(20).sample(n, seed=3).ids.tolist() == list(range(20))


@pytest.mark.parametrize("n", [0, -1, 21, 2.0, True, "5"])
def test_sample_refuses(n: object) -> None:
    with pytest.raises(DatasetError, match=r"cannot draw that many .* allowed: 1 to 20"):
        make(20).sample(n, seed=0)


@pytest.mark.parametrize("seed", [1.5, "0", None, True])
def test_order_refuses_a_seed_that_is_no_integer(seed: object) -> None:
    with pytest.raises(ParameterError, match="seed"):
        make(20).order(seed)


def test_the_global_random_state_is_left_alone() -> None:
    np.random.seed(0)  # noqa: NPY002  (the global state is what is watched)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make(20).sample(5, seed=1)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_pixels() -> None:
    data = make(6)
    assert data.pixels().dtype == np.float32
    assert np.array_equal(data.pixels(), data.images.astype(np.float32) / np.float32(255))
    assert np.array_equal(data.pixels([4, 1]), data.pixels()[[4, 1]])
    assert np.array_equal(data.pixels(slice(2, 3)), data.pixels()[2:3])
    floats = make(6, dtype=np.float32)
    assert np.array_equal(floats.pixels(), floats.images)
    for pixels in (data.pixels(), floats.pixels(), floats.pixels(slice(2))):
        pixels[:] = 0  # they are the caller's own
    assert floats.images.max() > 0


def test_every_grey_level_survives_the_way_to_pixels_and_back() -> None:
    data = make(1, images=np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16))
    assert np.array_equal(np.round(data.pixels() * 255), data.images)
    assert (data.pixels().min(), data.pixels().max()) == (0, 1)


def test_a_set_without_labels() -> None:
    data = make(3, labels=np.full(3, -1), labelled=False)
    assert data.num_classes == 0
    assert not data.take([1]).labelled


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": [[1]]}, "images are not a numpy array: got 'list'.*as_dataset"),
        ({"labels": [0, 1, 2]}, "labels are not a numpy array"),
        ({"images": np.zeros((3, 4, 5), np.uint8)}, "unusable shape"),
        ({"images": np.zeros((0, 1, 4, 5), np.uint8)}, "unusable shape"),
        ({"images": np.zeros((3, 1, 4, 5))}, "dtype: got 'float64'"),
        ({"images": np.full((3, 1, 4, 5), 1.1, np.float32)}, "out of range"),
        ({"labels": np.zeros(2, np.int64)}, "labels do not fit"),
        ({"labels": np.zeros(3, np.int32)}, "labels do not fit"),
        ({"labels": np.array([0, -1, 0])}, "negative: got '-1 at index 1'"),
        ({"labels": np.array([0, -1, -1]), "labelled": False}, "labelled=False has labels"),
        ({"ids": np.arange(4)}, "ids do not fit"),
        ({"ids": np.array([0, 1, 3])}, "ids are out of range"),
        ({"ids": np.array([-1, 1, 2])}, "ids are out of range"),
        ({"ids": np.array([0, 1, 1])}, "more than once"),
    ],
)
def test_impossible_datasets_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        make(3, **changes)
