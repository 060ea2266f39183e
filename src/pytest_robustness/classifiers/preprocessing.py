"""From pixels in [0, 1] to what a model was trained on: another range, then another mean and standard deviation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """The affine map ``(low + x * (high - low) - mean) / std``, in float32, the same in numpy and in torch.

    Parameters
    ----------
    bounds : (float, float)
        What the pixel values 0 and 1 become.
    mean, std : tuple of float, optional
        One number for each channel, or one for all; in the units of `bounds`.
    """

    bounds: tuple[float, float] = (0.0, 1.0)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def array(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map images of shape (N, C, H, W)."""
        low, high = self.bounds
        if self.bounds != (0.0, 1.0):
            pixels = np.float32(low) + pixels * np.float32(high - low)
        if self.mean is not None:
            pixels = pixels - np.asarray(self.mean, dtype=np.float32).reshape(-1, 1, 1)
        if self.std is not None:
            pixels = pixels / np.asarray(self.std, dtype=np.float32).reshape(-1, 1, 1)
        return pixels

    def tensor(self, pixels: Tensor) -> Tensor:
        """Map images of shape (N, C, H, W), differentiably."""
        low, high = self.bounds
        if self.bounds != (0.0, 1.0):
            pixels = low + pixels * (high - low)
        if self.mean is not None:
            pixels = pixels - pixels.new_tensor(self.mean).reshape(-1, 1, 1)
        if self.std is not None:
            pixels = pixels / pixels.new_tensor(self.std).reshape(-1, 1, 1)
        return pixels

    def check_channels(self, channels: int) -> None:
        """Raise ParameterError where `mean` or `std` was given for another number of channels."""
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) not in {1, channels}:
                raise ParameterError(f"{name} does not fit images of {channels} channels", got=values)


def preprocessing(
    bounds: Sequence[float], mean: float | Sequence[float] | None, std: float | Sequence[float] | None
) -> Preprocessing:
    """Check the three settings and return them as a Preprocessing.

    Raises
    ------
    ParameterError
        Where a number is not finite, `bounds` do not rise, or `std` is not positive.
    """
    ends = _numbers("bounds", bounds)
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise ParameterError("bounds must be two numbers, the lower first", got=bounds, allowed="(low, high)")
    means = None if mean is None else _numbers("mean", mean)
    spreads = None if std is None else _numbers("std", std)
    if spreads is not None and min(spreads) <= 0:
        raise ParameterError("std must be positive", got=std)
    return Preprocessing(bounds=(ends[0], ends[1]), mean=means, std=spreads)


def _numbers(name: str, values: ArrayLike) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in np.atleast_1d(np.asarray(values, dtype=np.float64)))
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} must be numbers", got=values) from error
    if not numbers or not all(map(math.isfinite, numbers)):
        raise ParameterError(f"{name} must be finite numbers", got=values)
    return numbers
