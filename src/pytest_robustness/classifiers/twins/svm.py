"""Twins of kernel support vector machines.

Of more than two classes a machine is trained for each pair, and the class with the most votes wins. Votes have no
gradient, and the decision function that scikit-learn makes of them has one of no use: between the steps it moves by
what breaks ties only. So the twin has the values of the estimator and the gradient of soft duels: for each class the
smallest of its margins over the others, softened. A class that has won all of them has all votes, so that raising the
smallest turns votes; and however sure the pairs are, it never vanishes.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pytest_robustness.classifiers.twins.heads import Head, double, pointed_at, with_gradient_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from sklearn.svm import SVC, NuSVC

_CLIP = 1e-7
"""The smallest pairwise probability of libsvm."""

_SHARPNESS = 10.0
"""Of the soft minimum, in units of the margin of a support vector. Sharper brings attacks on digits no further."""


class _Kernel(nn.Module):
    """Kernel values (B, S) between images and support vectors."""

    def __init__(self, kind: str, vectors: ArrayLike, gamma: float, coef0: float, degree: int) -> None:
        super().__init__()
        self.kind = kind
        self.vectors = nn.Buffer(double(vectors))
        self.gamma, self.coef0, self.degree = gamma, coef0, degree

    def forward(self, x: Tensor) -> Tensor:
        products = x @ self.vectors.T
        if self.kind == "linear":
            return products
        if self.kind == "rbf":
            squares = x.square().sum(dim=1, keepdim=True) + self.vectors.square().sum(dim=1)
            return (-self.gamma * (squares - 2 * products)).exp()
        inner = self.gamma * products + self.coef0
        return inner**self.degree if self.kind == "poly" else inner.tanh()


class _Pairs(nn.Module):
    """Decisions (B, P) between the pairs of classes (0, 1), (0, 2), .. (1, 2), ..; positive for the first of a pair."""

    def __init__(self, kernel: nn.Module, weight: ArrayLike, bias: ArrayLike) -> None:
        super().__init__()
        self.kernel = kernel
        self.weight = nn.Buffer(double(weight))
        self.bias = nn.Buffer(double(bias))

    def forward(self, x: Tensor) -> Tensor:
        values: Tensor = self.kernel(x)
        return values @ self.weight.T + self.bias


class SupportVectors(Head):
    """Scores of an SVC or a NuSVC.

    Parameters
    ----------
    pairs : torch.nn.Module
        To decisions (B, P), positive for the first class of a pair.
    classes : int
    by_votes : bool
        Whether a tie between votes goes to the lowest class, as `predict` does without break_ties; otherwise to the
        class with the largest sum of margins.
    platt : (ndarray, ndarray), optional
        Slope and offset of the sigmoid of each pair.
    """

    methods = ("decision_function",)

    def __init__(
        self,
        pairs: nn.Module,
        classes: int,
        *,
        by_votes: bool,
        has_decision: bool,
        platt: tuple[ArrayLike, ArrayLike] | None,
    ) -> None:
        super().__init__()
        self.link = None
        self.pairs = pairs
        self.classes = classes
        self.by_votes = by_votes
        self.has_decision = has_decision
        first, second = np.triu_indices(classes, 1)
        self.first, self.second = nn.Buffer(torch.from_numpy(first)), nn.Buffer(torch.from_numpy(second))
        self.slopes = None if platt is None else nn.Buffer(double(platt[0]))
        self.offsets = None if platt is None else nn.Buffer(double(platt[1]))

    def forward(self, x: Tensor) -> Tensor:
        """Return the decision function, corrected where votes are tied and `predict` breaks the tie differently."""
        margins: Tensor = self.pairs(x)
        scores = self._decision(margins)
        if not self.by_votes or self.classes == 2:
            return scores
        votes = self._added((margins > 0).to(margins), (margins <= 0).to(margins))
        return pointed_at(scores, votes.argmax(dim=1))

    def decision(self, x: Tensor) -> Tensor:
        """Return the decision function of the shape "ovr" (B, K); (0, d) for two classes."""
        return self._decision(self.pairs(x))

    def log_proba(self, x: Tensor) -> Tensor:
        """Return the logarithms of what predict_proba gives with probability=True."""
        if self.slopes is None or self.offsets is None:
            return super().log_proba(x)
        margins: Tensor = self.pairs(x)
        odds = -(self.slopes * margins + self.offsets)
        bound = float(np.log1p(-_CLIP) - np.log(_CLIP))
        # The clip keeps its gradient, so that sure pairs still have one.
        odds = with_gradient_of(odds.clamp(-bound, bound), odds)
        return coupled(self._squared(odds.sigmoid(), (-odds).sigmoid(), 0.0)).log()

    def _decision(self, margins: Tensor) -> Tensor:
        if self.classes == 2:
            return torch.cat([torch.zeros_like(margins), -margins], dim=1)
        return with_gradient_of(self._one_vs_rest(margins), self.duels(margins))

    def duels(self, margins: Tensor) -> Tensor:
        """Return the soft minimum of the margins of each class, (B, K): positive where it wins against all others."""
        losses = self._squared(-_SHARPNESS * margins, _SHARPNESS * margins, -torch.inf)
        return -losses.logsumexp(dim=2) / _SHARPNESS

    def _one_vs_rest(self, margins: Tensor) -> Tensor:
        """Return votes plus the sum of margins, squashed to less than a third of a vote, as scikit-learn does."""
        votes = self._added((margins >= 0).to(margins), (margins < 0).to(margins))
        sums = self._added(margins, -margins)
        return votes + sums / (3 * (sums.abs() + 1))

    def _added(self, firsts: Tensor, seconds: Tensor) -> Tensor:
        """Add what each pair gives to its first and to its second class, (B, P) twice, to (B, K)."""
        empty = firsts.new_zeros(len(firsts), self.classes)
        return empty.index_add(1, self.first, firsts).index_add(1, self.second, seconds)

    def _squared(self, firsts: Tensor, seconds: Tensor, diagonal: float) -> Tensor:
        """Arrange what pairs give to their first and to their second class, (B, P) twice, as (B, K, K)."""
        square = firsts.new_full((len(firsts), self.classes, self.classes), diagonal)
        square[:, self.first, self.second] = firsts
        square[:, self.second, self.first] = seconds
        return square


def coupled(shares: Tensor) -> Tensor:
    """Return class probabilities (B, K) from those of pairs (B, K, K), where [i, j] is that of i against j.

    The second method of Wu, Lin and Weng 2004 (JMLR 5:975-1005, algorithm 2), stopped where libsvm stops: its answer
    is not the limit, so the number of rounds is part of it.
    """
    classes = shares.shape[1]
    quadratic = -shares.transpose(1, 2) * shares
    quadratic = quadratic + torch.diag_embed(shares.square().sum(dim=1))
    diagonal = quadratic.diagonal(dim1=1, dim2=2)
    chances = torch.full_like(diagonal, 1 / classes)
    for _ in range(max(100, classes)):
        slopes = (quadratic @ chances[:, :, None])[:, :, 0]
        total = (chances * slopes).sum(dim=1)
        active = (slopes - total[:, None]).detach().abs().amax(dim=1) >= 0.005 / classes
        if not bool(active.any()):
            break
        moved = _round(quadratic, diagonal, chances, slopes, total)
        chances = torch.where(active[:, None], moved, chances)
    return chances


def _round(quadratic: Tensor, diagonal: Tensor, chances: Tensor, slopes: Tensor, total: Tensor) -> Tensor:
    """Go once through the classes: each step is the minimum along one coordinate, then scaled to a sum of 1."""
    for t in range(chances.shape[1]):
        step = (total - slopes[:, t]) / diagonal[:, t]
        scale = 1 + step
        total = (total + step * (step * diagonal[:, t] + 2 * slopes[:, t])) / scale / scale
        slopes = (slopes + step[:, None] * quadratic[:, t]) / scale[:, None]
        unit = torch.zeros_like(chances[:1])
        unit[:, t] = 1
        chances = (chances + step[:, None] * unit) / scale[:, None]
    return chances


def support_vectors(estimator: SVC | NuSVC) -> Head | None:
    """Return the twin of a support vector machine; none for kernels that are functions or matrices."""
    if estimator.kernel not in {"linear", "poly", "rbf", "sigmoid"}:
        return None
    classes = len(estimator.classes_)
    ovr = estimator.decision_function_shape == "ovr"
    gamma = float(estimator._gamma)  # noqa: SLF001  (what "scale" and "auto" became)
    vectors = _dense(estimator.support_vectors_)
    kernel = _Kernel(estimator.kernel, vectors, gamma, float(estimator.coef0), int(estimator.degree))
    # Of two classes scikit-learn turns the sign of what it shows, but not of what libsvm's sigmoids were fitted to.
    sign = -1 if classes == 2 else 1
    weight = sign * _pair_weights(_dense(estimator.dual_coef_), estimator.n_support_)
    slopes = estimator._probA  # noqa: SLF001
    return SupportVectors(
        _Pairs(kernel, weight, sign * estimator.intercept_),
        classes,
        by_votes=not (estimator.break_ties and ovr),
        has_decision=ovr or classes == 2,
        platt=(slopes, estimator._probB) if len(slopes) else None,  # noqa: SLF001
    )


def with_shared_votes(estimator: SVC | NuSVC) -> SVC | NuSVC:
    """Return the estimator with a decision function of one column a class, and predictions that follow it."""
    shown = copy.copy(estimator)
    shown.decision_function_shape, shown.break_ties = "ovr", True
    return shown


def _pair_weights(dual: NDArray[np.float64], counts: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the weight of each support vector in each pair (P, S).

    Row j - 1 of `dual` holds the weights of the vectors of class i < j against class j, row i those of j against i.
    """
    ends = np.cumsum(counts)
    rows = []
    for i in range(len(counts)):
        for j in range(i + 1, len(counts)):
            row = np.zeros(dual.shape[1])
            mine, theirs = slice(ends[i] - counts[i], ends[i]), slice(ends[j] - counts[j], ends[j])
            row[mine], row[theirs] = dual[j - 1, mine], dual[i, theirs]
            rows.append(row)
    return np.stack(rows)


def _dense(values: Any) -> NDArray[np.float64]:
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, dtype=np.float64)
