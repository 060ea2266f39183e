"""All calibration errors of many resamples and many drawn labels at once.

The figures of the public functions, without calling them for every replicate: samples are sorted once, resamples are
weights of the samples, and bins are differences of cumulative sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.metrics._validation import Floats, Integers, checked_count, checked_outputs
from pytest_robustness.metrics.calibration._binning import (
    Bins,
    debiased_root_mean_square_gap,
    edges_of,
    equal_mass_starts,
    fixed_size_starts,
    largest_gap,
    mean_gap,
    root_mean_square_gap,
    root_mean_square_gap_but_the_last,
)
from pytest_robustness.metrics.calibration._classes import ClassBins, class_bins, count_hits, weighted_class_bins
from pytest_robustness.metrics.calibration.chance import Replicates, draw_labels, draws
from pytest_robustness.metrics.calibration.smooth import cell_matrix, fixed_points

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

RMS_BIN_SIZE = 100

_CHUNK = 2**19
"""Numbers in an array of replicates: what fits into the cache of a processor or two."""

_FEW = 100
"""Replicates of the errors that cost more: a smooth one, or one bin for each class."""


def calibration_replicates(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = 15, seed: int = 0, repeats: int = 500
) -> dict[str, Replicates]:
    """Return every calibration error with what is needed for its interval and its null band.

    Parameters
    ----------
    probabilities : array of floats, shape (N, K)
        Rows sum to 1 (within 1e-4).
    labels : array of int, shape (N,)
        In [0, K).
    bins : int, optional
        Number of bins; the RMS errors have bins of 100 samples.
    seed : int, optional
        As for `calibration_interval`, which draws the same numbers.
    repeats : int, optional
        Number of replicates; of ``smooth_ece``, ``classwise_ece`` and the parts of the Brier score at most 100, and
        less where N K is large.

    Returns
    -------
    dict of str to Replicates
        ``ece``, ``ace``, ``mce``, ``rms``, ``rms_hendrycks``, ``debiased_ece``, ``smooth_ece``, ``classwise_ece``,
        ``brier_reliability``, ``brier_resolution`` and ``brier_uncertainty``.

    Raises
    ------
    ParameterError
        If probabilities or labels cannot be used, or an option is out of its range.
    """
    checked, known = checked_outputs(probabilities, labels)
    checked_count("bins", bins)
    checked_count("repeats", repeats)
    found = _binned_replicates(checked, known, bins, seed, repeats)
    few = min(repeats, _FEW, max(20, 2 * 10**8 // checked.size))
    return found | _smooth_replicates(checked, known, seed, few) | _class_replicates(checked, known, bins, seed, few)


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Samples in the order of their confidence; `ends` are the positions between samples of different confidence."""

    order: Integers
    confidence: Floats
    ends: Integers

    @classmethod
    def of(cls, confidence: Floats) -> _Ranked:
        order = np.argsort(confidence, kind="stable")
        ordered = confidence[order]
        ends = np.concatenate([[0], np.flatnonzero(np.diff(ordered)) + 1, [len(ordered)]])
        return cls(order, ordered, ends)

    def cumulative(self, values: Floats) -> Floats:
        """Return the sums (R, G + 1) of values (R, N) up to each end."""
        sums = np.zeros((len(values), values.shape[1] + 1))
        np.cumsum(values, axis=1, out=sums[:, 1:])
        return sums if len(self.ends) == sums.shape[1] else sums[:, self.ends]


@dataclass(frozen=True, slots=True)
class _Sums:
    """Cumulative sums (R or 1, G + 1) of weights, of confidence and of correctness."""

    n: Floats
    confidence: Floats
    correct: Floats

    def at_edges(self, ranked: _Ranked, bins: int) -> Bins:
        """Return the bins of equal width."""
        edges = edges_of(bins)
        distinct = ranked.confidence[ranked.ends[:-1]]
        places = np.searchsorted(distinct, edges, side="right")
        places[0] = 0  # confidence 0 lies in the first bin
        sums = (np.diff(column[:, places], axis=1) for column in (self.n, self.confidence, self.correct))
        return Bins(edges[:-1], edges[1:], *sums)

    def at_ranks(self, starts: Integers) -> Bins:
        """Return the bins that start at these ranks; samples of equal confidence are shared out evenly."""
        total = round(float(self.n[0, -1]))
        ranks = np.append(starts, total).astype(np.float64)
        places = np.stack([np.searchsorted(row, ranks, side="right") - 1 for row in self.n])
        places = np.minimum(places, self.n.shape[1] - 2)
        before = np.take_along_axis(self.n, places, axis=1)
        width = np.take_along_axis(self.n, places + 1, axis=1) - before
        # Only the last rank may fall on samples that were not drawn, of width 0: then nothing is left to share.
        share = (ranks - before) / np.where(width > 0, width, 1.0)
        columns = (self.confidence, self.correct)
        sums = (np.diff(_between(column, places, share), axis=1) for column in columns)
        n = np.broadcast_to(np.diff(ranks), (len(self.n), len(starts)))
        return Bins(ranks[:-1], ranks[1:], n, *sums)


def _between(column: Floats, places: Integers, share: Floats) -> Floats:
    left = np.take_along_axis(column, places, axis=1)
    right = np.take_along_axis(column, places + 1, axis=1)
    return np.asarray(left + share * (right - left))


