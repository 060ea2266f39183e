"""What every common corruption works on: images with the randomness that belongs to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pytest_robustness.transforms.random import sample_draw, sample_normal, sample_uniform, sample_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Floats = npt.NDArray[np.float32]

BASE_SIZE = 32
"""Side in pixels of the images that the lengths of the levels are meant for, those of CIFAR-10."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Images of one batch, with the seed of the run and the identities of the images.

    The noise of an image is the same at every severity, so that a higher level is more of the same.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, C, H, W)
    seed : int
    ids : sequence of int, length N
    """

    images: npt.NDArray[np.uint8]
    seed: int
    ids: Sequence[int]

    @cached_property
    def unit(self) -> Floats:
        """The images in [0, 1]."""
        return self.images.astype(np.float32) / np.float32(255)

    @property
    def growth(self) -> float:
        """By which lengths grow: the smaller side in units of `BASE_SIZE`, never below 1."""
        height, width = self.images.shape[-2:]
        return float(max(BASE_SIZE, min(height, width)) / BASE_SIZE)

    def length(self, pixels: float) -> int:
        """Return a length that is meant for images of `BASE_SIZE`, in whole pixels of these."""
        return round(pixels * self.growth)

    def uniform(self, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """Draw from [0, 1) for each image: shape (N, *shape)."""
        return sample_uniform(self.seed, f"common/{name}", self.ids, shape)

    def normal(self, name: str, shape: tuple[int, ...]) -> Floats:
        """Draw standard normal numbers for each image: shape (N, *shape)."""
        return sample_normal(self.seed, f"common/{name}", self.ids, shape).astype(np.float32)

    def words(self, name: str, n: int) -> npt.NDArray[np.uint16]:
        """Draw whole numbers from 0 to 65535 for each image: shape (N, n)."""
        return sample_words(self.seed, f"common/{name}", self.ids, n)

    def draw(self, name: str, take: Callable[[np.random.Generator, npt.NDArray[np.uint8]], npt.ArrayLike]) -> Floats:
        """Let `take` draw for each image, from its generator and the image: shape (N, C, H, W)."""
        rows = iter(self.images)
        drawn = sample_draw(
            self.seed, f"common/{name}", self.ids, self.images.shape[1:], lambda generator: take(generator, next(rows))
        )
        return drawn.astype(np.float32)
