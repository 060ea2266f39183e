"""The surrogate of nearest neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from pytest_robustness.classifiers.twins.heads import Head, double

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike
    from sklearn.neighbors import KNeighborsClassifier

_SAMPLE = 200
_ORDERS = {
    **dict.fromkeys(("euclidean", "l2", "sqeuclidean"), 2.0),
    **dict.fromkeys(("manhattan", "l1", "cityblock"), 1.0),
    "chebyshev": float("inf"),
}


class SoftNeighbours(Head):
    """Scores that stand in for the votes of the k nearest training images: the logarithm of the sum, over the images of
    a class, of ``sigmoid((reach - distance^2) / temperature)``.

    The reach is where the vote ends, halfway between the squared distances of the k-th and the next image, and is held
    fixed in the gradient. Images just beyond it lead, those well within it have voted already; and since logarithms
    are taken, a class has a gradient however far its images are. That soft votes lead to hard ones is the idea of
    Sitawarin and Wagner 2020, arXiv:2003.06559.
    """

    exact = False
    methods = ()
    has_decision = False

    def __init__(
        self, points: ArrayLike, counts: Sequence[int], *, order: float, neighbours: int, temperature: float
    ) -> None:
        super().__init__()
        self.points = nn.Buffer(double(points))
        self.counts = list(counts)
        self.order = order
        self.neighbours = neighbours
        self.temperature = temperature

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (B, K)."""
        with torch.no_grad():
            reach = self.reach(x)
        return self.scores(x, reach)

    def reach(self, x: Tensor) -> Tensor:
        """Return the squared distance up to which images vote, (B, 1)."""
        count = min(self.neighbours + 1, len(self.points))
        nearest = squared_distances(x, self.points, self.order).topk(count, dim=1, largest=False).values
        return nearest[:, -2:].mean(dim=1, keepdim=True)

    def scores(self, x: Tensor, reach: Tensor) -> Tensor:
        """Return scores (B, K) of soft votes that end at the squared distance `reach` (B, 1)."""
        distances = squared_distances(x, self.points, self.order)
        votes = nn.functional.logsigmoid((reach - distances) / self.temperature)
        return torch.stack([part.logsumexp(dim=1) for part in torch.split(votes, self.counts, dim=1)], dim=1)


def squared_distances(x: Tensor, points: Tensor, order: float) -> Tensor:
    """Return squared distances (B, N) in the norm of an order; for 2 without a root, whose slope may be infinite."""
    if order == 2:
        return x.square().sum(dim=1, keepdim=True) + points.square().sum(dim=1) - 2 * x @ points.T
    return torch.cdist(x, points, p=order).square()


def soft_neighbours(estimator: KNeighborsClassifier) -> Head | None:
    """Return the surrogate of a nearest-neighbour classifier; none for other metrics than those of `_ORDERS`.

    The temperature is a tenth of the mean squared distance from a training image to its k-th neighbour: of the factors
    .02, .05, .1, .2 and .4 the one with which PGD did best on the digits of scikit-learn, over k of 1, 3, 5 and 15.
    """
    points = estimator._fit_X  # noqa: SLF001
    labels = estimator._y  # noqa: SLF001
    order = _ORDERS.get(estimator.effective_metric_)
    # Sparse images and several labels an image have none either.
    if order is None or not isinstance(points, np.ndarray) or labels.ndim != 1:
        return None
    by_class = np.argsort(labels, kind="stable")
    counts = np.bincount(labels, minlength=len(estimator.classes_)).tolist()
    neighbours = int(estimator.n_neighbors)
    chosen = double(points[np.linspace(0, len(points) - 1, min(_SAMPLE, len(points))).astype(int)])
    # The image itself is among the points, at distance 0.
    rank = min(neighbours + 1, len(points))
    spread = float(squared_distances(chosen, double(points), order).kthvalue(rank, dim=1).values.mean())
    temperature = 0.1 * spread if spread > 0 else 1.0
    return SoftNeighbours(points[by_class], counts, order=order, neighbours=neighbours, temperature=temperature)
