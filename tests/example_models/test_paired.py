"""Paired tests against other implementations, against definitions, and on simulated data whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from example_models.paired import holm, of_accuracies, of_areas, of_calibration, of_means
from pytest_robustness.metrics import auroc, expected_calibration_error

RUNS = 200
TOO_OFTEN = 0.09
"""Three standard deviations above 5 % of the runs."""


def generator(run: int) -> np.random.Generator:
    return np.random.default_rng([8, run])


def two_models(run: int, *, shift: float, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Right answers of two models that mostly agree; the first has `shift` more of them."""
    draws = generator(run).random((2, n))
    hard, luck = draws
    second = hard < 0.6
    flipped = luck < 0.1
    first = np.where(flipped, ~second, second) if shift == 0 else second | (luck < shift / 0.4)
    if shift == 0:  # as many are lost as won: where they differ, either one is right with the same probability
        coin = generator(run + 10_000).random(n) < 0.5
        second = np.where(flipped, coin, second)
        first = np.where(flipped, ~coin, second)
    return first, second


def test_accuracies_by_the_exact_test_of_mcnemar() -> None:
    first, second = two_models(0, shift=0.1)
    won, lost = int((first & ~second).sum()), int((second & ~first).sum())
    found = of_accuracies(first, second)
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert found.low < found.value < found.high
    assert found.p == pytest.approx(binomtest(won, won + lost).pvalue)


def test_equal_accuracies_are_seldom_told_apart_and_others_are() -> None:
    alike = [of_accuracies(*two_models(run, shift=0)).p <= 0.05 for run in range(RUNS)]
    apart = [of_accuracies(*two_models(run, shift=0.1)).p <= 0.05 for run in range(20)]
    assert np.mean(alike) <= TOO_OFTEN
    assert all(apart)


def test_a_margin_is_tested_where_it_lies() -> None:
    first, second = two_models(1, shift=0.2)
    inside = of_accuracies(first, second, beyond=float(first.mean() - second.mean()))
    assert inside.p > 0.5
    found = of_accuracies(first, second, beyond=0.05)
    assert found.p < 0.001
    assert found.low > 0.05
    end = of_accuracies(first, second, beyond=found.low)
    assert end.p == pytest.approx(0.05, abs=0.01)


def shares(run: int, *, shift: float, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Shares of 15 corruptions under which two models have each image right: an image is hard for both."""
    own = generator(run)
    ease = own.beta(4, 1, size=n)
    first = own.binomial(15, np.clip(ease + shift, 0, 1)) / 15
    return first, own.binomial(15, ease) / 15


def test_means_of_shares() -> None:
    alike = [of_means(*shares(run, shift=0)) for run in range(RUNS)]
    assert np.mean([found.p <= 0.05 for found in alike]) <= TOO_OFTEN
    assert all((found.p > 0.05) == (found.low <= 0 <= found.high) for found in alike)
    first, second = shares(0, shift=-0.05)
    found = of_means(first, second)
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert found.high < 0
    assert found.p < 0.001


def scores(run: int, *, gain: float, n: int = 150) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Scores of two models that share most of their noise, rounded so that there are ties."""
    own = generator(run)
    made = []
    common = own.normal(size=(2, n))
    for extra in (gain, 0.0):
        inliers, outliers = (common + 0.5 * own.normal(size=(2, n))).round(1)
        made.append((inliers, (outliers + 1.5 + extra).round(1)))
    return tuple(made)


def test_areas_by_the_definition_of_delong() -> None:
    first, second = scores(0, gain=0.3)

    def above(inliers: np.ndarray, outliers: np.ndarray) -> np.ndarray:
        return (outliers > inliers[:, None]) + 0.5 * (outliers == inliers[:, None])

    psi = [above(*one) for one in (first, second)]
    variance = 0.0
    for axis in (0, 1):  # over the outliers of each inlier, and the other way round
        covariance = np.cov([one.mean(axis=1 - axis) for one in psi]) / psi[0].shape[axis]
        variance += covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    value = psi[0].mean() - psi[1].mean()
    found = of_areas(first, second)
    assert found.value == pytest.approx(value)
    assert found.value == pytest.approx(auroc(*first) - auroc(*second))
    assert found.high - found.low == pytest.approx(2 * norm.ppf(0.975) * variance**0.5)
    assert found.p == pytest.approx(2 * norm.sf(abs(value) / variance**0.5))


def test_equal_areas_are_seldom_told_apart_and_others_are() -> None:
    assert np.mean([of_areas(*scores(run, gain=0)).p <= 0.05 for run in range(RUNS)]) <= TOO_OFTEN
    assert all(of_areas(*scores(run, gain=1.0)).p <= 0.05 for run in range(20))


def test_the_same_scores_have_the_same_area() -> None:
    first, _ = scores(0, gain=0)
    assert of_areas(first, first) == (0.0, 0.0, 0.0, 1.0)


def answers(run: int, *, boast: float, n: int = 1000) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Confidences and right answers of two models on the same images; the first claims `boast` more than it should."""
    own = generator(run)
    chance = own.uniform(0.6, 0.9, size=n)
    made = []
    for extra in (boast, 0.03):
        meant = np.clip(chance + own.normal(scale=0.02, size=n), 0.55, 0.93)
        made.append((meant + extra, own.random(n) < meant))
    return tuple(made)


def test_calibration_errors_are_those_of_the_package() -> None:
    first, second = answers(0, boast=0.05)

    def error(confidence: np.ndarray, correct: np.ndarray) -> float:
        probabilities = np.stack([confidence, 1 - confidence], axis=1)
        return expected_calibration_error(probabilities, np.where(correct, 0, 1), bins=15)

    found = of_calibration(first, second, repeats=200)
    assert found.value == pytest.approx(error(*first) - error(*second))
    assert found == of_calibration(first, second, repeats=200)


def test_equal_calibration_is_seldom_told_apart_and_other_is() -> None:
    alike = [of_calibration(*answers(run, boast=0.03), repeats=199, seed=run) for run in range(60)]
    assert np.mean([found.p <= 0.05 for found in alike]) <= 0.14  # three deviations above 5 % of 60
    apart = [of_calibration(*answers(run, boast=0.11), repeats=199, seed=run) for run in range(10)]
    assert all(found.p <= 0.05 for found in apart)
    assert sum(found.low <= 0.08 <= found.high for found in apart) >= 8


def calibrated(run: int, *, least: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Confidences and right answers of a model that is right exactly as often as it is sure."""
    own = np.random.default_rng((run, int(100 * least)))
    confidence = own.uniform(least, 1.0, size=n)
    return confidence, own.random(n) < confidence


def test_a_model_that_is_less_sure_is_not_taken_for_worse_calibrated() -> None:
    # Both have an error of 0, but chance alone shows about 0.002 of the one and 0.016 of the other.
    sure, unsure = ([calibrated(run, least=least) for run in range(40)] for least in (0.98, 0.4))
    found = [of_calibration(first, second, repeats=99) for first, second in zip(sure, unsure, strict=True)]
    assert np.mean([one.value for one in found]) < -0.01
    assert sum(one.p <= 0.05 for one in found) <= 5
    assert all(one.low <= 0 <= one.high for one in found if one.p > 0.05)


def test_holm() -> None:
    # The p-values of R's help of p.adjust style: each ordered value times what is left, never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
