"""Attacks beside their rivals: CPU time in turns, passes counted, results checked by us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tabulate import tabulate

from benchmarks.counting import Counting
from benchmarks.timing import race
from pytest_robustness import load_classifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.contenders import Contender, Images, Labels
    from benchmarks.nets import Case
    from pytest_robustness.attacks import Attack

HEADERS = ["network", "eps", "attack", "robust accuracy", "CPU s", "CPU ratio", "forwards", "backwards", "outside"]
"""CPU ratio: its CPU time over that of the first one. Outside: images beyond eps, and beyond eps rounded to float32."""

FORMATS = ("", "g", "", ".3f", ".2f", ".2f", ",", ",", ",")


def compared(case: Case, eps: float, contenders: Mapping[str, Contender], *, rounds: int = 3) -> list[list[Any]]:
    """Return a row for each contender; the CPU times are compared with that of the first."""
    counters: dict[str, Counting] = {}

    def counted(name: str, run: Contender) -> Callable[[], Images]:
        def go() -> Images:
            counters[name] = Counting(case.module)
            return run(counters[name], case.images, case.labels)

        return go

    timed = race({name: counted(name, run) for name, run in contenders.items()}, rounds=rounds)
    first = next(iter(timed.values())).seconds
    rows = []
    for name, (seconds, moved) in timed.items():
        distance = np.abs(moved.astype(np.float64) - case.images).max(axis=(1, 2, 3))
        outside = int((distance > max(eps, float(np.float32(eps)))).sum())
        passes = counters[name].passes
        rows.append([case.name, eps, name, robust(case, moved), seconds, seconds / first, *passes, outside])
    return rows


def ours(attack: Attack) -> Contender:
    """Return an attack of this package as a contender."""

    def run(module: torch.nn.Module, images: Images, labels: Labels) -> Images:
        return attack.run(load_classifier(module), images, labels)

    return run


def robust(case: Case, moved: Images) -> float:
    """Return the share of the images that are classified correctly before and after."""
    with torch.no_grad():
        right = [case.module(torch.from_numpy(x)).argmax(dim=1).numpy() == case.labels for x in (case.images, moved)]
    return float((right[0] & right[1]).mean())


def formatted(rows: list[list[Any]], notes: list[str]) -> str:
    """Return rows of `compared` as a table, with notes below it."""
    return "\n".join([tabulate(rows, headers=HEADERS, floatfmt=FORMATS), *notes])
