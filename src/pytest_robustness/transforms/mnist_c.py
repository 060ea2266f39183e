"""The corruptions of MNIST-C: what each does to a batch, with its constants at each level of severity.

The constants are those of the published generator (Mu & Gilmer 2019, arXiv:1906.02337), in pixels of images of 28 x 28.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_robustness.transforms import blur, edges, geometric, lines, noise, photometric, weather
from pytest_robustness.transforms.random import sample_integers, sample_normal, sample_uniform, sample_words

Images = npt.NDArray[np.uint8]
Apply = Callable[..., Images]

SIDE = 28
"""Height and width of the images that lengths are meant for."""


@dataclass(frozen=True, slots=True)
class Draws:
    """The random numbers of a batch: each image's are its own, by its id.

    Parameters
    ----------
    seed : int
        Of the run.
    stream : str
        What the numbers are for.
    ids : sequence of int, length N
        Identities of the images.
    """

    seed: int
    stream: str
    ids: Sequence[int]

    def uniform(self, *shape: int) -> npt.NDArray[np.float64]:
        """Return numbers uniform on [0, 1), shape (N, *shape)."""
        return sample_uniform(self.seed, self.stream, self.ids, shape)

    def normal(self, *shape: int) -> npt.NDArray[np.float64]:
        """Return standard normal numbers, shape (N, *shape)."""
        return sample_normal(self.seed, self.stream, self.ids, shape)

    def integers(self, below: int, n: int) -> npt.NDArray[np.unsignedinteger]:
        """Return whole numbers from 0 to below - 1, shape (N, n)."""
        return sample_integers(self.seed, self.stream, self.ids, n, below)

    def words(self, n: int) -> npt.NDArray[np.uint16]:
        """Return whole numbers from 0 to 65535, shape (N, n)."""
        return sample_words(self.seed, self.stream, self.ids, n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """What a corruption does, and its levels.

    Parameters
    ----------
    apply : callable
        Takes images (N, ..., H, W), the `Draws` for them and the constants of a level; returns images.
    levels : tuple of tuple
        Constants at each level of severity, the mildest first; one level alone is no severity.
    standard : int, optional
        The level of MNIST-C, from 1.
    pixels : callable, optional
        Takes the shape of an image; returns the memory that it takes to work on it, in pixels.
    """

    apply: Apply
    levels: tuple[tuple[Any, ...], ...] = ((),)
    standard: int = 1
    pixels: Callable[[tuple[int, ...]], int] = math.prod


def _length(pixels: float, size: int) -> int:
    """Return a length of images of 28 pixels in images of `size` pixels: whole, at least 1."""
    return max(1, round(pixels * size / SIDE))


def _identity(images: Images, _draws: Draws) -> Images:
    return images.copy()


def _shot_noise(images: Images, draws: Draws, photons: int) -> Images:
    return noise.shot_noise(images, draws.uniform(*images.shape[1:]), photons=photons)


def _impulse_noise(images: Images, draws: Draws, amount: float) -> Images:
    return noise.impulse_noise(images, draws.uniform(*images.shape[1:]), amount=amount)


def _glass_blur(images: Images, draws: Draws, sigma: float, reach: int, passes: int) -> Images:
    height, width = images.shape[-2:]
    reach = _length(reach, min(height, width))
    steps = blur.glass_steps(height, width, reach, passes)
    choices = draws.integers(blur.glass_choices(reach), steps)
    return blur.glass_blur(images, choices, sigma=sigma * height / SIDE, reach=reach, passes=passes)


def _motion_blur(images: Images, draws: Draws, radius: int, sigma: float) -> Images:
    size = min(images.shape[-2:])
    radians = np.pi / 4 * (2 * draws.uniform() - 1)
    return blur.motion_blur(images, radians, radius=_length(radius, size), sigma=sigma * size / SIDE)


def _shear(images: Images, draws: Draws, radians: float) -> Images:
    return _to_a_side(images, draws, lambda chosen, sign: geometric.shear(chosen, sign * radians))


def _scale(images: Images, _draws: Draws, factor: float) -> Images:
    return geometric.scale(images, factor)


def _rotate(images: Images, draws: Draws, radians: float) -> Images:
    return _to_a_side(images, draws, lambda chosen, sign: geometric.rotate(chosen, sign * radians))


def _to_a_side(images: Images, draws: Draws, transform: Callable[[Images, int], Images]) -> Images:
    """Transform each image with a random sign, one call for each of the two signs."""
    negative = draws.uniform() < 0.5
    moved = np.empty_like(images)
    for sign, chosen in ((-1, negative), (1, ~negative)):
        moved[chosen] = transform(images[chosen], sign)
    return moved


def _brightness(images: Images, _draws: Draws, amount: float) -> Images:
    return photometric.brighten(images, amount)


def _translate(images: Images, draws: Draws, pixels: int) -> Images:
    down, right = (_length(pixels, size) for size in images.shape[-2:])
    negative = draws.uniform(2) < 0.5
    moved = np.empty_like(images)
    for up, left in ((False, False), (False, True), (True, False), (True, True)):
        chosen = (negative == (up, left)).all(axis=1)
        moved[chosen] = geometric.translate(images[chosen], -down if up else down, -right if left else right)
    return moved


def _stripe(images: Images, _draws: Draws) -> Images:
    return photometric.invert_stripes(images, 0.25)


def _fog(images: Images, draws: Draws, thickness: float, decay: float) -> Images:
    side = weather.fog_side(*images.shape[-2:])
    return weather.fog(images, draws.words(side * side), thickness=thickness, decay=decay)


def _spatter(images: Images, draws: Draws, *level: float) -> Images:
    mean, deviation, blurred, threshold, edge = level
    height, width = images.shape[-2:]
    return weather.spatter(
        images,
        draws.normal(height, width),
        mean=mean,
        deviation=deviation,
        blur=(blurred * height / SIDE, blurred * width / SIDE),
        threshold=threshold,
        edge=(edge * height / SIDE, edge * width / SIDE),
    )


def _dotted_line(images: Images, draws: Draws) -> Images:
    return lines.dotted_line(images, draws.uniform(2))


def _zigzag(images: Images, draws: Draws) -> Images:
    return lines.zigzag(images, draws.uniform(2))


def _canny_edges(images: Images, _draws: Draws) -> Images:
    return edges.canny_edges(images, sigma=max(1.0, min(images.shape[-2:]) / SIDE))


REGISTRY: dict[str, Corruption] = {
    "identity": Corruption(apply=_identity),
    "shot_noise": Corruption(apply=_shot_noise, levels=((60,), (25,), (12,), (5,), (3,)), standard=5),
    "impulse_noise": Corruption(apply=_impulse_noise, levels=((0.03,), (0.06,), (0.09,), (0.17,), (0.27,)), standard=4),
    "glass_blur": Corruption(
        apply=_glass_blur, levels=((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2))
    ),
    "motion_blur": Corruption(
        apply=_motion_blur,
        levels=((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
        pixels=lambda shape: 2 * math.prod(shape),
    ),
    "shear": Corruption(apply=_shear, levels=((0.2,), (0.4,), (0.6,), (0.8,), (1.0,)), standard=2),
    "scale": Corruption(apply=_scale, levels=((0.9,), (0.8,), (0.7,), (0.6,), (0.5,)), standard=3),
    "rotate": Corruption(apply=_rotate, levels=((0.2,), (0.4,), (0.6,), (0.8,), (1.0,)), standard=2),
    "brightness": Corruption(apply=_brightness, levels=((0.1,), (0.2,), (0.3,), (0.4,), (0.5,)), standard=5),
    "translate": Corruption(apply=_translate, levels=((1,), (2,), (3,), (4,), (5,)), standard=3),
    "stripe": Corruption(apply=_stripe),
    "fog": Corruption(
        apply=_fog,
        levels=((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4)),
        standard=5,
        pixels=lambda shape: 2 * weather.fog_side(*shape[-2:]) ** 2,
    ),
    "spatter": Corruption(
        apply=_spatter,
        levels=(
            *((0.65, 0.3, 4.0, 0.69, 0.6), (0.65, 0.3, 3.0, 0.68, 0.6), (0.65, 0.3, 2.0, 0.68, 0.5)),
            *((0.65, 0.3, 1.0, 0.65, 1.5), (0.67, 0.4, 1.0, 0.65, 1.5)),
        ),
        standard=4,
    ),
    "dotted_line": Corruption(apply=_dotted_line, pixels=lambda shape: math.prod(shape) // 8),
    "zigzag": Corruption(apply=_zigzag, pixels=lambda shape: math.prod(shape) // 8),
    "canny_edges": Corruption(apply=_canny_edges, pixels=lambda shape: 4 * math.prod(shape)),
}
"""The corruptions by name, in the order of the paper's table, after the images as they are."""
