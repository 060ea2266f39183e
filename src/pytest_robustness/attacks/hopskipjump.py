"""HopSkipJump: along the decision boundary towards the image, by labels alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from pytest_robustness.attacks.base import NormAttack
from pytest_robustness.attacks.batch import Found
from pytest_robustness.errors import check_number
from pytest_robustness.transforms.random import sample_draw, sample_uniform

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_robustness.attacks.batch import Batch
    from pytest_robustness.classifiers import Forward

_IMAGES = 1000
"""Probes that go through the classifier at once; more would only take memory."""

_STARTS, _TRIES = 5, 100
"""Noise images that every sample tries as starts, and those that none of them serves."""

_HALVINGS = 10
"""A step that does not fool is halved so often before the sample stays where it is."""


@dataclass(frozen=True, kw_only=True)
class HopSkipJump(NormAttack):
    """From a misclassified image along the decision boundary towards the clean one: needs labels only.

    Chen, Jordan and Wainwright 2020, arXiv:1904.02144, Algorithm 2. Each step estimates the direction of the boundary
    from the labels of random points around the present one (eq. 16), goes along it (eq. 13 and 14), and searches the
    way back to the boundary by bisection. It starts from the nearest boundary in the direction of a black, a white, an
    inverted and a mirrored image and some of noise, as far as they are misclassified.

    Parameters
    ----------
    norm, eps, target
        See `NormAttack`. The images found are as near as it gets them; a sample is fooled if its own is within `eps`.
    steps : int
        Steps along the boundary.
    initial_queries : int
        Probes of the first estimate; step t makes ``initial_queries * sqrt(t)``.
    max_queries : int
        Images that the classifier is asked about for each sample, at most, the start not counted.
    stop_at_eps : bool
        Leave a sample as soon as its image is within `eps`.
    """

    name = "hopskipjump"
    needs = "labels"
    minimal = True

    steps: int = 64
    initial_queries: int = 100
    max_queries: int = 10_000
    stop_at_eps: bool = field(default=False, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("steps", self.steps, minimum=1, whole=True)
        check_number("initial_queries", self.initial_queries, minimum=2, whole=True)
        check_number("max_queries", self.max_queries, minimum=1, whole=True)

    def _perturb(self, forward: Forward, batch: Batch) -> Found:
        ask = _Oracle(forward, self.norm)
        best, began = _starts(ask, batch)
        nearest = ask.distance(best, batch.images)
        rows = self._going(batch, best, began.nonzero()[:, 0])
        points, spent = best[rows], torch.zeros(len(rows), dtype=torch.int64, device=best.device)
        for step in range(1, self.steps + 1):
            probes = round(self.initial_queries * math.sqrt(step))
            go = (spent + probes + ask.rounds(batch) + _HALVINGS <= self.max_queries).nonzero()[:, 0]
            rows, points, spent = rows[go], points[go], spent[go]
            if len(rows) == 0:
                break
            here = batch.keep(rows)
            ways = _directions(ask, here, points, probes, step)
            points, used = _advance(ask, here, points, ways, step)
            spent += probes + used
            length = ask.distance(points, here.images)
            nearer = (length < nearest[rows]).nonzero()[:, 0]
            best[rows[nearer]], nearest[rows[nearer]] = points[nearer], length[nearer]
            stay = torch.isin(rows, self._going(batch, best, rows))
            rows, points, spent = rows[stay], points[stay], spent[stay]
        images = batch.ball.project(best)
        return Found(images, began & _same(images, best))

    def _going(self, batch: Batch, best: Tensor, rows: Tensor) -> Tensor:
        """Return those of the rows that are not done."""
        if not self.stop_at_eps:
            return rows
        return rows[~_same(batch.keep(rows).ball.project(best[rows]), best[rows])]


class _Oracle:
    """What the attack asks of the classifier, and how it measures."""

    def __init__(self, forward: Forward, norm: str) -> None:
        self._forward = forward
        self.norm = norm

    def fools(self, batch: Batch, points: Tensor) -> Tensor:
        """Return which points (B, C, H, W) fool the classifier, (B,) bool."""
        return self.each_fools(batch, points[:, None])[:, 0]

    def each_fools(self, batch: Batch, points: Tensor) -> Tensor:
        """Return which of P points a sample (B, P, C, H, W) fool the classifier, (B, P) bool."""
        with torch.no_grad():
            predicted = self._forward(points.flatten(0, 1)).argmax(dim=1).view(points.shape[:2])
        return predicted != batch.labels[:, None] if batch.targets is None else predicted == batch.targets[:, None]

    def distance(self, points: Tensor, images: Tensor) -> Tensor:
        """Return the distance of each point from its image, (B,) float64."""
        order = math.inf if self.norm == "linf" else 2
        found: Tensor = torch.linalg.vector_norm((points.double() - images.double()).flatten(1), ord=order, dim=1)
        return found

    def nearer(self, points: Tensor, images: Tensor, share: Tensor) -> Tensor:
        """Return the points at shares (B,) of their distance: drawn towards the images (l2), or clipped (linf)."""
        way = points.double() - images.double()
        if self.norm == "linf":
            limit = (share * self.distance(points, images))[:, None, None, None]
            return (images + way.clamp(-limit, limit)).float()
        return (images + share[:, None, None, None] * way).float()

    def rounds(self, batch: Batch) -> int:
        """Return the halvings of a bisection: its error is small beside the distance of the probes."""
        return math.ceil(math.log2(10 * batch.images[0].numel()))

    def bisect(self, batch: Batch, points: Tensor) -> Tensor:
        """Return the fooling points nearest to the images on the ways to points that fool."""
        low, high = torch.zeros(2, len(points), dtype=torch.float64, device=points.device)
        high += 1
        found = points.clone()
        for _ in range(self.rounds(batch)):
            middle = (low + high) / 2
            tried = self.nearer(points, batch.images, middle)
            fools = self.fools(batch, tried)
            found[fools] = tried[fools]
            low, high = torch.where(fools, low, middle), torch.where(fools, middle, high)
        return found


def _starts(ask: _Oracle, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the nearest point of the boundary on the ways to some other images, and whether there is one, (B,)."""
    best, nearest = batch.images.clone(), torch.full_like(batch.labels, torch.inf, dtype=torch.float64)
    images = batch.images
    patterns = [torch.zeros_like(images), torch.ones_like(images), 1 - images, images.flip(2), images.flip(3)]
    for number in range(len(patterns) + _TRIES):
        rows = torch.arange(len(batch), device=images.device)
        if number >= len(patterns) + _STARTS:
            rows = nearest.isinf().nonzero()[:, 0]
        if len(rows) == 0:
            break
        here = batch.keep(rows)
        points = patterns[number][rows] if number < len(patterns) else _noise_image(here, number)
        fooling = ask.fools(here, points).nonzero()[:, 0]
        if len(fooling):
            rows, here, points = rows[fooling], here.keep(fooling), points[fooling]
            points = ask.bisect(here, points)
            length = ask.distance(points, here.images)
            nearer = (length < nearest[rows]).nonzero()[:, 0]
            best[rows[nearer]], nearest[rows[nearer]] = points[nearer], length[nearer]
    return best, nearest.isfinite()


