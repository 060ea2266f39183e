"""What attacks maximise: functions of logits (B, K) and labels (B,) that grow as the true class loses.

Each is positive, or largest, where the classifier is wrong. With `targets` (B,) it grows as the target class wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pytest_robustness.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def odds_against(logits: Tensor, labels: Tensor, targets: Tensor | None = None) -> Tensor:
    """Return the logarithm of the odds against the true class, ``log sum_{k != y} exp(z_k) - z_y``, shape (B,).

    With targets t it is the logarithm of the odds for them, ``z_t - log sum_{k != t} exp(z_k)``. The cross-entropy is
    ``log(1 + exp(.))`` of it. Their gradients have the same direction, so that a step along the sign or the unit vector
    of either is the same step; but that of the cross-entropy rounds to zero for a confident sample, and that of the
    odds never does.
    """
    one = (labels if targets is None else targets)[:, None]
    others = logits.scatter(1, one, -torch.inf).logsumexp(dim=1)
    odds = others - logits.gather(1, one)[:, 0]
    return odds if targets is None else -odds


def margin(logits: Tensor, labels: Tensor, targets: Tensor | None = None) -> Tensor:
    """Return how far the true class is behind, ``max_{k != y} z_k - z_y``, shape (B,); with targets ``z_t - z_y``.

    The loss of Carlini and Wagner 2017, arXiv:1608.04644, f_6, without its floor.
    """
    true = logits.gather(1, labels[:, None])[:, 0]
    if targets is not None:
        return logits.gather(1, targets[:, None])[:, 0] - true
    return logits.scatter(1, labels[:, None], -torch.inf).amax(dim=1) - true


def dlr(logits: Tensor, labels: Tensor, targets: Tensor | None = None) -> Tensor:
    """Return the difference-of-logits ratio (Croce and Hein 2020, arXiv:2003.01690, eq. 6 and 7), shape (B,).

    ``-(z_y - max_{k != y} z_k) / (z_pi1 - z_pi3)``, with targets ``-(z_y - z_t) / (z_pi1 - (z_pi3 + z_pi4) / 2)``, for
    logits sorted in descending order: it does not change when the logits are scaled. With fewer classes than the
    formula needs, the smallest logit stands in for the missing ones.
    """
    ordered = logits.sort(dim=1, descending=True).values
    last = ordered.shape[1] - 1
    third = ordered[:, min(2, last)]
    if targets is not None:
        third = (third + ordered[:, min(3, last)]) / 2
    spread = (ordered[:, 0] - third).clamp_min(1e-12)
    return margin(logits, labels, targets) / spread


LOSSES: dict[str, Loss] = {"ce": odds_against, "cw": margin, "dlr": dlr}


def loss_named(name: str) -> Loss:
    """Return a loss; raise ParameterError for an unknown name."""
    if name not in tuple(LOSSES):
        raise unknown_name("loss", name, LOSSES)
    return LOSSES[name]
