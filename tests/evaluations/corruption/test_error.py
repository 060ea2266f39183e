from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pytest_robustness.evaluations.corruption.error import (
    compared,
    error_parts,
    mean_corruption_error,
    relative_corruption_error,
    relative_parts,
)
from pytest_robustness.evaluations.corruption.references import Reference

# Errors in per cent of three models on the first 2,000 MNIST test images, corrupted by the generator that the authors
# of MNIST-C publish: a convolutional network, the same trained with outlier exposure, and scikit-learn's MLP. Without
# corruption first, then shot noise, impulse noise, glass blur, motion blur, shear, scale, rotate, brightness,
# translate, stripe, fog, spatter, dotted line, zigzag, canny edges.
BASELINE = (1.40, 2.25, 3.85, 4.10, 9.45, 4.50, 6.35, 8.70, 1.85, 56.90, 10.05, 3.10, 3.15, 2.60, 10.70, 16.85)
EXPOSED = (1.70, 2.50, 3.45, 7.10, 16.25, 4.45, 6.85, 9.05, 99.95, 57.90, 12.70, 97.00, 3.65, 2.65, 8.65, 16.55)
MLP = (2.65, 3.85, 27.15, 6.05, 19.90, 9.05, 36.80, 15.60, 65.85, 72.00, 79.00, 77.05, 8.50, 10.90, 34.10, 34.60)


def as_images(per_cent, n=2000):
    """Return outcomes of n images with these errors: clean, and under each corruption."""
    counts = np.rint(np.array(per_cent) / 100 * n).astype(int)
    wrong = (np.arange(n)[:, None] < counts).astype(float)
    return wrong[:, 0], wrong[:, 1:]


@pytest.mark.parametrize(("model", "mce", "relative"), [(BASELINE, 100, 100), (EXPOSED, 668, 1925), (MLP, 691, 1570)])
def test_three_models_beside_the_first(model, mce, relative):
    clean, errors = as_images(model)
    reference = np.array(BASELINE[1:]) / 100
    found = mean_corruption_error(errors, reference, confidence=0.95)
    assert 100 * found.value == pytest.approx(mce, abs=0.5)
    assert found.low < found.value < found.high
    found = relative_corruption_error(errors, clean, reference, BASELINE[0] / 100, confidence=0.95)
    assert 100 * found.value == pytest.approx(relative, abs=0.5)


def test_by_hand():
    errors = np.array([[1, 0.5], [0, 0.5], [0, 0], [1, 0]])
    reference, clean = np.array([0.25, 0.5]), np.array([1.0, 0, 0, 0])
    assert mean_corruption_error(errors, reference, confidence=0.9).value == (0.5 / 0.25 + 0.25 / 0.5) / 2
    found = relative_corruption_error(errors, clean, reference, 0.1, confidence=0.9)
    assert found.value == pytest.approx((0.25 / 0.15 + 0) / 2)
    parts = error_parts(["a", "b"], errors, reference, confidence=0.9)
    assert [(part.name, part.value, part.n) for part in parts] == [("a", 2.0, 4), ("b", 0.5, 4)]
    parts = relative_parts(["a", "b"], errors, clean, reference, 0.1, confidence=0.9)
    assert [part.value for part in parts] == pytest.approx([0.25 / 0.15, 0])


def test_a_model_without_errors_is_not_certain_to_be_perfect():
    found = mean_corruption_error(np.zeros((50, 3)), np.array([0.1, 0.2, 0.4]), confidence=0.95)
    assert found.value == found.low == 0
    assert 0.2 < found.high < 1
    found = relative_corruption_error(np.zeros((50, 3)), np.zeros(50), np.full(3, 0.2), 0.1, confidence=0.95)
    assert found.low < 0 == found.value < found.high


outcomes = arrays(float, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.sampled_from([0, 0.2, 0.4, 1]))


@given(errors=outcomes, data=st.data())
def test_what_always_holds(errors, data):
    n, c = errors.shape
    reference = np.array(data.draw(st.lists(st.floats(0.05, 1), min_size=c, max_size=c)))
    clean = np.array(data.draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n)))
    found = mean_corruption_error(errors, reference, confidence=0.9)
    assert 0 <= found.low <= found.value <= found.high <= np.mean(1 / reference) + 1e-9
    assert found.value == pytest.approx(np.mean(errors.mean(axis=0) / reference))
    assert found.value == pytest.approx(
        np.mean([part.value for part in error_parts(list(map(str, range(c))), errors, reference, confidence=0.9)])
    )
    order, columns = data.draw(st.permutations(range(n))), data.draw(st.permutations(range(c)))
    moved = mean_corruption_error(errors[order][:, columns], reference[list(columns)], confidence=0.9)
    assert moved == pytest.approx(found)
    relative = relative_corruption_error(errors, clean, reference, 0.04, confidence=0.9)
    assert relative.low <= relative.value <= relative.high
    assert relative.value == pytest.approx(np.mean((errors.mean(axis=0) - clean.mean()) / (reference - 0.04)))


@pytest.mark.parametrize("n", [50, 400])
def test_the_intervals_cover(n):
    # Images of different difficulty, so that the corruptions of one are correlated; the share of 800 draws that miss.
    generator = np.random.default_rng(0)
    reference = np.array([0.05, 0.1, 0.2, 0.4])
    borders = np.array([0.04, 0.12, 0.25, 0.5])
    missed = np.zeros(2)
    for _ in range(800):
        difficulty = generator.random(n)[:, None]
        wrong = (0.7 * difficulty + 0.3 * generator.random((n, 4)) > 1 - borders).astype(float)
        clean = (difficulty[:, 0] > 0.97).astype(float)
        mce = mean_corruption_error(wrong, reference, confidence=0.95)
        relative = relative_corruption_error(wrong, clean, reference, 0.03, confidence=0.95)
        missed += [not i.low <= truth <= i.high for i, truth in zip((mce, relative), TRUTHS, strict=True)]
    assert (missed / 800 <= 0.065).all()
    assert (missed[0] / 800 >= 0.01).all() or n < 100  # not so wide as to say nothing


def _truths():
    generator = np.random.default_rng(1)
    n = 2_000_000
    difficulty = generator.random(n)
    share = [(0.7 * difficulty + 0.3 * generator.random(n) > 1 - border).mean() for border in (0.04, 0.12, 0.25, 0.5)]
    reference = np.array([0.05, 0.1, 0.2, 0.4])
    return np.mean(share / reference), np.mean((np.array(share) - 0.03) / (reference - 0.03))


TRUTHS = _truths()


def test_the_reference_itself_says_why_there_is_no_relative_error():
    wrong, clean = np.ones((5, 2)), np.zeros(5)
    for reference, reason in (
        (Reference("r", "d", np.array([0.1, 0.3]), None), "the scorecard of r has no clean accuracy"),
        (Reference("r", "d", np.array([0.1, 0.3]), 0.1), "the reference r errs no more under a than clean"),
        (Reference("r", "d", np.array([0.1, 0.3]), 0.1 - 1e-15), "the reference r errs no more under a than clean"),
    ):
        mce, relative = compared(reference, ["a", "b"], wrong, clean, confidence=0.95)
        assert mce.estimate.value == pytest.approx((10 + 1 / 0.3) / 2)
        assert np.isnan(relative.estimate).all()
        assert reason in relative.faults[0]
