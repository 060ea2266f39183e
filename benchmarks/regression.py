"""How many runs catch a drop of three points: on the images of the baseline, one by one, and on others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from tabulate import tabulate

from pytest_robustness.evaluations import Measurement
from pytest_robustness.gates.drops import judge_drop
from pytest_robustness.gates.settings import Settings
from pytest_robustness.metrics import binomial_interval
from pytest_robustness.scorecard.comparison import compare_rows
from pytest_robustness.scorecard.outcomes import pack_outcomes
from pytest_robustness.scorecard.rows import Row

BEFORE = 0.95
N = 1_000
POPULATION = 10_000


class Caught(NamedTuple):
    """Runs, and in how many of them the drop was caught on the images of the baseline, and on others."""

    runs: int
    paired: int
    unpaired: int


def table(runs: int = 1_000) -> str:
    """Return for models that win 0 to 3 points and lose as many and the drop how many of the runs catch it."""
    rows = []
    for drop in (0.03, 0.0):
        for won in (0.0, 0.005, 0.01, 0.02, 0.03):
            found = simulate(drop=drop, won=won, runs=runs, seed=0)
            rows.append(
                [
                    f"{100 * drop:g}",
                    f"{100 * (won + drop):g}",
                    f"{100 * won:g}",
                    found.paired / runs,
                    found.unpaired / runs,
                ]
            )
    headers = ["drop, points", "lost", "won", "caught paired", "caught unpaired"]
    return tabulate(rows, headers=headers, floatfmt=("", "", "", ".1%", ".1%"), disable_numparse=[0, 1, 2])


def simulate(*, drop: float, won: float, runs: int, seed: int) -> Caught:
    """Hold a model against a baseline again and again, by the default rule, each time on other images.

    Parameters
    ----------
    drop : float
        How much less accurate the model is than the one before, which has an accuracy of 0.95.
    won : float
        Share of the images that only the new model has right; those that only the old one has right are `drop` more.
    runs, seed : int
    """
    rng = np.random.default_rng(seed)
    counts = np.zeros(2, np.int64)
    for _ in range(runs):
        # 10,000 images, exactly as many of each kind as the shares say, of which the run draws 1,000.
        kinds = np.repeat(np.arange(4), _sizes(drop, won))
        drawn, others = (rng.choice(kinds, N, replace=False) for _ in range(2))
        after = _right_after(drawn)
        counts += [_fails(_right_before(drawn), after, paired=True), _fails(_right_before(others), after, paired=False)]
    return Caught(runs, *counts.tolist())


def _sizes(drop: float, won: float) -> list[int]:
    lost = won + drop
    shares = [BEFORE - lost, lost, won, 1 - BEFORE - won]
    return [round(share * POPULATION) for share in shares]


def _right_before(kinds: np.ndarray) -> np.ndarray:
    return (kinds == 0) | (kinds == 1)


def _right_after(kinds: np.ndarray) -> np.ndarray:
    return (kinds == 0) | (kinds == 2)


def _fails(before: np.ndarray, after: np.ndarray, *, paired: bool) -> bool:
    change = compare_rows(_row(before, outcomes=paired), _row(after, outcomes=paired))
    return bool(judge_drop(change, _measurement(after), Settings(baseline="b.json"), gated=True)["verdict"] == "failed")


def _row(correct: np.ndarray, *, outcomes: bool) -> Row:
    m = _measurement(correct)
    packed = pack_outcomes(np.arange(N), correct) if outcomes else None
    known = {name: getattr(m, name) for name in ("family", "metric", "value", "low", "high", "confidence", "n")}
    return Row(**known, id="", parameters={}, higher_is_better=True, model="", data="", outcomes=packed)


def _measurement(correct: np.ndarray) -> Measurement:
    low, high = binomial_interval(int(correct.sum()), N)
    return Measurement(
        family="accuracy",
        metric="accuracy",
        parameters={},
        value=float(correct.mean()),
        low=low,
        high=high,
        confidence=0.95,
        n=N,
        population=POPULATION,
        higher_is_better=True,
    )
