"""PGD-40 beside other libraries: the same model, images, radius, steps and step size."""

from __future__ import annotations

from benchmarks import contenders
from benchmarks.comparing import compared, formatted, ours
from benchmarks.nets import cases
from pytest_robustness.attacks import PGD

STEPS = 40


def table() -> str:
    """Return robust accuracy, CPU time and passes at eps 0.1 and 0.3, 1,000 images."""
    found, notes = contenders.available("torchattacks", "foolbox", "art", "advertorch.attacks")
    packages = {name.partition(".")[0] for name in found}
    rows = []
    for case in cases():
        for eps in (0.1, 0.3):
            attack = PGD(eps=eps, steps=STEPS, step_size=eps / 10)
            others = contenders.pgd(eps, eps / 10, STEPS)
            runs = {"ours": ours(attack)} | {name: run for name, run in others.items() if name in packages}
            rows += compared(case, eps, runs)
    return formatted(rows, notes)
