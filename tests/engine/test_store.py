from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pytest_robustness.engine import Evaluator, Store
from pytest_robustness.errors import ConfigurationError
from pytest_robustness.evaluations import Accuracy, Outcome

KEY = "ab" * 32
DTYPES = st.sampled_from([np.bool_, np.int64, np.float64, np.float32])
ARRAYS = DTYPES.flatmap(lambda dtype: arrays(dtype, array_shapes(max_dims=3, max_side=4, min_side=0)))


def outcome():
    return Outcome({"correct": np.array([True, False]), "scores": np.array([[0.1, np.nan]])}, 1.5, 20, 10)


def same(a, b):
    return a.arrays.keys() == b.arrays.keys() and all(
        np.array_equal(a.arrays[name], b.arrays[name], equal_nan=True) and a.arrays[name].dtype == b.arrays[name].dtype
        for name in a.arrays
    )


@given(st.dictionaries(st.sampled_from(["correct", "predictions", "x"]), ARRAYS), st.integers(0, 2**50))
def test_what_is_put_is_got(tmp_path_factory, found, forwards):
    store = Store(tmp_path_factory.mktemp("store"))
    put = Outcome(found, 0.25, forwards, 7)
    store.put(KEY, put)
    got = store.get(KEY)
    assert same(got, put)
    assert (got.seconds, got.forwards, got.backwards, got.cached) == (0.25, forwards, 7, True)


def test_nothing_is_stored_under_another_key(tmp_path):
    store = Store(tmp_path / "new" / "folder")
    assert store.get(KEY) is None
    store.put(KEY, outcome())
    assert store.get("cd" * 32) is None


def test_a_folder_in_the_place_of_an_entry_is_a_miss(tmp_path):
    store = Store(tmp_path)
    (tmp_path / KEY[:2] / f"{KEY}.npz").mkdir(parents=True)
    assert store.get(KEY) is None
    store.put(KEY, outcome())
    assert store.get(KEY) is None
    assert not list(tmp_path.rglob("*.part"))


def test_no_part_of_an_entry_is_left_behind(tmp_path, monkeypatch):
    store = Store(tmp_path)

    def interrupted(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.put(KEY, outcome())
    assert store.get(KEY) is None
    assert not list(tmp_path.rglob("*.part"))


def entry_of(folder):
    (path,) = folder.rglob("*.npz")
    return path


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "grow", "swap"])
def test_a_damaged_entry_is_none_and_is_made_anew(tmp_path, damage):
    store = Store(tmp_path)
    store.put(KEY, outcome())
    path = entry_of(tmp_path)
    whole = path.read_bytes()
    if damage == "flip":
        for position in range(0, len(whole), 7):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
            assert store.get(KEY) is None
    else:
        harm = {"cut": whole[:-30], "empty": b"", "grow": whole + b"x", "swap": whole[::-1]}
        path.write_bytes(harm[damage])
        assert store.get(KEY) is None
    store.put(KEY, outcome())
    assert same(store.get(KEY), outcome())


def test_a_damaged_entry_costs_its_own_block_only(tmp_path, net, dataset):
    first = Evaluator(net, dataset, cache=tmp_path).measure(Accuracy())
    paths = sorted(tmp_path.rglob("*.npz"))
    assert len(paths) == 3
    paths[0].write_bytes(b"not an entry")
    evaluator = Evaluator(net, dataset, cache=tmp_path)
    before = evaluator.classifier.passes.snapshot()
    again = evaluator.measure(Accuracy())
    assert (evaluator.classifier.passes - before).forwards in {100, 500}
    assert again.value == first.value
    assert not again.cached
    assert Evaluator(net, dataset, cache=tmp_path).measure(Accuracy()).cached


def test_a_store_outlives_its_evaluator(tmp_path, net, dataset, evaluation):
    first = Evaluator(net, dataset, cache=tmp_path).measure(evaluation)
    evaluator = Evaluator(net, dataset, cache=tmp_path)
    before = evaluator.classifier.passes.snapshot()
    again = evaluator.measure(evaluation)
    spent = evaluator.classifier.passes - before
    assert (spent.forwards, spent.backwards) == (0, 0)
    assert (first.cached, again.cached) == (False, True)
    for a, b in zip((first, *first.others), (again, *again.others), strict=True):
        assert (a.value, a.low, a.high, a.parts, a.details) == (b.value, b.low, b.high, b.parts, b.details)
        assert (a.forwards, a.backwards, a.seconds) == (b.forwards, b.backwards, b.seconds)


def test_a_larger_sample_finds_what_a_smaller_one_left(tmp_path, net, dataset):
    Evaluator(net, dataset.sample(500, seed=0), cache=tmp_path).measure(Accuracy())
    evaluator = Evaluator(net, dataset.sample(1000, seed=0), cache=tmp_path)
    before = evaluator.classifier.passes.snapshot()
    evaluator.measure(Accuracy())
    assert (evaluator.classifier.passes - before).forwards == 500


def test_a_callable_never_touches_the_store(tmp_path, dataset):
    def model(images):
        return images.reshape(len(images), -1)[:, :4]

    for _ in range(2):
        found = Evaluator(model, dataset, cache=tmp_path / "store").measure(Accuracy())
        assert not found.cached
    assert not (tmp_path / "store").exists()


def test_an_evaluation_from_elsewhere_never_touches_the_store(tmp_path, net, dataset):
    # Its code is not covered by the key: it may be another one tomorrow.
    class Mine(Accuracy):
        pass

    for _ in range(2):
        evaluator = Evaluator(net, dataset, cache=tmp_path)
        assert not evaluator.measure(Mine()).cached
    assert evaluator.measure(Mine()).cached
    assert not list(tmp_path.rglob("*.npz"))


def test_a_folder_that_cannot_be_used_is_an_error_of_ours(tmp_path, net, dataset):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match=r"cannot be used.*file.*--robustness-no-cache"):
        Evaluator(net, dataset, cache=tmp_path / "file" / "store")


def test_an_entry_that_cannot_be_read_is_an_error_of_ours(tmp_path):
    store = Store(tmp_path)
    (tmp_path / KEY[:2]).touch()
    with pytest.raises(ConfigurationError, match="cannot be used"):
        store.get(KEY)
