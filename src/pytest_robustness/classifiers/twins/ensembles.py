"""Twins of ensembles: means of probabilities, as logarithms, of members that have twins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pytest_robustness.classifiers.twins.heads import Head, double, led_by, log_odds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike
    from sklearn.ensemble import BaggingClassifier, VotingClassifier

    Build = Callable[[Any], Head | None]

_NEVER = -1e6
"""The logarithm of the probability of a class that a member has never seen."""


class Member(Head):
    """One member of an ensemble, with the pixels that it sees and the classes that it knows.

    Parameters
    ----------
    head : Head
    has_proba : bool
        Whether the estimator counts its probabilities; otherwise it casts one vote, which makes the ensemble inexact.
    features, places : sequence of int, optional
        The pixels it takes, and the positions of its classes among the `classes`; by default all.
    """

    def __init__(
        self,
        head: Head,
        *,
        has_proba: bool,
        features: ArrayLike | None = None,
        places: ArrayLike | None = None,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.head = head
        self.has_proba = has_proba
        self.exact, self.has_decision = head.exact and has_proba, head.has_decision
        self.classes = classes
        self.features = None if features is None else nn.Buffer(torch.from_numpy(np.array(features, dtype=np.int64)))
        self.places = None if places is None else nn.Buffer(torch.from_numpy(np.array(places, dtype=np.int64)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logarithms of what the member adds to the mean, (B, K)."""
        seen = self._seen(x)
        logs = self.head.log_proba(seen) if self.has_proba else self.head.soft_votes(seen)
        if self.places is None:
            return logs
        return logs.new_full((len(logs), self.classes), _NEVER).index_copy(1, self.places, logs)

    def decision(self, x: Tensor) -> Tensor:
        """Return the decision function (B, K)."""
        return self.head.decision(self._seen(x))

    def _seen(self, x: Tensor) -> Tensor:
        return x if self.features is None else x[:, self.features]


class Mean(Head):
    """The logarithm of the weighted mean of the probabilities of members, each of which gives their logarithms."""

    methods = ("predict_proba",)

    def __init__(self, members: Sequence[Head], weights: ArrayLike | None = None) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        shares = np.ones(len(members)) if weights is None else np.asarray(weights, dtype=np.float64)
        self.log_weights = nn.Buffer(double(np.log(shares / shares.sum())))
        self.exact = all(member.exact for member in members)
        self.has_decision = all(member.has_decision for member in members)

    def forward(self, x: Tensor) -> Tensor:
        """Return logarithms of probabilities (B, K)."""
        logs = torch.stack([member(x) for member in self.members])
        mean = (logs + self.log_weights[:, None, None]).logsumexp(dim=0)
        # Members that are sure of different classes make a plateau.
        return led_by(mean, torch.stack([log_odds(one) for one in logs]).mean(dim=0))

    def decision(self, x: Tensor) -> Tensor:
        """Return the mean of the decision functions (B, K), which is that of a BaggingClassifier."""
        return torch.stack([member.decision(x) for member in self.members]).mean(dim=0)  # type: ignore[operator]


def voting(estimator: VotingClassifier, build: Build) -> Head | None:
    """Return the twin of soft voting, the surrogate of hard voting; none where a member has none.

    The surrogate of a vote is the member's probabilities, or the softmax of its scores.
    """
    soft = estimator.voting == "soft"
    weights = [1.0] * len(estimator.estimators_)
    if estimator.weights is not None:
        kept = zip(estimator.weights, estimator.estimators, strict=True)
        weights = [float(weight) for weight, (_, one) in kept if one != "drop"]
    # A weight of zero has no logarithm, and its member no say.
    pairs = [(one, weight) for one, weight in zip(estimator.estimators_, weights, strict=True) if weight != 0]
    if not pairs or min(weights) < 0:
        return None
    heads = [build(one) for one, _ in pairs]
    members = [Member(head, has_proba=soft) for head in heads if head is not None]
    return Mean(members, [weight for _, weight in pairs]) if len(members) == len(pairs) else None


def bagging(estimator: BaggingClassifier, build: Build) -> Head | None:
    """Return the twin of bagging; a surrogate where its members only vote; none where a member has none."""
    classes = len(estimator.classes_)
    members = []
    for one, features in zip(estimator.estimators_, estimator.estimators_features_, strict=True):
        head = build(one)
        if head is None:
            return None
        # Members are fitted on the positions of the classes, and a small sample may lack some.
        places = None if len(one.classes_) == classes else one.classes_
        has_proba = hasattr(one, "predict_proba")
        members.append(Member(head, has_proba=has_proba, features=features, places=places, classes=classes))
    return Mean(members)
