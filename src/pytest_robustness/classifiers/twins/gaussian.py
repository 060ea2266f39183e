"""Twins of classifiers that fit a Gaussian to each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from pytest_robustness.classifiers.twins.heads import Head, double

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike
    from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
    from sklearn.naive_bayes import GaussianNB


class _Independent(Head):
    """Logarithms of joint densities under axis-parallel Gaussians, ``offset_k - sum_d (x_d - mean_kd)^2 / 2 var_kd``.

    Class by class and from the differences, as scikit-learn does: with the tiny variances of pixels that never change
    the sums reach 1e10, and an expanded square would lose what decides.
    """

    def __init__(self, means: ArrayLike, variances: ArrayLike, offsets: ArrayLike) -> None:
        super().__init__()
        self.means = nn.Buffer(double(means))
        self.variances = nn.Buffer(double(variances))
        self.offsets = nn.Buffer(double(offsets))

    def forward(self, x: Tensor) -> Tensor:
        pairs = zip(self.means, self.variances, strict=True)
        distances = [((x - mean).square() / variance).sum(dim=1) for mean, variance in pairs]
        return self.offsets - 0.5 * torch.stack(distances, dim=1)

    def log_proba(self, x: Tensor) -> Tensor:
        """Return logarithms of probabilities (B, K), rounded where scikit-learn rounds: at the size of the scores.

        Calibrators tell a probability of 1 from one of 1 - 1e-15.
        """
        scores: Tensor = self(x)
        return scores - scores.logsumexp(dim=1, keepdim=True)


class _Distance(nn.Module):
    """The squared distance ``||(x - mean) @ whitening||^2``, (B,)."""

    def __init__(self, mean: ArrayLike, whitening: ArrayLike) -> None:
        super().__init__()
        self.mean = nn.Buffer(double(mean))
        self.whitening = nn.Buffer(double(whitening))

    def forward(self, x: Tensor) -> Tensor:
        return ((x - self.mean) @ self.whitening).square().sum(dim=1)


class _Quadratic(Head):
    """Logarithms of joint densities, ``offset_k - ||(x - mean_k) @ whitening_k||^2 / 2``."""

    def __init__(self, distances: Sequence[nn.Module], offsets: ArrayLike) -> None:
        super().__init__()
        self.distances = nn.ModuleList(distances)
        self.offsets = nn.Buffer(double(offsets))

    def forward(self, x: Tensor) -> Tensor:
        scores = self.offsets - 0.5 * torch.stack([distance(x) for distance in self.distances], dim=1)
        # For two classes scikit-learn gives the difference.
        return scores - scores[:, :1] if scores.shape[1] == 2 else scores


def gaussian_naive_bayes(estimator: GaussianNB) -> Head | None:
    """Return the twin of Gaussian naive Bayes; none with a prior of zero, whose logarithm is not finite."""
    if np.min(estimator.class_prior_) <= 0:
        return None
    norms = -0.5 * np.log(2 * np.pi * estimator.var_).sum(axis=1)
    return _Independent(estimator.theta_, estimator.var_, np.log(estimator.class_prior_) + norms)


def quadratic_discriminant(estimator: QuadraticDiscriminantAnalysis) -> Head | None:
    """Return the twin of a quadratic discriminant analysis; none with a prior or a scale of zero.

    Hastie, Tibshirani and Friedman 2009, The Elements of Statistical Learning, eq. 4.12.
    """
    scalings = [np.asarray(one, dtype=np.float64) for one in estimator.scalings_]
    if np.min(estimator.priors_) <= 0 or min(one.min() for one in scalings) <= 0:
        return None
    whitenings = [rotation / np.sqrt(one) for rotation, one in zip(estimator.rotations_, scalings, strict=True)]
    offsets = np.log(estimator.priors_) - 0.5 * np.array([np.log(one).sum() for one in scalings])
    distances = [_Distance(mean, one) for mean, one in zip(estimator.means_, whitenings, strict=True)]
    return _Quadratic(distances, offsets)