def _binned_replicates(
    probabilities: Floats, labels: Integers, bins: int, seed: int, repeats: int
) -> dict[str, Replicates]:
    n, top = len(labels), probabilities.argmax(axis=1)
    ranked = _Ranked.of(probabilities.max(axis=1))
    confidence = ranked.confidence[None]
    correct = (top == labels)[ranked.order].astype(np.float64)[None]
    alone = np.ones((1, n))
    fixed = ranked.cumulative(alone), ranked.cumulative(confidence)
    rows: dict[str, list[Floats]] = {"resampled": [], "by_chance": []}
    for chosen, uniforms in _chunks(n, seed, repeats):
        weights = _weights(chosen)[:, ranked.order]
        sums = (ranked.cumulative(w) for w in (weights, weights * confidence, weights * correct))
        rows["resampled"].append(_all_errors(_Sums(*sums), ranked, bins, n))
        lucky = (uniforms[:, ranked.order] < confidence).astype(np.float64)
        rows["by_chance"].append(_all_errors(_Sums(*fixed, ranked.cumulative(lucky)), ranked, bins, n))
    value = _all_errors(_Sums(*fixed, ranked.cumulative(correct)), ranked, bins, n)[:, 0]
    resampled, by_chance = (np.concatenate(rows[name], axis=1) for name in ("resampled", "by_chance"))
    return {
        name: Replicates(value=float(value[i]), resampled=resampled[i], by_chance=by_chance[i])
        for i, name in enumerate(_BINNED)
    }


_BINNED: dict[str, tuple[str, Callable[[Bins], Floats]]] = {
    "ece": ("width", mean_gap),
    "ace": ("mass", mean_gap),
    "mce": ("width", largest_gap),
    "rms": ("size", root_mean_square_gap),
    "rms_hendrycks": ("size", root_mean_square_gap_but_the_last),
    "debiased_ece": ("mass", debiased_root_mean_square_gap),
}


def _all_errors(sums: _Sums, ranked: _Ranked, bins: int, n: int) -> Floats:
    """Return the errors of `_BINNED`, (E, R)."""
    made = {
        "width": sums.at_edges(ranked, bins),
        "mass": sums.at_ranks(equal_mass_starts(n, bins)),
        "size": sums.at_ranks(fixed_size_starts(n, RMS_BIN_SIZE)),
    }
    return np.stack([error(made[binning]) for binning, error in _BINNED.values()])


def _smooth_replicates(probabilities: Floats, labels: Integers, seed: int, repeats: int) -> dict[str, Replicates]:
    n, top = len(labels), probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    cells, residuals = cell_matrix(confidence), confidence - (top == labels)
    resampled, by_chance = list[Floats](), list[Floats]()
    for chosen, uniforms in _chunks(n, seed, repeats):
        for rows, found in (
            (_weights(chosen) * residuals, resampled),
            (confidence - (uniforms < confidence), by_chance),
        ):
            found.append(fixed_points((cells @ np.ascontiguousarray(rows.T)).T / n))
    value = float(fixed_points(cells @ residuals / n)[0])
    drawn = np.concatenate(resampled), np.concatenate(by_chance)
    return {"smooth_ece": Replicates(value=value, resampled=drawn[0], by_chance=drawn[1])}


def _class_replicates(
    probabilities: Floats, labels: Integers, bins: int, seed: int, repeats: int
) -> dict[str, Replicates]:
    n, top = len(labels), probabilities.argmax(axis=1)
    once = class_bins(probabilities, labels, bins)
    resampled, by_chance = list[ClassBins](), list[ClassBins]()
    for chosen, uniforms in _chunks(n, seed, repeats):
        resampled.append(weighted_class_bins(probabilities, labels, bins, _weights(chosen)))
        drawn = np.stack([draw_labels(probabilities, top, row) for row in uniforms])
        by_chance.append(ClassBins(once.n, once.probability, count_hits(probabilities, drawn, bins)))
    figures: dict[str, tuple[Callable[[ClassBins], Floats], bool, float]] = {
        "classwise_ece": (ClassBins.mean_gap, True, 1.0),
        "brier_reliability": (ClassBins.reliability, True, 2.0),
        "brier_resolution": (ClassBins.resolution, False, 2.0),
        "brier_uncertainty": (ClassBins.uncertainty, False, 1 - 1 / probabilities.shape[1]),
    }
    return {
        name: Replicates(
            value=float(figure(once)[0]),
            resampled=np.concatenate([figure(part) for part in resampled]),
            by_chance=np.concatenate([figure(part) for part in by_chance]) if is_error else None,
            largest=largest,
        )
        for name, (figure, is_error, largest) in figures.items()
    }


def _chunks(n: int, seed: int, repeats: int) -> Iterator[tuple[Integers, Floats]]:
    """Yield what `draws` yields, some replicates at a time: (R, N) each."""
    size, waiting = max(1, _CHUNK // n), list[tuple[Integers, Floats]]()
    for number, pair in enumerate(draws(n, seed, repeats), start=1):
        waiting.append(pair)
        if len(waiting) == size or number == repeats:
            yield np.stack([chosen for chosen, _ in waiting]), np.stack([uniforms for _, uniforms in waiting])
            waiting.clear()


def _weights(chosen: Integers) -> Floats:
    """Return how often each sample was drawn, (R, N)."""
    n = chosen.shape[1]
    return np.stack([np.bincount(row, minlength=n) for row in chosen]).astype(np.float64)
