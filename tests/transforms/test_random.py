"""The same sample meets the same noise, whatever is around it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.errors import ParameterError
from pytest_robustness.transforms.random import (
    sample_draw,
    sample_generator,
    sample_integers,
    sample_normal,
    sample_uniform,
    sample_words,
)

IDS = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8)


def first(seed: int = 0, stream: str = "noise", sample_id: int = 0, index: int = 0) -> float:
    return sample_generator(seed, stream, sample_id, index).random()


def test_known_numbers_do_not_change_between_versions():
    # Frozen from this package: cached results and published scorecards depend on them.
    drawn = sample_uniform(0, "noise", [0, 1, 2**40], (2,))
    expected = [
        [0.6290380434826699, 0.5970503405014478],
        [0.6003348101332069, 0.5703936628506863],
        [0.8124074295439164, 0.062405375758833426],
    ]
    np.testing.assert_array_equal(drawn, expected)


@given(seed=st.integers(), ids=IDS, data=st.data())
def test_rows_follow_their_ids_in_any_order_and_batch(seed, ids, data):
    whole = sample_uniform(seed, "noise", ids, (3,))
    order = data.draw(st.permutations(range(len(ids))))
    cut = data.draw(st.integers(0, len(ids)))
    shuffled = [ids[i] for i in order]
    parts = [sample_uniform(seed, "noise", part, (3,)) for part in (shuffled[:cut], shuffled[cut:])]
    np.testing.assert_array_equal(np.concatenate(parts), whole[list(order)])


@pytest.mark.parametrize("change", [{"seed": 1}, {"seed": -1}, {"stream": "noise2"}, {"sample_id": 1}, {"index": 1}])
def test_every_part_of_the_key_matters(change):
    assert first(**change) != first()


def test_parts_of_the_key_do_not_run_into_each_other():
    assert first(seed=1, stream="2x") != first(seed=12, stream="x")
    assert first(stream="x1", index=2) != first(stream="x", index=12)


def test_repeating_a_draw_repeats_the_numbers():
    assert first(5, "a", 7, 9) == first(5, "a", 7, 9)


def test_distributions():
    uniform, normal = sample_uniform(3, "u", range(4000), (10,)), sample_normal(3, "n", range(4000), (10,))
    # Standard errors of mean and standard deviation are 0.0014 and 0.0007 (uniform), 0.005 and 0.0035 (normal).
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 0.007
    assert abs(uniform.std() - 12**-0.5) < 0.004
    assert abs(normal.mean()) < 0.025
    assert abs(normal.std() - 1) < 0.018


def test_neighbouring_samples_are_uncorrelated():
    drawn = sample_normal(0, "n", range(200), (500,))
    correlation = np.corrcoef(drawn)[np.triu_indices(200, 1)]
    # 19,900 coefficients of standard error 0.0447: the largest of them lies about 4.1 standard errors out.
    assert np.abs(correlation).max() < 0.26
    assert abs(correlation.std() - 500**-0.5) < 0.002


def test_every_way_to_draw_starts_at_the_generator_of_the_sample():
    # Few bytes leave half a word behind, which must not reach the next sample.
    integers = sample_integers(7, "i", [3, 9, 3], 2, 256)
    words = sample_words(7, "i", [3, 9, 3], 5)
    for row, sample_id in enumerate([3, 9, 3]):
        generator = sample_generator(7, "i", sample_id)
        np.testing.assert_array_equal(integers[row], generator.integers(0, 256, 2, dtype=np.uint8))
        raw = sample_generator(7, "i", sample_id).bit_generator.random_raw(2)
        expected = [int(word) >> shift & 0xFFFF for word in raw for shift in (0, 16, 32, 48)]
        assert words[row].tolist() == expected[:5]
    drawn = sample_draw(7, "i", [3, 9, 3], (1,), lambda generator: generator.standard_normal(1))
    assert drawn[0] == drawn[2] == sample_generator(7, "i", 3).standard_normal()


@pytest.mark.parametrize(("below", "kind"), [(1, np.uint8), (72, np.uint8), (256, np.uint8), (257, np.uint16)])
def test_integers_are_uniform_in_the_smallest_type(below, kind):
    drawn = sample_integers(0, "i", range(300), 300, below)
    assert drawn.dtype == kind
    counts = np.bincount(drawn.ravel(), minlength=below)
    assert len(counts) == below
    assert np.abs(counts - 90_000 / below).max() <= 5 * (90_000 / below) ** 0.5


def test_words_are_uniform():
    drawn = sample_words(0, "w", range(100), 1001)
    assert (drawn.dtype, drawn.shape) == (np.uint16, (100, 1001))
    assert abs(drawn.mean() / 65535 - 0.5) < 0.005
    assert np.abs(np.bincount(drawn.ravel() >> 12) - 100_100 / 16).max() < 5 * (100_100 / 16) ** 0.5


def test_global_state_is_neither_read_nor_set():
    np.random.seed(1)  # noqa: NPY002 - the global state is what this test looks at
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    drawn = sample_uniform(0, "noise", [0], (3,))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(sample_uniform(0, "noise", [0], (3,)), drawn)


def test_shapes_of_scalars_and_of_no_samples():
    assert sample_uniform(0, "noise", [4, 5], ()).shape == (2,)
    assert sample_uniform(0, "noise", [], (28, 28)).shape == (0, 28, 28)
    assert sample_uniform(0, "noise", iter(np.arange(3)), (1,)).shape == (3, 1)


def test_any_draw_can_be_stacked():
    drawn = sample_draw(0, "counts", [3, 4], (2,), lambda generator: generator.poisson(100.0, 2))
    np.testing.assert_array_equal(drawn[1], sample_generator(0, "counts", 4).poisson(100.0, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.5, "noise", 0), "seed must be an integer: got 0.5"),
        ((0, "noise", "a"), "a sample id must be an integer: got 'a'"),
        ((0, "noise", True), "a sample id must be an integer: got True"),
        ((0, "noise", -1), "out of range: got -1"),
        ((0, "noise", 2**64), "out of range"),
        ((0, "noise", 0, None), "index must be an integer: got None"),
    ],
)
def test_impossible_keys_are_refused(arguments, message):
    with pytest.raises(ParameterError, match=message):
        sample_generator(*arguments)
