"""Single functions beside the usual way to compute the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tabulate import tabulate

from benchmarks.timing import race
from pytest_robustness.transforms import gamma_brightness

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGES = 10_000


def table() -> str:
    """Return milliseconds of each function and its rival, and whether they agree."""
    rows = [_row(name, ours, rival, other) for name, ours, other, rival in _pairs()]
    headers = ["function", "beside", "ours ms", "theirs ms", "theirs / ours", "largest difference"]
    return tabulate(rows, headers=headers, floatfmt=("", "", ".2f", ".2f", ".1f", ".1e"))


def _row(name: str, ours: Callable[[], Any], rival: str, other: Callable[[], Any]) -> list[Any]:
    results = race({"ours": ours, "theirs": other}, rounds=5)
    mine, theirs = results["ours"], results["theirs"]
    difference = float(np.max(np.abs(np.asarray(mine.result, dtype=float) - np.asarray(theirs.result, dtype=float))))
    return [name, rival, 1e3 * mine.seconds, 1e3 * theirs.seconds, theirs.seconds / mine.seconds, difference]


def _pairs() -> list[tuple[str, Callable[[], Any], Callable[[], Any], str]]:
    generator = np.random.Generator(np.random.Philox(1))
    images = generator.integers(0, 256, (IMAGES, 1, 28, 28), dtype=np.uint8)
    return [
        (
            "gamma_brightness, 10,000 images",
            lambda: gamma_brightness(images, 0.6, 0.1),
            lambda: np.clip((images / np.float32(255)) ** np.float32(0.6) + np.float32(0.1), 0, 1),
            "numpy power and clip",
        ),
    ]