def _noise_image(batch: Batch, number: int) -> Tensor:
    draws = sample_uniform(batch.seed, "hopskipjump/start", batch.ids, tuple(batch.images.shape[1:]), index=number)
    return torch.as_tensor(draws, dtype=torch.float32, device=batch.images.device)


def _directions(ask: _Oracle, batch: Batch, points: Tensor, probes: int, step: int) -> Tensor:
    """Return the estimated directions into the region that fools, (B, C, H, W): unit vectors (l2) or signs (linf)."""
    ways = torch.empty_like(points)
    size = max(1, _IMAGES // probes)
    for start in range(0, len(points), size):
        part = torch.arange(start, min(start + size, len(points)), device=points.device)
        ways[part] = _estimate(ask, batch.keep(part), points[part], probes, step)
    if ask.norm == "linf":
        return ways.sign()
    length: Tensor = ways.flatten(1).norm(dim=1)
    return ways / length.clamp_min(1e-30)[:, None, None, None]


def _estimate(ask: _Oracle, batch: Batch, points: Tensor, probes: int, step: int) -> Tensor:
    """Return the mean of random directions weighted by the labels that they lead to, less the mean label (eq. 16)."""
    noise = _unit_noise(ask, batch, probes, step)
    # Probes lie at 1 / d of the Euclidean distance in both norms. In linf the paper has 1 / d of the distance in linf,
    # sqrt(d) times less: an image of 784 pixels was then left with a distance half as large again, by equal queries.
    length = (points - batch.images).flatten(1).norm(dim=1)
    radius = (length / points[0].numel())[:, None, None, None, None]
    around = (points[:, None] + radius * noise).clamp_(0.0, 1.0)
    signs = torch.where(ask.each_fools(batch, around), 1.0, -1.0)
    means = signs.mean(dim=1, keepdim=True)
    weights = torch.where(means.abs() == 1, signs, signs - means)
    # What the bounds have cut off was not asked about.
    moved = around.sub_(points[:, None]).div_(radius)
    return torch.einsum("bp,bp...->b...", weights, moved) / probes


def _unit_noise(ask: _Oracle, batch: Batch, probes: int, step: int) -> Tensor:
    shape = (probes, *batch.images.shape[1:])

    def draw(generator: np.random.Generator) -> np.ndarray:
        if ask.norm == "linf":
            return 2 * generator.random(shape, dtype=np.float32) - 1
        return generator.standard_normal(shape, dtype=np.float32)

    draws = sample_draw(batch.seed, "hopskipjump", batch.ids, shape, draw, index=step)
    noise = torch.as_tensor(draws, dtype=torch.float32, device=batch.images.device)
    length: Tensor = torch.linalg.vector_norm(noise, dim=(2, 3, 4), keepdim=True)
    return noise / length


def _advance(ask: _Oracle, batch: Batch, points: Tensor, ways: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """Go along the ways, by shorter and shorter steps until it fools, and back to the boundary.

    Returns
    -------
    points : Tensor of shape (B, C, H, W)
    used : Tensor of int64, shape (B,)
        Queries made.
    """
    size = ask.distance(points, batch.images).float() / math.sqrt(step)
    used = torch.zeros_like(batch.labels)
    ends = points.clone()
    pending = torch.arange(len(points), device=points.device)
    for _ in range(_HALVINGS):
        tried = (points[pending] + size[pending, None, None, None] * ways[pending]).clamp(0.0, 1.0)
        fools = ask.fools(batch.keep(pending), tried)
        used[pending] += 1
        ends[pending[fools]] = tried[fools]
        pending = pending[~fools]
        if len(pending) == 0:
            break
        size[pending] /= 2
    return ask.bisect(batch, ends), used + ask.rounds(batch)


def _same(first: Tensor, second: Tensor) -> Tensor:
    return (first == second).flatten(1).all(dim=1)
