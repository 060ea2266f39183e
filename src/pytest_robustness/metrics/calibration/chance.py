"""What chance does to a calibration error: intervals of measured ones, and the band of a perfectly calibrated model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from pytest_robustness.metrics._validation import (
    Floats,
    Integers,
    checked_count,
    checked_outputs,
    checked_probabilities,
    checked_share,
)
from pytest_robustness.metrics.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Statistic = Callable[[npt.NDArray[np.float64], npt.NDArray[np.int64]], float]


class NullBand(NamedTuple):
    """What a perfectly calibrated model with the same probabilities would show: mean, and quantiles below and above."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replicates:
    """A calibration error, and the same error of resamples and of labels drawn from the probabilities.

    Parameters
    ----------
    value : float
    resampled : ndarray, shape (R,)
        The error of samples drawn with replacement.
    by_chance : ndarray, shape (R,), optional
        The error of labels drawn from the probabilities; None for a figure that is no error.
    largest : float
        The largest possible value.
    """

    value: float
    resampled: Floats
    by_chance: Floats | None = None
    largest: float = 1.0

    @classmethod
    def mean(cls, parts: Sequence[Replicates]) -> Replicates:
        """Return the mean of errors that were drawn with the same seed: replicate for replicate."""
        by_chance = [part.by_chance for part in parts if part.by_chance is not None]
        return cls(
            value=float(np.mean([part.value for part in parts])),
            resampled=np.mean([part.resampled for part in parts], axis=0),
            by_chance=np.mean(by_chance, axis=0) if by_chance else None,
            largest=parts[0].largest,
        )

    def interval(self, confidence: float) -> Interval:
        """Return the interval of `calibration_interval`."""
        tail = (1 - checked_share("confidence", confidence)) / 2
        lower, upper = np.quantile(self.resampled, (tail, 1 - tail))
        bias = upper - self.value
        if self.by_chance is not None:
            bias = max(bias, np.quantile(self.by_chance, 1 - tail))
        # An error that is cut off at 0 says nothing about its spread there: the resamples do.
        high = upper if self.value == 0 else self.value + max(0.0, self.resampled.mean() - lower)
        low = min(self.value, max(0.0, float(self.value - bias)))
        return Interval(low, max(self.value, min(self.largest, float(high))))

    def band(self, confidence: float) -> NullBand:
        """Return the band of `null_band`; `by_chance` must be there."""
        share = checked_share("confidence", confidence)
        drawn = np.zeros(1) if self.by_chance is None else self.by_chance
        low, high = np.quantile(drawn, (1 - share, share))
        return NullBand(float(drawn.mean()), float(low), float(high))


def calibration_interval(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    statistic: Statistic,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    repeats: int = 500,
) -> Interval:
    """Return an interval for a calibration error, from resamples and from what chance alone would give.

    A measured calibration error is biased upward: labels drawn from a model's own confidences, so that it is perfectly
    calibrated, give a mean ECE of 15 bins of about 0.0063 for 1,000 samples of an accurate digit classifier and 0.0020
    for 10,000. A resample is biased once more, so that the plain bootstrap quantiles lie too high and may exclude the
    value itself. Therefore:

    - ``low`` is the lower of the reflected bound, 2 value - upper quantile of the resamples (the basic bootstrap of
      Davison & Hinkley, "Bootstrap Methods and their Application", 1997, eq. 5.6), which takes off the bias that the
      resamples show, and value - upper quantile of the error of labels drawn from the probabilities; at least 0. So
      it is 0 wherever the value is no more than a perfectly calibrated model would show.
    - ``high`` is value + (mean - lower quantile of the resamples), at most 1. The bias is left in, which errs to the
      safe side. Where the value is exactly 0, as debiased errors may be, it is the upper quantile of the resamples.

    Parameters
    ----------
    probabilities : array of floats, shape (N, K)
        Rows sum to 1 (within 1e-4).
    labels : array of int, shape (N,)
        In [0, K).
    statistic : callable
        Takes probabilities and labels, returns the error: `expected_calibration_error` or another function of this
        package, with its options bound by a lambda or ``functools.partial``.
    confidence : float, optional
        Coverage aimed at, in (0, 1).
    seed : int, optional
        Of the resamples and of the drawn labels, >= 0: the same seed gives the same interval.
    repeats : int, optional
        Number of both.

    Returns
    -------
    Interval

    Raises
    ------
    ParameterError
        If probabilities or labels cannot be used, or an option is out of its range.
    """
    checked, known = checked_outputs(probabilities, labels)
    checked_share("confidence", confidence)
    resampled, by_chance = np.empty((2, checked_count("repeats", repeats)))
    top = checked.argmax(axis=1)
    for repeat, (chosen, uniforms) in enumerate(draws(len(known), seed, repeats)):
        resampled[repeat] = statistic(checked[chosen], known[chosen])
        by_chance[repeat] = statistic(checked, draw_labels(checked, top, uniforms))
    value = statistic(checked, known)
    return Replicates(value=value, resampled=resampled, by_chance=by_chance).interval(confidence)


