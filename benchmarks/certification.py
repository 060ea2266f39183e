"""Certificates: exact L0 thresholds beside the way they were published, and one radius beside all of them."""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from fractions import Fraction
from functools import partial
from itertools import accumulate, repeat
from typing import TYPE_CHECKING

import torch
from tabulate import tabulate
from torch import nn

from benchmarks.timing import race
from pytest_robustness import load_classifier, load_dataset
from pytest_robustness.certificates import DiscreteNoise, SmoothedClassifier, l0_thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_robustness import Classifier, Dataset

DIMENSION = 784
CASES = ((Fraction(4, 5), 1, 20), (Fraction(4, 5), 1, 100), (Fraction(1, 10), 255, 20))
"""Alpha, K and the largest radius."""

PUBLISHED = (
    "The program published with the paper, run once on another day for r = 0 .. 20 and K = 1: 1,800 ms to count, and"
    " 2,500 ms for the thresholds of one alpha."
)

ABOUT = (
    "Images drawn with seed 0, none of which the perceptron was trained on. That one radius takes at least 20 times"
    " fewer passes is about example_models.smoothed_cnn: a model with more images next to the threshold saves less."
)

KEPT = Fraction(4, 5)
DRAWS = 100_000
IMAGES = 100
IMAGES_OF_CNN = 20
RADII = (1, 2, 3)


def table() -> str:
    """Return milliseconds of all thresholds up to a radius, ours and by counting the noisy images of 28 x 28 pixels."""
    rows = []
    for alpha, levels, radius in CASES:
        mine = race({"ours": partial(l0_thresholds, alpha, radius, levels=levels)}, rounds=20)["ours"]
        # Seconds long, up to a minute: once is enough.
        theirs = race({"counting": partial(_by_counting, alpha, radius, levels)}, rounds=1)["counting"]
        equal = "all" if mine.result == theirs.result else "NOT ALL"
        spent = (1e3 * mine.seconds, 1e3 * theirs.seconds, theirs.seconds / mine.seconds)
        rows.append([float(alpha), levels, f"0 .. {radius}", *spent, equal])
    headers = ["alpha", "K", "r", "ours ms", "counting ms", "counting / ours", "equal"]
    return "\n".join([tabulate(rows, headers=headers, floatfmt=("", "", "", ".2f", ",.0f", ",.0f")), PUBLISHED])


def passes_table() -> str:
    """Return the forward passes that certify images at one radius, beside those of as many draws for all of them."""
    rows = []
    for name, base, data in _bases():
        smoothed = SmoothedClassifier(base, DiscreteNoise(KEPT))
        options = {"n": DRAWS, "ids": data.ids}
        before = base.passes.snapshot()
        whole = smoothed.certify(data.images, **options)
        full = (base.passes - before).forwards
        for radius in RADII:
            before = base.passes.snapshot()
            few = smoothed.certify_at(data.images, radius, **options)
            spent = (base.passes - before).forwards
            differ = int(((whole.radius >= radius) != few.certified).sum())
            certified = f"{int((few.certified & (few.labels == data.labels)).sum())} of {len(data)}"
            rows.append([name, radius, certified, full, spent, full / spent, differ])
    headers = ["base model", "r", "right and certified", "passes", "of one radius", "ratio", "differ"]
    found = tabulate(rows, headers=headers, floatfmt=("", "", "", ",.0f", ",.0f", ".1f"), intfmt=",")
    return "\n".join([found, ABOUT])


def _bases() -> Iterator[tuple[str, Classifier, Dataset]]:
    """Yield base models for images whose pixels flip, and images that they were not trained on."""
    from example_models.smoothed_cnn import load

    everything = load_dataset("mnist-5k")
    order = everything.order(0)
    data = everything.take(order[:IMAGES])
    yield "perceptron", load_classifier(_perceptron(everything.take(order[IMAGES:]))).bound(data.images), data
    few = data.take(range(IMAGES_OF_CNN))
    yield "example_models.smoothed_cnn", load_classifier(load()).bound(few.images), few


def _perceptron(data: Dataset, *, epochs: int = 30) -> nn.Module:
    """Train one hidden layer on black and white images that meet new noise in every epoch: seconds."""
    images, labels = torch.from_numpy(data.pixels() > 0.5), torch.from_numpy(data.labels.copy())
    with torch.random.fork_rng(), torch.enable_grad():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(DIMENSION, 128), nn.ReLU(), nn.Linear(128, 10))
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-4)
        for _ in range(epochs):
            for rows in torch.randperm(len(images)).split(100):
                noisy = (images[rows] ^ (torch.rand(images[rows].shape) > float(KEPT))).float()
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(noisy), labels[rows]).backward()
                optimizer.step()
    return net.eval()


def _by_counting(alpha: Fraction, radius: int, levels: int) -> list[Fraction]:
    """Return the thresholds for p = 1/2 by the formulae of the paper, over all pixels, in integers."""
    other = (1 - alpha) / levels
    unit = math.lcm(alpha.denominator, other.denominator)
    kept, changed = _powers(int(alpha * unit)), _powers(int(other * unit))
    chances = [kept[DIMENSION - far] * changed[far] for far in range(DIMENSION + 1)]
    return [_threshold(_counts(r, levels), chances, unit**DIMENSION) for r in range(radius + 1)]


def _powers(base: int) -> list[int]:
    return list(accumulate(repeat(base, DIMENSION), operator.mul, initial=1))


def _counts(r: int, levels: int) -> dict[tuple[int, int], int]:
    """Count the noisy images that differ from x in u pixels and from x' in v, for all (u, v) where there are any."""
    # Of the pixels in which x and x' differ: those that are like neither, and those that are like x'.
    ways = {
        (neither + second, r - second): math.comb(r, neither) * math.comb(r - neither, second) * (levels - 1) ** neither
        for neither in range(r + 1 if levels > 1 else 1)
        for second in range(r - neither + 1)
    }
    counts: dict[tuple[int, int], int] = defaultdict(int)
    equal, power = DIMENSION - r, 1
    for both in range(equal + 1):
        images = math.comb(equal, both) * power
        for (u, v), times in ways.items():
            counts[both + u, both + v] += images * times
        power *= levels
    return counts


def _threshold(counts: dict[tuple[int, int], int], chances: list[int], total: int) -> Fraction:
    """Collect the regions, the likeliest from x first, until x' has half of all; `chances` fall with the distance."""
    # All masses twice, so that a half of them is an integer too.
    collected, left = 0, total
    for (u, v), images in sorted(counts.items(), key=lambda item: item[0][0] - item[0][1]):
        here, there = 2 * images * chances[u], 2 * images * chances[v]
        if there >= left:
            return (collected + Fraction(here * left, there)) / (2 * total)
        collected, left = collected + here, left - there
    raise ArithmeticError("the regions do not make up all noisy images")
