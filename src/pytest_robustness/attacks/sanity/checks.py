"""What a probe must not show, each as one small check."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pytest_robustness.attacks.sanity.probe import MOST_NOISE, SURVIVORS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_robustness.attacks.sanity.probe import Probe

# The thresholds lie between what honest and masked models showed, most of them far from both. Honest: convolutional and
# dense networks and a linear one, plain, regularised and adversarially trained (Linf 0.1 and 0.3), on digits, for Linf
# 0.1, 0.3 and L2 1, 3, several seeds. Masked: the zoo of tests/attacks/masked.py.

MOST_ZERO = 0.02
"""Share of the samples that may resist with a gradient of zero. Honest: 0; quantised: 1."""

MOST_FAINT = 0.05
"""Share that may resist with a gradient lost in rounding. Honest: 0."""

LEAST_KEPT, LEAST_KEPT_STRAIGHT = 0.25, 0.05
"""Least median share of the promised rise, where gradients turn as in `LEAST_TURN` and where they do not.

Honest: 0.9 or more; with straight-through slopes 0.3 and, for two levels, 0.11; shattered: 0.02 to 0.22, and turning.
"""

LEAST_TURN, TURNED, FEWEST_TURNING = 0.5, 0.25, 8
"""Cosine below which no quarter of at least eight survivors may lie. Honest: 0.65 or more; trained to mask: 0.38."""

LEAST_RISEN = 0.75
"""Least share of the samples that resist whose loss rises at all. Honest: 1."""

FEWEST_FOOLED, MOST_FOOLED = 3, 0.2
"""Number and share of the survivors from which on Square is too good. Honest: 1 of 13 at most."""

_HIDDEN = (
    'gradients are hidden, so the value is too high: "strongest" goes through rounding, "square" and "hopskipjump" '
    "need none"
)


def faults(probe: Probe) -> list[str]:
    """Return what is wrong, one line each: what was seen, with numbers, and what to do; empty where all is well.

    Where no sample resisted there is nothing that hidden gradients could have made too high: then only outputs that
    change from call to call count.
    """
    checks = CHECKS if probe.resisted.any() else {name: CHECKS[name] for name in ALWAYS}
    lines = (check(probe) for check in checks.values())
    return [line for line in lines if line is not None]


def _noise(probe: Probe) -> str | None:
    if probe.averaged or probe.noise <= MOST_NOISE:
        return None
    return (
        f"the model is stochastic: two answers to the same images differ by {probe.noise:.2g} of the range of its "
        "scores; have model.eval() switch its noise off, or name an attack that averages over it"
    )


def _training(probe: Probe) -> str | None:
    if not probe.training:
        return None
    names = ", ".join(probe.training[:3]) + (" ..." if len(probe.training) > 3 else "")
    return f"{len(probe.training)} parts of the model stay in training mode ({names}): model.eval() must reach them"


def _neighbours(probe: Probe) -> str | None:
    # Where equal calls differ, so do calls on other batches: one fault, not two.
    if probe.noise > MOST_NOISE or probe.neighbours <= MOST_NOISE:
        return None
    return (
        f"the scores of an image change by {probe.neighbours:.2g} of their range with the other images of its batch: "
        "batch normalisation must use its running averages, as it does after model.eval()"
    )


def _levels(probe: Probe) -> str | None:
    if not probe.scores or probe.levels > probe.classes or len(probe.resisted) < 2:
        return None
    return (
        f"the scores of {len(probe.resisted)} images take {probe.levels} different values only, like labels or "
        'saturated probabilities: give the logits, or name an attack on labels, attack="hopskipjump"'
    )


def _zero(probe: Probe) -> str | None:
    zero = probe.zero & probe.resisted[: len(probe.zero)]
    if zero.sum() <= MOST_ZERO * max(len(zero), 1):
        return None
    return f"the gradient is exactly zero for {zero.sum()} of {probe.resisted.sum()} samples that resisted: {_HIDDEN}"


def _faint(probe: Probe) -> str | None:
    faint = probe.faint & probe.resisted[: len(probe.faint)]
    if faint.sum() <= MOST_FAINT * max(len(faint), 1):
        return None
    return (
        f"the gradient is lost in float32 rounding for {faint.sum()} of {probe.resisted.sum()} samples that resisted: "
        "give the logits before any softmax, or take an attack without gradients"
    )


def _kept(probe: Probe) -> str | None:
    kept, turn = (values[np.isfinite(values)] for values in (probe.kept, probe.turn))
    turning = len(turn) > 0 and np.median(turn) < LEAST_TURN
    if len(kept) < 2 or np.median(kept) >= (LEAST_KEPT if turning else LEAST_KEPT_STRAIGHT):
        return None
    return (
        f"steps along the gradient raise the loss by {np.median(kept):.0%} of what it promises (median of {len(kept)} "
        f"samples; honest models keep most of it): {_HIDDEN}"
    )


def _turn(probe: Probe) -> str | None:
    turn = probe.turn[probe.standing] if len(probe.turn) else probe.turn
    turn = turn[np.isfinite(turn)]
    if len(turn) < FEWEST_TURNING:
        return None
    least = float(np.quantile(turn, TURNED))
    if least >= LEAST_TURN:
        return None
    return (
        f"the gradient points elsewhere at random points of the ball: its cosine with that at the image is below "
        f"{least:.2f} for a quarter of {len(turn)} samples that resist, as in models that learned to mask their "
        "gradients; the value is too high, and no attack is sure to find the true one: gate at a smaller eps"
    )


def _rose(probe: Probe) -> str | None:
    if not len(probe.rose):
        return None
    judged = probe.resisted & ~(probe.flat & ~probe.zero)
    risen = probe.rose & judged
    if risen.sum() >= LEAST_RISEN * judged.sum():
        return None
    return (
        f"five steps up the gradient raise the loss of only {risen.sum()} of {judged.sum()} samples that resisted: "
        f"{_HIDDEN}"
    )


def _control(probe: Probe) -> str | None:
    if probe.control is None:
        return None
    n, chance = len(probe.resisted), 1 / probe.classes
    allowed = n * chance + 3 * sqrt(n * chance * (1 - chance))
    if probe.control <= allowed:
        return None
    return (
        f"with every image allowed, ten steps of PGD leave {probe.control} of {n} samples standing, where at most "
        f"{allowed:.0f} should by chance: {_HIDDEN}"
    )


def _wider(probe: Probe) -> str | None:
    if probe.wider is None:
        return None
    narrow = int(probe.standing.sum())
    if probe.wider <= narrow + 2 + sqrt(narrow):
        return None
    return f"a gradient attack leaves {narrow} samples standing, but {probe.wider} at twice the radius: {_HIDDEN}"


def _fooled(probe: Probe) -> str | None:
    if probe.fooled < FEWEST_FOOLED or probe.fooled < MOST_FOOLED * probe.tried:
        return None
    return (
        f"{probe.fooled} of {probe.tried} samples that two gradient attacks left standing fall to 200 queries without "
        f"gradients: {_HIDDEN}"
    )


class Weakness(NamedTuple):
    """What a stronger attack found, and whether the one that was run found next to nothing."""

    text: str
    hopeless: bool


def weakness(probe: Probe) -> Weakness | None:
    """Return what a short gradient attack fells of those that resisted, where that is much: the attack, not the model.

    Returns
    -------
    Weakness or None
        None where less than a quarter falls, or fewer than eight were tried.
    """
    tried = min(SURVIVORS, int(probe.resisted.sum()))
    fell = tried - int(probe.standing.sum())
    if len(probe.standing) == 0 or tried < FEWEST_TRIED or fell <= WEAK * tried:
        return None
    text = (
        f"{fell} of {tried} samples that resisted fall to a short gradient attack: this one is weak, the value too high"
    )
    return Weakness(text, fell >= HOPELESS * tried)


FEWEST_TRIED, WEAK, HOPELESS = 8, 0.25, 0.8
"""How many must have been tried, and which shares of them make an attack weak, and worthless."""


CHECKS: dict[str, Callable[[Probe], str | None]] = {
    "noise": _noise,
    "training": _training,
    "neighbours": _neighbours,
    "levels": _levels,
    "zero": _zero,
    "faint": _faint,
    "kept": _kept,
    "turn": _turn,
    "rose": _rose,
    "control": _control,
    "wider": _wider,
    "fooled": _fooled,
}
"""Every check by its name: a probe to a line, or to None."""

ALWAYS = ("noise", "training", "neighbours")
"""What counts even where no sample resisted."""
