"""Twins of the transforms in front of a classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler
from torch import Tensor, nn

from pytest_robustness.classifiers.twins.heads import double

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike


def build_transform(step: Any) -> nn.Module | None:
    """Return the twin of a fitted transform, or None where there is none."""
    if step is None or isinstance(step, str):  # "passthrough"
        return nn.Identity()
    if type(step) is Pipeline:
        return build_transforms([inner for _, inner in step.steps])
    build = TRANSFORMS.get(type(step))
    return None if build is None else build(step)


def build_transforms(steps: list[Any]) -> nn.Module | None:
    """Return the twin of fitted transforms one after the other, or None where one of them has none."""
    layers = [build_transform(step) for step in steps]
    known = [layer for layer in layers if layer is not None]
    return nn.Sequential(*known) if len(known) == len(layers) else None


class Affine(nn.Module):
    """x -> x @ weight + bias, in float64."""

    def __init__(self, weight: ArrayLike, bias: ArrayLike) -> None:
        super().__init__()
        self.weight = nn.Buffer(double(weight))
        self.bias = nn.Buffer(double(bias))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, D') of (B, D)."""
        return x @ self.weight + self.bias


class _Scale(nn.Module):
    """x -> (x - shift) * scale, clipped where there are limits."""

    def __init__(self, shift: ArrayLike, scale: ArrayLike, limits: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.shift = nn.Buffer(double(shift))
        self.scale = nn.Buffer(double(scale))
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
    return Affine(weight, -step.mean_ @ weight)


TRANSFORMS: dict[type, Callable[[Any], nn.Module]] = {
    StandardScaler: _standard_scaler,
    MinMaxScaler: _min_max_scaler,
    Normalizer: _normalizer,
    PCA: _pca,
}
