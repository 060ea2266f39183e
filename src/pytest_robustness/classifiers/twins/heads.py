"""What the twin of a classifier answers, and how its gradients are kept alive where the true ones round to zero."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

#: The logarithm of what is zero in float64, with room below it.
LEAST = math.log(np.finfo(np.float64).tiny)

#: How much of a guide's gradient is added: nothing beside a true slope, all there is where that has rounded to zero.
#: Far above the smallest number of float32, in which the gradient reaches the pixels.
_LEAK = 1e-20


class Head(nn.Module):
    """The twin of a fitted classifier: from flat images (B, D), float64, to scores (B, K) in its own order of classes.

    Attributes
    ----------
    link : str or None
        The rule from scores to probabilities, a key of `outputs.LINKS`; None where they define no probabilities.
    exact : bool
        Whether the scores are the estimator's own; otherwise only their gradients are of use.
    methods : tuple of str
        Which methods of the estimator, as far as it has them, the scores and the link reproduce.
    has_decision : bool
        Whether `decision` is the estimator's decision function.
    """

    link: str | None = "softmax"
    exact: bool = True
    methods: tuple[str, ...] = ("decision_function", "predict_proba")
    has_decision: bool = True

    def decision(self, x: Tensor) -> Tensor:
        """Return the decision function (B, K); (0, d) for two classes."""
        scores: Tensor = self(x)
        return scores

    def log_proba(self, x: Tensor) -> Tensor:
        """Return the logarithms of the probabilities (B, K) of the estimator's predict_proba."""
        return LOG_LINKS[self.link or "softmax"](self(x))

    def soft_votes(self, x: Tensor) -> Tensor:
        """Return logarithms of shares (B, K), the largest for the predicted class: a softened vote."""
        scores: Tensor = self(x)
        return scores.log_softmax(dim=1)


class Scores(Head):
    """Layers whose output is the decision function, or scores with a link."""

    def __init__(self, *layers: nn.Module, link: str | None = "softmax") -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.link = link

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (B, K)."""
        scores: Tensor = self.layers(x)
        return scores


class Chain(Head):
    """A Pipeline: transforms in front of a head."""

    def __init__(self, transform: nn.Module, head: Head) -> None:
        super().__init__()
        self.transform = transform
        self.head = head
        self.link, self.exact, self.methods = head.link, head.exact, head.methods
        self.has_decision = head.has_decision

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (B, K)."""
        scores: Tensor = self.head(self.transform(x))
        return scores

    def decision(self, x: Tensor) -> Tensor:
        """Return the decision function (B, K)."""
        return self.head.decision(self.transform(x))

    def log_proba(self, x: Tensor) -> Tensor:
        """Return logarithms of probabilities (B, K)."""
        return self.head.log_proba(self.transform(x))

    def soft_votes(self, x: Tensor) -> Tensor:
        """Return logarithms of shares (B, K)."""
        return self.head.soft_votes(self.transform(x))


def double(values: ArrayLike) -> Tensor:
    """Return a float64 tensor of its own memory."""
    return torch.tensor(np.asarray(values, dtype=np.float64))


def with_gradient_of(value: Tensor, guide: Tensor) -> Tensor:
    """Return `value` to the last bit, with the gradient of the finite `guide` in place of its own."""
    return value.detach() + (guide - guide.detach())


def led_by(value: Tensor, guide: Tensor) -> Tensor:
    """Return `value` to the last bit, with a trace of the gradient of the finite `guide` added to its own."""
    return value + _LEAK * (guide - guide.detach())


def log_odds(logs: Tensor) -> Tensor:
    """Return the logarithms of the odds of each class against all others, (B, K), from those of probabilities.

    Where a probability rounds to 1 its logarithm is flat; that of its odds never is.
    """
    classes = logs.shape[1]
    own = torch.eye(classes, dtype=torch.bool, device=logs.device)
    others = logs[:, None, :].expand(-1, classes, -1).masked_fill(own, -torch.inf)
    return logs - others.logsumexp(dim=2)


def log_shares(logs: Tensor, guides: Tensor) -> Tensor:
    """Return the logarithms of values divided by their sum, (B, K); uniform where all values of a row are zero.

    A zero becomes the share `LEAST` plus its guide, which is zero again after an exponential, but has a gradient and an
    order among zeros.

    Parameters
    ----------
    logs : Tensor of shape (B, K)
        Logarithms of the values; minus infinity for zero.
    guides : Tensor of shape (B, K)
        At most 0; they rise where the values should.
    """
    nothing = logs.isneginf()
    empty = nothing.all(dim=1, keepdim=True)
    top = torch.where(empty, 0.0, logs.detach().amax(dim=1, keepdim=True))
    shares = led_by(torch.where(nothing, top + LEAST + guides, logs).log_softmax(dim=1), guides)
    uniform = torch.full_like(shares, -math.log(shares.shape[1]))
    return torch.where(empty, led_by(uniform, shares), shares)


def pointed_at(scores: Tensor, labels: Tensor) -> Tensor:
    """Return scores (B, K) whose largest is that of `labels` (B,), with unchanged gradients.

    Only rows whose largest score is another are touched: the score of the label becomes a little more than that one,
    and the less so the further it was behind, so that a loss still grows where an attack makes headway.
    """
    chosen = labels[:, None]
    old = scores.gather(1, chosen)
    top = scores.detach().scatter(1, chosen, -torch.inf).amax(dim=1, keepdim=True)
    gap = (top - old.detach()).clamp_min(0)
    more = (1 + top.abs()) * (1e-6 / (1 + gap)).clamp_min(1e-12)
    right = (scores.argmax(dim=1) == labels)[:, None]
    return scores.scatter(1, chosen, torch.where(right, old, with_gradient_of(top + more, old)))


def _softmax(scores: Tensor) -> Tensor:
    return scores.log_softmax(dim=1)


def _one_vs_rest(scores: Tensor) -> Tensor:
    return nn.functional.logsigmoid(scores).log_softmax(dim=1)


def _modified_huber(scores: Tensor) -> Tensor:
    if scores.shape[1] == 2:
        margin = scores[:, 1:] - scores[:, :1]
        scores = torch.cat([-margin, margin], dim=1)
    values = (scores.clamp(-1, 1) + 1) / 2
    logs = torch.where(values > 0, torch.where(values > 0, values, 1.0).log(), -torch.inf)
    return log_shares(logs, nn.functional.logsigmoid(scores))


#: `outputs.LINKS` in torch, by the same names.
LOG_LINKS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": _softmax,
    "one-vs-rest": _one_vs_rest,
    "modified-huber": _modified_huber,
}
