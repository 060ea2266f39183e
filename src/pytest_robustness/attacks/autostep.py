"""The climb of Auto-PGD: every sample finds its own step size, and goes back to its best point when it stalls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_robustness.attacks.batch import Record
from pytest_robustness.attacks.climber import begin

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_robustness.attacks.batch import Batch, Found
    from pytest_robustness.attacks.climber import Climb, Rules
    from pytest_robustness.classifiers import Forward


def ascend(
    forward: Forward, batch: Batch, aims: Tensor | None, start: Tensor, rules: Rules, *, index: int = 0
) -> Found:
    """Climb from `start`; a sample leaves at the first point that fools the classifier, or where there is no hope.

    Croce and Hein 2020, arXiv:2003.01690, Algorithm 1.

    Parameters
    ----------
    forward : callable
        Images (B, C, H, W) to logits (B, K); `steps` + 1 calls.
    batch : Batch
    aims : Tensor of int64, shape (B,), optional
        The class that the loss of each sample pulls towards. What counts as success is up to the batch alone.
    start : Tensor of shape (B, C, H, W)
        Inside the ball.
    rules : Rules
    index : int
        Which climb of the sample this is: the key of the noise.

    Returns
    -------
    Found
        The first fooling point of each sample, else the one with the highest loss.
    """
    record, patience = Record(batch), rules.patience
    climb = begin(forward, batch, aims, start, rules)
    going = climb.keep(record.note(climb.points, climb.fell))
    checks, doubts, checked = checkpoints(rules.steps), _doubts(rules.steps), 0
    for step in range(1, rules.steps):
        if not going:
            break
        climb.move(rules, step, index)
        climb.look(forward, rules)
        going = climb.keep(record.note(climb.points, climb.fell))
        if going and patience is not None and step in doubts:
            gone = hopeless(climb.lead, climb.first_lead, left=1 - step / rules.steps, patience=patience)
            going = climb.keep(_resigned(climb, record, gone))
        if going and step in checks:
            climb.check(rules.rho * (step - checked))
            checked = step
    if going:
        climb.move(rules, rules.steps, index)
        climb.look_last(forward, rules)
        record.end(climb.best, climb.fell)
    return record.found


def checkpoints(steps: int) -> frozenset[int]:
    """Return the steps after which step sizes are reconsidered (section 3.2 of the paper).

    At the shares ``p_1 = 0.22, p_{j+1} = p_j + max(p_j - p_{j-1} - 0.03, 0.06)`` of all steps. The distances between
    them are rounded down, at least to 1, as the authors' code does: with few steps that leaves more checkpoints than
    rounding the shares would, and finds more.
    """
    width, less, least = (max(share * steps // 100, 1) for share in (22, 3, 6))
    found, at = set(), width
    while at <= steps:
        found.add(at)
        width = max(width - less, least)
        at += width
    return frozenset(found)


def hopeless(lead: Tensor, first: Tensor, *, left: float, patience: float) -> Tensor:
    """Return which samples are not worth the steps that are left, (A,) bool.

    Those whose lead is still above ``patience * left ** 2`` of what it was at the start. Step sizes shrink as the steps
    run out, and with them what a climb can still gain. The bound is not from a paper but read off the samples that fall
    on small networks, trained plainly and adversarially; hardly one of them is ever above it with a patience of 1. As
    it is a share, it does not depend on the scale of the logits.

    Parameters
    ----------
    lead : Tensor of shape (A,)
        Smallest lead so far of the true class over the others, or over the class that is aimed at.
    first : Tensor of shape (A,)
        The lead at the start.
    left : float
        Share of the steps that is left.
    patience : float
        0 gives all up; the larger, the fewer.
    """
    return lead > patience * left**2 * first


def _resigned(climb: Climb, record: Record, gone: Tensor) -> Tensor | None:
    """Let the hopeless leave with their best points, and all that fell; return the rows that go on, None for all."""
    fallen = record.fooled[record.rows]
    gone = gone & ~fallen
    if not bool(gone.any()):
        return None
    record.images[record.rows[gone]] = climb.best[gone]
    rows = (~(gone | fallen)).nonzero()[:, 0]
    record.rows = record.rows[rows]
    return rows


_DOUBTS = (5, 10, 15, 22, 41, 57, 70, 80, 87, 93)
"""When it is asked who is hopeless, in hundredths of the steps."""

_TOO_EARLY = 5
"""Before this step nobody is: the first steps are as long as the ball is wide."""


def _doubts(steps: int) -> frozenset[int]:
    return frozenset(max(-(-share * steps // 100), _TOO_EARLY) for share in _DOUBTS)
