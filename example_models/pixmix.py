"""PixMix (Hendrycks et al. 2022, arXiv:2112.05135): digits mixed with fractals and with changed copies of themselves.

The fractals are made here, from a seed, by iterated function systems (Barnsley 1988), where the paper takes pictures
from a collection. Rounds, weights and severity are those of its experiments: k = 4, beta = 3, severity 3 of 10.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from example_models.recipes import Batch, Moment

ROUNDS = 4
BETA = 3.0
SEVERITY = 0.3
FRACTALS = 2000
SEED = 0

_SIDE = 28
_POINTS = 512  # that wander over a fractal side by side
_MOVES = 40  # each point makes
_FORGOTTEN = 15  # first moves, before which a point is not on the fractal yet


@lru_cache(maxsize=1)
def fractals() -> Tensor:
    """Return pictures (`FRACTALS`, 1, 28, 28) in [0, 1] of iterated function systems, the same each time."""
    generator = np.random.default_rng(SEED)
    pictures = np.stack([_fractal(generator) for _ in range(FRACTALS)])
    return torch.from_numpy(pictures)[:, None].float()


def _fractal(generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw two to five contracting affine maps, and how often points that follow them at random visit each pixel.

    The grey level is the logarithm of the visits. Maps are chosen by their area, so that the points spread evenly.
    """
    maps = generator.integers(2, 6)
    turn, turn_back = (_rotations(generator.uniform(0, 2 * np.pi, maps)) for _ in range(2))
    scales = generator.uniform(0.3, 0.9, (maps, 2)) * generator.choice((-1, 1), (maps, 2))
    matrices = (turn * scales[:, None, :]) @ turn_back
    shifts = generator.uniform(-1, 1, (maps, 2))
    area = np.abs(scales.prod(axis=1))
    chosen = generator.choice(maps, size=(_MOVES, _POINTS), p=area / area.sum())
    point, visited = np.zeros((_POINTS, 2)), []
    for step in chosen:
        point = np.einsum("pij,pj->pi", matrices[step], point) + shifts[step]
        visited.append(point)
    points = np.concatenate(visited[_FORGOTTEN:])
    low, high = np.quantile(points, (0.01, 0.99), axis=0)  # a window that stray points do not widen
    visits, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=_SIDE, range=np.stack([low, high], axis=1))
    levels: NDArray[np.float64] = np.log1p(visits)
    brightest: float = levels.max()
    return levels / brightest


def _rotations(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrices (K, 2, 2) of rotations."""
    cosine, sine = np.cos(angles), np.sin(angles)
    return np.stack([np.stack([cosine, -sine], axis=-1), np.stack([sine, cosine], axis=-1)], axis=-2)


def pixmix(images: Tensor, targets: Tensor, moment: Moment) -> Batch:
    """Mix each image up to four times with a fractal or with a changed copy of itself, by adding or multiplying.

    The sequence is that of the paper's algorithm: the image or a changed copy of it, then 0 to 4 rounds. All images of
    the batch go through the rounds together, and one that has had all of its own stays as it is.
    """
    n = len(images)
    pictures = fractals()[torch.randint(FRACTALS, (n,), generator=moment.generator)]
    rounds = torch.randint(ROUNDS + 1, (n, 1, 1, 1), generator=moment.generator)
    mixed = torch.where(_coin(n, moment), images, changed(images, moment))
    for done in range(ROUNDS):
        other = torch.where(_coin(n, moment), pictures, changed(images, moment))
        added, multiplied = _add(mixed, other, moment), _multiply(mixed, other, moment)
        result = torch.where(_coin(n, moment), added, multiplied).clamp_(0.0, 1.0)
        mixed = torch.where(rounds > done, result, mixed)
    return mixed, targets


def _coin(n: int, moment: Moment) -> Tensor:
    return moment.uniform(n, 1, 1, 1) < 0.5


def _weights(n: int, moment: Moment) -> tuple[Tensor, Tensor]:
    """Draw the weights of the image and of what is mixed in: both positive, or more than 1 and less than 0.

    A power of a uniform number has the distribution Beta(beta, 1), and one less it Beta(1, beta).
    """
    much, little = (moment.uniform(n, 1, 1, 1) ** (1 / BETA) for _ in range(2))
    heads = _coin(n, moment)
    return torch.where(heads, much, 2 - much), torch.where(heads, 1 - little, little - 1)


def _add(one: Tensor, other: Tensor, moment: Moment) -> Tensor:
    """Return the weighted sum, with grey as zero."""
    a, b = _weights(len(one), moment)
    return (a * (2 * one - 1) + b * (2 * other - 1) + 1) / 2


def _multiply(one: Tensor, other: Tensor, moment: Moment) -> Tensor:
    """Return the product of powers, with grey as one."""
    a, b = _weights(len(one), moment)
    return (2 * one) ** a * (2 * other).clamp(min=1e-6) ** b / 2


def changed(images: Tensor, moment: Moment) -> Tensor:
    """Return the images, each changed in one of seven ways, all at severity 3 of 10.

    Turned by up to 9 degrees, sheared along a side by up to 0.09, shifted along a side by up to a tenth of it, inverted
    above a level, or rounded to few levels: the paper's, without autocontrast and equalisation, which a digit in black
    and white hardly notices.
    """
    n = len(images)
    kind = torch.randint(7, (n,), generator=moment.generator)
    amount = SEVERITY * (2 * moment.uniform(n) - 1)
    moved = [amount * (kind == way) for way in range(5)]
    angle = torch.deg2rad(30 * moved[0])
    cosine, sine = angle.cos(), angle.sin()
    rows = [
        torch.stack([cosine, 0.3 * moved[1] - sine, 2 / 3 * moved[3]], dim=1),
        torch.stack([0.3 * moved[2] + sine, cosine, 2 / 3 * moved[4]], dim=1),
    ]
    grid = affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    result = grid_sample(images, grid, align_corners=False)
    strength = amount.abs()[:, None, None, None]
    inverted = torch.where(result >= 1 - strength, 1 - result, result)
    levels = 2 ** (4 * (1 - strength)).round() - 1
    posterised = (result * levels).round() / levels
    which = kind[:, None, None, None]
    return torch.where(which == 5, inverted, torch.where(which == 6, posterised, result))
