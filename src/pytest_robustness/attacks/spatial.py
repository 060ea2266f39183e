"""Rotations and translations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

from pytest_robustness.attacks.balls import Cube
from pytest_robustness.attacks.base import BatchAttack, Reach
from pytest_robustness.attacks.batch import Record
from pytest_robustness.errors import ParameterError, check_number

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_robustness.attacks.balls import Ball
    from pytest_robustness.attacks.batch import Batch, Found
    from pytest_robustness.classifiers import Forward


class Shift(NamedTuple):
    """A rotation, in degrees and counter-clockwise as images are shown, then a translation, in pixels."""

    degrees: float
    down: float
    right: float


@dataclass(frozen=True, kw_only=True)
class Spatial(BatchAttack):
    """The worst of a grid of rotations and translations: needs labels only.

    Engstrom et al. 2019, arXiv:1712.02779, section 3.1. The smallest that fools is returned: each is measured by its
    angle and its two translations in units of the largest allowed, as the length of a vector. Pixels are interpolated
    bilinearly, and what comes in from outside is black.

    Parameters
    ----------
    max_rotation : float
        Degrees, either way; at most 180.
    max_translation : float
        Pixels, either way along each axis.
    rotations, translations : int
        Points of the grid: angles, and translations along each axis. One point means no change.
    """

    name = "spatial"
    needs = "labels"
    targetable = False

    max_rotation: float = 30.0
    max_translation: float = 3.0
    rotations: int = 31
    translations: int = 5

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("max_rotation", self.max_rotation, minimum=0.0)
        check_number("max_translation", self.max_translation, minimum=0.0)
        check_number("rotations", self.rotations, minimum=1, whole=True)
        check_number("translations", self.translations, minimum=1, whole=True)
        if self.max_rotation > 180:
            raise ParameterError("max_rotation is out of range", got=self.max_rotation, allowed="0 to 180 degrees")
        if not self.shifts():
            raise ParameterError(
                "the grid holds nothing but the image itself",
                got=f"rotations={self.rotations}, translations={self.translations}",
                mend="Give more than one rotation or translation, and a maximum above 0.",
            )

    def shifts(self) -> list[Shift]:
        """Return the grid without the identity, from the smallest to the largest."""
        angles = _points(self.max_rotation, self.rotations)
        ways = _points(self.max_translation, self.translations)
        grid = {Shift(angle, down, right) for angle in angles for down in ways for right in ways}
        return sorted(grid - {Shift(0.0, 0.0, 0.0)}, key=lambda shift: (self._length(shift), shift))

    def _length(self, shift: Shift) -> float:
        limits = (self.max_rotation, self.max_translation, self.max_translation)
        # Rounded, so that lengths that are equal compare so, whatever the order of their parts.
        return round(math.hypot(*(part / limit for part, limit in zip(shift, limits, strict=True) if part)), 9)

    @property
    def reach(self) -> Reach:
        """Any image: how far it turns and shifts is no distance between pixels."""
        return Reach(None, math.inf)

    def _ball(self, images: Tensor) -> Ball:
        return Cube(images)

    def _perturb(self, forward: Forward, batch: Batch) -> Found:
        record = Record(batch)
        for shift in self.shifts():
            points = batch.ball.project(shifted(batch.images, shift))
            keep = record.note(points, batch.fooled(forward(points)))
            if keep is not None:
                if len(keep) == 0:
                    break
                batch = batch.keep(keep)
        return record.found


def shifted(images: Tensor, shift: Shift) -> Tensor:
    """Rotate images (B, C, H, W) about their centre, then translate them."""
    height, width = images.shape[2:]
    turn = math.radians(shift.degrees)
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    y = torch.arange(height, dtype=torch.float64, device=images.device)[:, None] - middle_y - shift.down
    x = torch.arange(width, dtype=torch.float64, device=images.device)[None, :] - middle_x - shift.right
    # Where each pixel comes from, in units of half the distance between the outermost pixels.
    source_x = (math.cos(turn) * x - math.sin(turn) * y) / max(middle_x, 0.5)
    source_y = (math.sin(turn) * x + math.cos(turn) * y) / max(middle_y, 0.5)
    places = torch.stack([source_x, source_y], dim=2).to(images.dtype).expand(len(images), -1, -1, -1)
    return torch.nn.functional.grid_sample(images, places, mode="bilinear", padding_mode="zeros", align_corners=True)


def _points(limit: float, count: int) -> list[float]:
    """Return `count` points from -limit to limit; no change where there is only one."""
    return [0.0] if count == 1 else [limit * (2 * i - count + 1) / (count - 1) for i in range(count)]
