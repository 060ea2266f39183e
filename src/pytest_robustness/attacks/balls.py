"""The sets that an attack may move in: a norm ball around each image, cut by the bounds of the pixels.

All balls are *exact*: whatever float32 rounding does, a projected image x' has ``||x' - x|| <= eps`` when the
difference and its norm are computed in float64 from the float32 pixels, and lies in [0, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from pytest_robustness.transforms.random import sample_normal, sample_uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray


_SUM_ROUNDING = 1e-9
"""More than a sum of squares can be off, in whatever order it is summed: the radius keeps this distance."""

_FACTOR_ROUNDING = 1e-6
"""More than the four roundings of a difference, its length, a factor and a product can be off in float32, together."""

_PIXEL_ROUNDING = 2.0**-25 * 1.001
"""More than a pixel in [0, 1] can be off when it is rounded to float32."""

_LARGEST_LOSS = 1e-4
"""Share of a radius that rounding may cost; smaller radii are worth the work in float64."""

_SMALLEST = 2.0**-149
"""The smallest positive number of float32."""


class Ball(Protocol):
    """A set of allowed images around each of B clean images of shape (B, C, H, W)."""

    def project(self, points: Tensor) -> Tensor:
        """Return the nearest allowed images, (B, C, H, W) float32."""

    def ascend(self, points: Tensor, gradient: Tensor, size: float) -> Tensor:
        """Return the allowed images one step of length `size` along the steepest ascent of the norm."""

    def random(self, ids: NDArray[np.int64], *, seed: int, stream: str, index: int) -> Tensor:
        """Return a random allowed image for each clean one, drawn from the noise of its own sample."""

    def keep(self, rows: Tensor) -> Ball:
        """Return the ball around the chosen rows only."""


@dataclass(frozen=True)
class LinfBall:
    """All images that differ by at most `eps` in every pixel."""

    centre: Tensor
    eps: float
    lower: Tensor
    upper: Tensor

    @classmethod
    def around(cls, images: Tensor, eps: float) -> LinfBall:
        """Build the ball around `images`.

        The corners are computed in float64 and rounded inwards; `eps` is first rounded down to a float32, so that even
        a difference rounded to float32 does not exceed it.
        """
        radius = float(_round_down(eps))
        exact = images.double()
        return cls(
            images,
            radius,
            _round_inwards((exact - radius).clamp(min=0.0), math.inf),
            _round_inwards((exact + radius).clamp(max=1.0), -math.inf),
        )

    def project(self, points: Tensor) -> Tensor:
        """Clamp every pixel between its corners."""
        return torch.clamp(points, self.lower, self.upper)

    def ascend(self, points: Tensor, gradient: Tensor, size: float) -> Tensor:
        """Step by the sign of the gradient."""
        return gradient.sign().mul_(size).add_(points).clamp_(self.lower, self.upper)

    def random(self, ids: NDArray[np.int64], *, seed: int, stream: str, index: int) -> Tensor:
        """Draw uniformly from the whole ball, then clamp, as is usual: half of the black pixels stay black."""
        share = sample_uniform(seed, stream, ids, tuple(self.centre.shape[1:]), index=index)
        noise = torch.as_tensor(2 * share - 1, dtype=torch.float32, device=self.centre.device)
        return self.project(self.centre + self.eps * noise)

    def keep(self, rows: Tensor) -> LinfBall:
        """Return the ball around the chosen rows."""
        return LinfBall(self.centre[rows], self.eps, self.lower[rows], self.upper[rows])


@dataclass(frozen=True)
class L2Ball:
    """All images at a Euclidean distance of at most `eps`."""

    centre: Tensor
    eps: float

    @classmethod
    def around(cls, images: Tensor, eps: float) -> L2Ball:
        """Build the ball around `images`."""
        return cls(images, float(eps))

    def project(self, points: Tensor) -> Tensor:
        """Clamp, then draw what is too far out straight towards the centre."""
        rounding = _PIXEL_ROUNDING * math.sqrt(self.centre[0].numel())
        if rounding > _LARGEST_LOSS * self.eps:
            return self._project_closely(points)
        return self._project_quickly(points.clamp(0.0, 1.0), self.eps * (1 - _FACTOR_ROUNDING) - rounding)

    def ascend(self, points: Tensor, gradient: Tensor, size: float) -> Tensor:
        """Step along the normalised gradient; a zero gradient stays where it is."""
        # A quotient by the length never overflows, however small the gradient is; `size / length` might.
        direction = gradient / _length(gradient).clamp_min(_SMALLEST).float()
        return self.project(direction.mul_(size).add_(points))

    def random(self, ids: NDArray[np.int64], *, seed: int, stream: str, index: int) -> Tensor:
        """Draw uniformly from the ball: a normal direction at a distance of ``eps * u ** (1 / d)``."""
        shape = tuple(self.centre.shape[1:])
        size = math.prod(shape)
        direction = sample_normal(seed, stream, ids, shape, index=index).reshape(len(ids), size)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        distance = self.eps * sample_uniform(seed, f"{stream}/distance", ids, (1,), index=index) ** (1 / size)
        noise = torch.as_tensor((direction * distance).reshape(-1, *shape), device=self.centre.device)
        return self.project((self.centre.double() + noise).float())

    def keep(self, rows: Tensor) -> L2Ball:
        """Return the ball around the chosen rows."""
        return L2Ball(self.centre[rows], self.eps)

    def _project_quickly(self, points: Tensor, radius: float) -> Tensor:
        """Project in float32 on a ball that is smaller by all that rounding can add."""
        difference = points - self.centre
        length = _length(difference)
        factor = (radius / length).clamp_max(1.0).float()
        nearer = torch.addcmul(self.centre, difference, factor).clamp_(0.0, 1.0)
        inside = (length <= radius).flatten().nonzero()[:, 0]
        return nearer.index_copy_(0, inside, points[inside])

    def _project_closely(self, points: Tensor) -> Tensor:
        """Project in float64, and round every pixel towards the centre: for radii near the rounding of a pixel."""
        points = points.clamp(0.0, 1.0)
        centre = self.centre.double()
        difference = points.double() - centre
        length = difference.flatten(1).norm(dim=1)[:, None, None, None]
        radius = self.eps * (1 - _SUM_ROUNDING)
        nearer = difference * (radius / length)
        rounded = (centre + nearer).float()
        too_far = (rounded.double() - centre).abs() > nearer.abs()
        rounded = torch.where(too_far, torch.nextafter(rounded, self.centre), rounded)
        return torch.where(length > radius, rounded, points)


@dataclass(frozen=True)
class L0Ball:
    """All images that differ in at most `eps` pixels; a pixel is all its channels."""

    centre: Tensor
    eps: int

    @classmethod
    def around(cls, images: Tensor, eps: float) -> L0Ball:
        """Build the ball around `images`."""
        return cls(images, int(eps))

    def project(self, points: Tensor) -> Tensor:
        """Clamp, then keep the pixels that changed most in any channel; the others get their old colours back."""
        points = points.clamp(0.0, 1.0)
        # In float64, where no difference of two float32 numbers rounds to zero.
        change = (points.double() - self.centre.double()).abs().amax(dim=1).flatten(1)
        return torch.where(self._largest(change), points, self.centre)

    def ascend(self, points: Tensor, gradient: Tensor, size: float) -> Tensor:
        """Step along the gradient, the largest entry by `size`; a zero gradient stays where it is."""
        largest = gradient.double().abs().flatten(1).amax(dim=1).clamp(min=torch.finfo(torch.float64).tiny)
        direction = gradient.double() / largest[:, None, None, None]
        return self.project((points.double() + size * direction).float())

    def random(self, ids: NDArray[np.int64], *, seed: int, stream: str, index: int) -> Tensor:
        """Draw pixels without replacement, and a uniform colour for each."""
        channels, height, width = self.centre.shape[1:]
        draws = sample_uniform(seed, stream, ids, (channels + 1, height, width), index=index)
        noise = torch.as_tensor(draws, device=self.centre.device)
        chosen = self._largest(noise[:, 0].flatten(1))
        return torch.where(chosen, noise[:, 1:].float().clamp(max=1.0), self.centre)

    def keep(self, rows: Tensor) -> L0Ball:
        """Return the ball around the chosen rows."""
        return L0Ball(self.centre[rows], self.eps)

    def _largest(self, values: Tensor) -> Tensor:
        """Return where the `eps` largest of values (B, H * W) are, (B, 1, H, W) bool."""
        places = values.topk(min(self.eps, values.shape[1]), dim=1).indices
        mask = torch.zeros_like(values, dtype=torch.bool).scatter_(1, places, value=True)
        return mask.view(len(values), 1, *self.centre.shape[2:])


@dataclass(frozen=True)
class Cube:
    """All images: what an attack may use that changes them in another way than by a distance."""

    centre: Tensor

    def project(self, points: Tensor) -> Tensor:
        """Clamp every pixel to [0, 1]."""
        return points.clamp(0.0, 1.0)

    def ascend(self, points: Tensor, gradient: Tensor, size: float) -> Tensor:
        """Step by the sign of the gradient."""
        return gradient.sign().mul_(size).add_(points).clamp_(0.0, 1.0)

    def random(self, ids: NDArray[np.int64], *, seed: int, stream: str, index: int) -> Tensor:
        """Draw every pixel uniformly."""
        draws = sample_uniform(seed, stream, ids, tuple(self.centre.shape[1:]), index=index)
        return torch.as_tensor(draws, dtype=torch.float32, device=self.centre.device)

    def keep(self, rows: Tensor) -> Cube:
        """Return the cube for the chosen rows."""
        return Cube(self.centre[rows])


BALLS: dict[str, type[LinfBall | L2Ball | L0Ball]] = {"linf": LinfBall, "l2": L2Ball, "l0": L0Ball}


def _length(images: Tensor) -> Tensor:
    """Return the Euclidean length of each image in float64, (B, 1, 1, 1)."""
    length: Tensor = torch.linalg.vector_norm(images.flatten(1), dim=1, dtype=torch.float64)
    return length[:, None, None, None]


def _round_down(value: float) -> np.float32:
    rounded = np.float32(value)
    return rounded if float(rounded) <= value else np.nextafter(rounded, np.float32(-np.inf))


def _round_inwards(corner: Tensor, towards: float) -> Tensor:
    """Round a float64 corner to float32, never past the corner itself."""
    rounded = corner.float()
    passed = rounded.double() < corner if towards > 0 else rounded.double() > corner
    return torch.where(passed, torch.nextafter(rounded, torch.full_like(rounded, towards)), rounded)
