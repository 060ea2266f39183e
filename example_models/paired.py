"""Tests of two models on the same images: how much larger a figure of the first is, how sure that is, and a p-value."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from pytest_robustness.metrics import Interval, mcnemar, mean_change_interval, paired_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BINS = 15
REPEATS = 2000
_CHUNK = 500
_HALVINGS = 40
_LEAST = 1e-12  # below this, a p-value is not told more exactly


class Difference(NamedTuple):
    """How much more the first of two models has: the value, its 95 % interval, and the two-sided p-value of none."""

    value: float
    low: float
    high: float
    p: float


def of_accuracies(first: NDArray[np.bool_], second: NDArray[np.bool_], *, beyond: float = 0.0) -> Difference:
    """Compare accuracies: McNemar's exact test; beyond a margin, the exact interval that goes with it, inverted."""
    lost, won, n = int((second & ~first).sum()), int((first & ~second).sum()), len(first)

    def interval(confidence: float) -> Interval:
        return paired_interval(lost, won, n, confidence=confidence)

    p = mcnemar(lost, won).p if beyond == 0 else _inverted(interval, beyond)
    return Difference((won - lost) / n, *interval(0.95), p)


def of_means(first: Floats, second: Floats) -> Difference:
    """Compare means of shares, one share for each image: the interval of the paired differences, inverted."""

    def interval(confidence: float) -> Interval:
        return mean_change_interval(second, first, confidence=confidence)

    return Difference(float(first.mean() - second.mean()), *interval(0.95), _inverted(interval, 0.0))


def of_areas(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> Difference:
    """Compare AUROCs of scores of the same inliers and the same outliers.

    DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988, 837-845); placements by ranks as in Sun and Xu (IEEE Signal
    Processing Letters 21, 2014, 1389-1393).

    Parameters
    ----------
    first, second : (ndarray of shape (N,), ndarray of shape (M,))
        Scores of the inliers and of the outliers.
    """
    placed = [_placements(*scores) for scores in (first, second)]
    value = float(placed[0][0].mean() - placed[1][0].mean())
    differences = [a - b for a, b in zip(*placed, strict=True)]
    error = math.sqrt(sum(float(d.var(ddof=1)) / len(d) for d in differences))
    return _normal(value, error)


def _placements(inliers: Floats, outliers: Floats) -> tuple[Floats, Floats]:
    """Return for each inlier the share of the outliers above it, and for each outlier that of the inliers below it."""
    together = rankdata(np.concatenate([inliers, outliers]))
    below = (together[: len(inliers)] - rankdata(inliers)) / len(outliers)
    return 1 - below, (together[len(inliers) :] - rankdata(outliers)) / len(inliers)


def of_calibration(
    first: tuple[Floats, NDArray[np.bool_]],
    second: tuple[Floats, NDArray[np.bool_]],
    *,
    seed: int = 0,
    repeats: int = REPEATS,
) -> Difference:
    """Compare ECEs of 15 bins by resampling images, the same ones for both models.

    The difference is taken as normal, with the standard deviation of its resamples. An ECE is biased upwards: by what
    chance alone makes of the gaps where there is none, by less where there is, and more for a model that is less
    sure. How much of that is in either ECE is not known, so the interval allows for all of it in one and none in the
    other, and the p-value is that of the difference beyond it.

    Parameters
    ----------
    first, second : (ndarray of shape (N,), ndarray of bool of shape (N,))
        The confidence of each answer, and whether it is right.
    seed, repeats : int
        Of the resamples.
    """
    gaps = [_gaps(*one) for one in (first, second)]
    value = float(_ece(gaps[0].sum(axis=0)) - _ece(gaps[1].sum(axis=0)))
    n, generator = len(first[0]), np.random.default_rng(seed)
    found = []
    for start in range(0, repeats, _CHUNK):
        drawn = generator.integers(n, size=(min(_CHUNK, repeats - start), n))
        weights = np.stack([np.bincount(row, minlength=n) for row in drawn]).astype(np.float64)
        found.append(_ece(weights @ gaps[0]) - _ece(weights @ gaps[1]))
    error = float(np.concatenate(found).std(ddof=1))
    return _normal(value, error, above=_by_chance(first[0]), below=_by_chance(second[0]))


def _by_chance(confidence: Floats) -> float:
    """Return the mean ECE of a model that is right as often as it is sure: the largest bias that it can have."""
    variance = np.bincount(_bins(confidence), confidence * (1 - confidence)) / len(confidence) ** 2
    return float(np.sqrt(2 / np.pi * variance).sum())


def _bins(confidence: Floats) -> NDArray[np.int64]:
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def _gaps(confidence: Floats, correct: NDArray[np.bool_]) -> Floats:
    """Return what each image adds to the gap of its bin, (N, bins)."""
    bins = _bins(confidence)
    found = np.zeros((len(bins), BINS))
    found[np.arange(len(bins)), bins] = (correct - confidence) / len(bins)
    return found


def _ece(gaps: Floats) -> Floats:
    """Return the ECE of the gaps of bins (..., bins)."""
    return np.asarray(np.abs(gaps).sum(axis=-1))


def _normal(value: float, error: float, *, above: float = 0.0, below: float = 0.0) -> Difference:
    """Return a difference that is normal, with this standard error, and at most so far above or below the true one."""
    beyond = max(value - above, -value - below, 0.0)
    if error == 0:
        return Difference(value, value - above, value + below, 1.0 if beyond == 0 else 0.0)
    reach = float(ndtri(0.975)) * error
    return Difference(value, value - above - reach, value + below + reach, float(2 * ndtr(-beyond / error)))


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values that hold together (Holm, Scandinavian Journal of Statistics 6, 1979, 65-70)."""
    order = np.argsort(values)
    steps = np.array(values)[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return [float(value) for value in adjusted]


def hold_together(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return comparisons, each with its p-value ``p`` as all of them hold together beside it, as ``p_holm``."""
    adjusted = holm([entry["p"] for entry in entries])
    return [{**entry, "p_holm": p} for entry, p in zip(entries, adjusted, strict=True)]


def _inverted(interval: Callable[[float], Interval], null: float) -> float:
    """Return the smallest error at which an interval leaves a value out: the p-value of that value."""

    def leaves_out(p: float) -> bool:
        low, high = interval(1 - p)
        return not low <= null <= high

    if leaves_out(_LEAST):
        return _LEAST
    inside, outside = math.log(_LEAST), math.log(1 - 1e-9)
    if not leaves_out(math.exp(outside)):
        return 1.0
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if leaves_out(math.exp(middle)) else (middle, outside)
    return math.exp(outside)


def write_rounded(path: Path, entries: Sequence[dict[str, Any]]) -> Path:
    """Write entries as JSON, their numbers to six digits."""
    rounded = [{key: _rounded(value) for key, value in entry.items()} for entry in entries]
    path.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
    return path


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
