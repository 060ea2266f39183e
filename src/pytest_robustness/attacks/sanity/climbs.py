"""Short attacks on a few samples: what a gradient attack must reach, and what none may beat by far."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from pytest_robustness.attacks.balls import BALLS
from pytest_robustness.attacks.losses import margin, odds_against
from pytest_robustness.attacks.pgd import climb

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_robustness.attacks.batch import Batch
    from pytest_robustness.attacks.losses import Loss
    from pytest_robustness.classifiers import Classifier, Forward

QUERIES = 200
TRIED = 12
"""Queries of Square, and samples that it is tried on at most."""


def look_at_climbs(forward: Forward, batch: Batch, *, norm: str, eps: float) -> tuple[NDArray[np.bool_], int]:
    """Climb for five steps in the ball of the attack, and for ten in the largest one.

    Returns
    -------
    ndarray of bool, shape (N,)
        Whether the first climb raised the loss.
    int
        How many samples stand after the second.
    """
    images, fooled = climb(forward, batch, batch.images, steps=5, size=eps / 4)
    with torch.no_grad():
        before, after = (odds_against(forward(points), batch.labels) for points in (batch.images, images))
    whole = 1.0 if norm == "linf" else batch.images[0].numel() ** 0.5
    widest = replace(batch, ball=BALLS[norm].around(batch.images, whole))
    _, fallen = climb(forward, widest, batch.images, steps=10, size=whole / 4)
    return (fooled | (after > before)).cpu().numpy(), int((~fallen).sum())


def survivors(forward: Forward, batch: Batch, *, eps: float) -> NDArray[np.bool_]:
    """Return which samples resist two climbs of 16 steps that get shorter and shorter, (N,) bool.

    One goes up the odds from a random point, one up the margin from the image itself; first steps are as long as the
    radius. That is a strong attack for its price, so that what beats it by far is not a matter of steps.
    """
    start = batch.ball.random(batch.ids, seed=batch.seed, stream="sanity/start", index=0)
    fallen = _shortening(forward, batch, start, odds_against, eps)
    rest = (~fallen).nonzero()[:, 0]
    if len(rest):
        here = batch.keep(rest)
        fallen[rest] = _shortening(forward, here, here.images, margin, eps)
    return np.asarray((~fallen).cpu().numpy())


def _shortening(forward: Forward, batch: Batch, points: Tensor, loss: Loss, eps: float) -> Tensor:
    """Climb four times four steps, each time with steps 2.5 times shorter; return who fell, (N,) bool."""
    fallen = torch.zeros(len(batch), dtype=torch.bool, device=points.device)
    points, size = points.clone(), eps
    for _ in range(4):
        rows = (~fallen).nonzero()[:, 0]
        if len(rows) == 0:
            break
        points[rows], fallen[rows] = climb(forward, batch.keep(rows), points[rows], steps=4, size=size, loss=loss)
        size /= 2.5
    return fallen


def count_after_square(
    classifier: Classifier,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    ids: NDArray[np.int64],
    seed: int,
    norm: str,
    eps: float,
) -> tuple[int, int]:
    """Try Square without gradients on the first samples; return how many were tried, and how many it fooled."""
    from pytest_robustness.attacks.square import Square

    images, labels, ids = images[:TRIED], labels[:TRIED], ids[:TRIED]
    attack = Square(norm=norm, eps=eps, queries=QUERIES)
    result = attack.search(classifier, images, labels, ids=ids, seed=seed)
    return len(images), int(result.fooled.sum())
