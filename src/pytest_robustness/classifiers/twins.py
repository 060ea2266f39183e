"""Differentiable twins: torch modules that compute what a fitted scikit-learn estimator computes, in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler
from sklearn.svm import LinearSVC
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike


class Twin(NamedTuple):
    """A torch module from (B, C, H, W) to logits (B, K), and the rule from logits to probabilities (None: no rule)."""

    module: nn.Module
    link: str | None


def build_twin(estimator: Any, columns: Sequence[int]) -> Twin | None:
    """Return the differentiable twin of a fitted estimator, or None where there is none.

    Only the exact classes of the registries below are known: a subclass may compute something else.

    Parameters
    ----------
    estimator : scikit-learn estimator
        A classifier, or a Pipeline that ends in one.
    columns : sequence of int
        Position of the classes 0 .. K-1 in the estimator's own order.
    """
    steps = [step for _, step in estimator.steps] if type(estimator) is Pipeline else [estimator]
    steps = [step for step in steps if step is not None and not isinstance(step, str)]
    if not steps or type(steps[-1]) not in _CLASSIFIERS or any(type(step) not in _TRANSFORMS for step in steps[:-1]):
        return None
    layers: list[nn.Module] = [nn.Flatten()]
    layers += [_TRANSFORMS[type(step)](step) for step in steps[:-1]]
    head, link = _CLASSIFIERS[type(steps[-1])](steps[-1])
    order = list(columns)
    layers += [head] if order == sorted(order) else [head, _Columns(order)]
    return Twin(nn.Sequential(*layers), link)


class _Affine(nn.Module):
    """x -> x @ weight + bias, in float64."""

    def __init__(self, weight: ArrayLike, bias: ArrayLike) -> None:
        super().__init__()
        self.weight = nn.Buffer(_double(weight))
        self.bias = nn.Buffer(_double(bias))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


class _Scale(nn.Module):
    """x -> (x - shift) * scale, clipped where there are limits."""

    def __init__(self, shift: ArrayLike, scale: ArrayLike, limits: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.shift = nn.Buffer(_double(shift))
        self.scale = nn.Buffer(_double(scale))
        self.limits = limits

    def forward(self, x: Tensor) -> Tensor:
        scaled = (x - self.shift) * self.scale
        return scaled if self.limits is None else scaled.clamp(*self.limits)


class _UnitNorm(nn.Module):
    """x -> x / ||x||, and x itself where it is zero."""

    def __init__(self, norm: str) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        order = {"l1": 1.0, "l2": 2.0, "max": float("inf")}[self.norm]
        length = torch.linalg.vector_norm(x, order, dim=1, keepdim=True)
        return x / torch.where(length == 0, torch.ones_like(length), length)


class _BinaryScores(nn.Module):
    """A decision d (B, 1) -> logits (0, d)."""

    def forward(self, decision: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(decision), decision], dim=1)


class _Columns(nn.Module):
    """Put the columns into the order of the class numbers."""

    def __init__(self, order: list[int]) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.order]


def _double(values: ArrayLike) -> Tensor:
    return torch.tensor(np.asarray(values, dtype=np.float64))


def _standard_scaler(step: StandardScaler) -> nn.Module:
    shift = step.mean_ if step.with_mean else 0.0
    return _Scale(shift, 1.0 / step.scale_ if step.with_std else 1.0)


def _min_max_scaler(step: MinMaxScaler) -> nn.Module:
    # scikit-learn computes x * scale_ + min_.
    low, high = step.feature_range
    return _Scale(-step.min_ / step.scale_, step.scale_, (float(low), float(high)) if step.clip else None)


def _normalizer(step: Normalizer) -> nn.Module:
    return _UnitNorm(step.norm)


def _pca(step: PCA) -> nn.Module:
    weight = step.components_.T.astype(np.float64)
    if step.whiten:
        deviation = np.sqrt(step.explained_variance_)
        # The same floor as scikit-learn's, against division by the zero variance of the last component.
        weight = weight / np.maximum(deviation, np.finfo(deviation.dtype).eps)
    return _Affine(weight, -step.mean_ @ weight)


def _mlp(estimator: MLPClassifier) -> Twin:
    activations: dict[str, Callable[[], nn.Module]] = {
        "identity": nn.Identity,
        "logistic": nn.Sigmoid,
        "tanh": nn.Tanh,
        "relu": nn.ReLU,
    }
    layers: list[nn.Module] = []
    for weight, bias in zip(estimator.coefs_, estimator.intercepts_, strict=True):
        layers += [_Affine(weight, bias), activations[estimator.activation]()]
    layers[-1] = _BinaryScores() if estimator.n_outputs_ == 1 else nn.Identity()
    return Twin(nn.Sequential(*layers), "softmax")


def _linear(estimator: Any, link: str | None) -> Twin:
    weight = np.atleast_2d(estimator.coef_)  # RidgeClassifier keeps that of two classes flat
    layers: list[nn.Module] = [_Affine(weight.T, estimator.intercept_)]
    if len(weight) == 1:
        layers.append(_BinaryScores())
    return Twin(nn.Sequential(*layers), link)


def _logistic_regression(estimator: LogisticRegression) -> Twin:
    # Older releases fit one classifier a class where told to, or where the solver can do nothing else.
    separate = estimator.solver == "liblinear" or getattr(estimator, "multi_class", None) == "ovr"
    return _linear(estimator, "one-vs-rest" if separate and len(estimator.coef_) > 1 else "softmax")


def _sgd(estimator: SGDClassifier) -> Twin:
    sigmoid = "softmax" if len(estimator.coef_) == 1 else "one-vs-rest"
    return _linear(estimator, {"log_loss": sigmoid, "modified_huber": "modified-huber"}.get(estimator.loss))


def _scores_only(estimator: Any) -> Twin:
    return _linear(estimator, None)


_TRANSFORMS: dict[type, Callable[[Any], nn.Module]] = {
    StandardScaler: _standard_scaler,
    MinMaxScaler: _min_max_scaler,
    Normalizer: _normalizer,
    PCA: _pca,
}

_CLASSIFIERS: dict[type, Callable[[Any], Twin]] = {
    MLPClassifier: _mlp,
    LogisticRegression: _logistic_regression,
    SGDClassifier: _sgd,
    LinearSVC: _scores_only,
    Perceptron: _scores_only,
    RidgeClassifier: _scores_only,
}
