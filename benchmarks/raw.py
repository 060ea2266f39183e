"""What an attack costs beyond the passes that it makes: its time beside the same passes with nothing around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from tabulate import tabulate

from benchmarks.comparing import ours
from benchmarks.counting import Counting, replay
from benchmarks.nets import cases
from benchmarks.timing import race
from pytest_robustness.attacks import ATTACKS, PGD, make_attack

if TYPE_CHECKING:
    from benchmarks.nets import Case
    from pytest_robustness.attacks import Attack

IMAGES = 500
OPTIONS: dict[str, dict[str, Any]] = {"apgd": {}, "square": {"queries": 300}}


def table() -> str:
    """Return CPU times at eps 0.1 and 0.3, 500 images, and their ratio."""
    rows = []
    for case in (case.first(IMAGES) for case in cases()):
        for eps in (0.1, 0.3):
            attacks: dict[str, Attack] = {"pgd": PGD(eps=eps, step_size=eps / 10)}
            attacks |= {n: make_attack(n, eps=eps, **options) for n, options in OPTIONS.items() if n in ATTACKS}
            rows += [_row(case, eps, name, attack) for name, attack in attacks.items()]
    headers = ["network", "eps", "attack", "CPU s", "its passes alone", "ratio", "forwards", "backwards"]
    return tabulate(rows, headers=headers, floatfmt=("", "g", "", ".2f", ".2f", ".2f", ",", ","))


def _row(case: Case, eps: float, name: str, attack: Attack) -> list[Any]:
    counter = Counting(case.module)
    ours(attack)(counter, case.images, case.labels)
    calls = counter.record()
    images, labels = torch.from_numpy(case.images), torch.from_numpy(case.labels)
    run = ours(attack)
    timed = race(
        {
            "attack": lambda: run(case.module, case.images, case.labels),
            "passes": lambda: replay(case.module, images, labels, calls),
        }
    )
    seconds, alone = timed["attack"].seconds, timed["passes"].seconds
    return [case.name, eps, name, seconds, alone, seconds / alone, *counter.passes]
