"""A gate that may stop as soon as its verdict is known, beside the full measurement."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from tabulate import tabulate

from benchmarks.nets import cases
from pytest_robustness import Evaluator, load_classifier, load_dataset
from pytest_robustness.evaluations import AdversarialAccuracy, EarlyStop, Threshold, judge

if TYPE_CHECKING:
    from pytest_robustness.evaluations import Measurement

BOUND = Threshold("accuracy", ">=", 0.85)
SEEDS = 200
SHARES = {"failed": 0.2, "passed": 0.95}
"""Verdict -> the robust accuracy at which it is looked for: the radius is chosen by it."""


def table() -> str:
    """Return passes of the full measurement and of the gate, and how many of 200 seeds gave the right verdict."""
    data = load_dataset("mnist" if os.environ.get("PYTEST_ROBUSTNESS_DATA") else "mnist-5k")
    undefended, trained = cases()[-2:]
    rows = []
    for decision, case in (("failed", undefended), ("passed", trained)):
        eps = _radius(case.module, data, SHARES[decision])
        evaluation = AdversarialAccuracy("pgd", eps=eps, steps=40)
        everything = Evaluator(load_classifier(case.module), data, seed=0).measure(evaluation)
        for alpha, seeds in ((0.001, SEEDS), (None, 3)):
            gates = _gates(case.module, data, evaluation, alpha=alpha, seeds=seeds)
            right = sum(judge(gate, BOUND, rule="point").decision == decision for gate in gates)
            spent = float(np.mean([_passes(gate) for gate in gates]))
            whole = _passes(everything)
            stop = alpha or "certain"
            rows.append(
                [case.name, eps, everything.value, stop, decision, f"{right} of {seeds}", whole, spent, whole / spent]
            )
    headers = ["network", "eps", "robust", "early stop", "verdict", "right", "passes of all", "of the gate", "ratio"]
    return tabulate(rows, headers=headers, floatfmt=("", ".3f", ".3f", "", "", "", ",", ",.0f", ".1f"))


def _gates(
    module: Any, data: Any, evaluation: AdversarialAccuracy, *, alpha: float | None, seeds: int
) -> list[Measurement]:
    stop = EarlyStop(threshold=BOUND, rule="point", alpha=alpha)
    return [
        Evaluator(load_classifier(module), data, seed=seed).measure(evaluation, early=stop) for seed in range(seeds)
    ]


def _radius(module: Any, data: Any, share: float) -> float:
    """Return the radius, in steps of 0.005, at which the robust accuracy of 1,000 images is nearest to `share`."""
    radii = np.arange(0.02, 0.125, 0.005)
    attack = AdversarialAccuracy("fmn", eps=radii, steps=50)
    found = Evaluator(load_classifier(module), data.sample(1000, seed=0), seed=0).measure(attack)
    values = [part.value for part in found.parts if part.name.startswith("eps=")]
    return float(radii[int(np.abs(np.array(values) - share).argmin())])


def _passes(measurement: Measurement) -> int:
    return measurement.forwards + measurement.backwards