def null_band(
    probabilities: npt.ArrayLike,
    statistic: Statistic,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    repeats: int = 500,
) -> NullBand:
    """Return what a calibration error would be if these very probabilities were right, from labels drawn from them.

    No sample of this size can show that a model is calibrated better than this: a bound below ``high`` is met or missed
    by chance. The band shrinks like one over the root of the number of samples. For 1,000 samples of an accurate digit
    classifier and 15 bins of equal width the mean is about 0.006 and the upper end 0.009.

    Parameters
    ----------
    probabilities : array of floats, shape (N, K)
        Rows sum to 1 (within 1e-4).
    statistic : callable
        As for `calibration_interval`.
    confidence : float, optional
        In (0, 1). `high` is the quantile at this level, `low` that at one minus it: each holds for itself.
    seed : int, optional
        Of the drawn labels, >= 0.
    repeats : int, optional
        Number of draws of all labels.

    Returns
    -------
    NullBand

    Raises
    ------
    ParameterError
        If probabilities cannot be used, or an option is out of its range.
    """
    checked = checked_probabilities(probabilities)
    top = checked.argmax(axis=1)
    checked_count("repeats", repeats)
    errors = [statistic(checked, draw_labels(checked, top, u)) for _, u in draws(len(checked), seed, repeats)]
    drawn = np.array(errors)
    return Replicates(value=0.0, resampled=drawn, by_chance=drawn).band(confidence)


def draws(n: int, seed: int, repeats: int) -> Iterator[tuple[Integers, Floats]]:
    """Yield `repeats` times the numbers of n samples drawn with replacement, and n uniform numbers for labels.

    They depend on nothing but the arguments: what is drawn for image i is the same for all its corrupted copies.
    """
    generator = np.random.Generator(np.random.Philox(checked_count("seed", seed, least=0)))
    for _ in range(repeats):
        yield generator.integers(n, size=n), generator.random(n)


def draw_labels(probabilities: Floats, top: Integers, uniforms: Floats) -> Integers:
    """Return a label of each sample (N,), drawn from its probabilities (N, K).

    It is the `top` class exactly where the uniform number lies below the confidence, so that the uniform number of an
    image says for every corrupted copy of it alike how lucky its prediction is.
    """
    rows = np.arange(len(top))
    confidence = probabilities[rows, top]
    drawn = top.copy()
    others = np.flatnonzero(uniforms >= confidence)
    if len(others):
        rest = probabilities[others]
        rest[np.arange(len(others)), top[others]] = 0.0
        cumulative = rest.cumsum(axis=1)
        # The last sum is the whole of the rest: rounding must not leave a number beyond it.
        aim = np.minimum(uniforms[others] - confidence[others], np.nextafter(cumulative[:, -1], 0))
        drawn[others] = np.where(cumulative[:, -1] > 0, (cumulative <= aim[:, None]).sum(axis=1), top[others])
    return drawn
