"""AutoAttack, as each library understands the name, on the same images."""

from __future__ import annotations

from benchmarks import contenders
from benchmarks.comparing import compared, formatted, ours
from benchmarks.nets import cases
from pytest_robustness.attacks import ATTACKS, make_attack

IMAGES = 100

REFERENCE = {
    ("small_cln", 0.1): (0.177, 1_480_084, 423_213),
    ("small_cln", 0.3): (0.000, 104_617, 99_889),
    ("small_adv", 0.1): (0.933, 7_337_954, 1_787_382),
    ("small_adv", 0.3): (0.523, 4_291_868, 1_087_924),
}
"""(network, eps) -> robust accuracy, images forwards and backwards of the authors' own code (Croce and Hein 2020,
arXiv:2003.01690, version "standard") on MNIST test images 0-999; measured once with the weights of the benchmark."""


def table() -> str:
    """Return robust accuracy, CPU time and passes at eps 0.1 and 0.3, 100 images."""
    found, notes = contenders.available("torchattacks", "art", "multiprocess")
    names = [name for name in ("autoattack", "autoattack-fast") if name in ATTACKS]
    notes += [f"without our {name}: not registered" for name in ("autoattack", "autoattack-fast") if name not in names]
    rows = []
    for case in (case.first(IMAGES) for case in cases()):
        for eps in (0.1, 0.3):
            attacks = {f"ours: {name}": ours(make_attack(name, norm="linf", eps=eps)) for name in names}
            others = contenders.autoattack(eps)
            if "multiprocess" not in found:
                others.pop("art")
            rows += compared(case, eps, attacks | {n: run for n, run in others.items() if n in found}, rounds=1)
            if reference := REFERENCE.get((case.name, eps)):
                accuracy, forwards, backwards = reference
                rows.append([case.name, eps, "authors, 1,000 images", accuracy, None, None, forwards, backwards, None])
    return formatted(rows, notes)
