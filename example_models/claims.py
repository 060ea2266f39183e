"""The claims of the study of safety trade-offs (LeNet-5 and its variants), each with the paired test that decides it.

A claim is one or more comparisons of two models on the same images. It is confirmed where all of its comparisons show
what it says, refuted where one shows the opposite, and undecided otherwise. All p-values hold together (Holm).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from example_models.comparing import compare
from example_models.figures import Cell, cards, corrupted
from example_models.paired import hold_together, write_rounded
from pytest_robustness.metrics import binomial_interval

RESULTS = Path(__file__).with_name("claims.json")

ERROR = 0.05
BASE = "lenet5"
LARGE = "lenet5_large"
ENSEMBLES = ("lenet5_ensemble_3", "lenet5_ensemble_5", "lenet5_ensemble_10")
LARGEST = ENSEMBLES[-1]
ATTACKED_02 = ("lenet5_pgd_02", "lenet5_fgsm_02")
ATTACKED = tuple(f"lenet5_{attack}_{eps}" for attack in ("fgsm", "pgd") for eps in ("01", "02", "03"))
MIXED = ("lenet5_cutout_pgd", "lenet5_mixup_pgd", "lenet5_pgd_cutout")
STUDY = (BASE, LARGE, *ENSEMBLES, "lenet5_cutout", "lenet5_mixup", *ATTACKED, *MIXED)
"""The models of that study; those of the study of outliers are other recipes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One comparison: `more` of it is said to be with the first model, by `beyond` at least."""

    claim: str
    first: str
    second: str
    of: str
    more: bool = True
    beyond: float = 0.0


def _lines() -> list[Line]:
    """Return every claim as its comparisons."""
    claim = "adversarial training is best under attack"
    others = (LARGEST, LARGE, "lenet5_cutout", "lenet5_mixup", BASE)
    found = [Line(claim=claim, first="lenet5_pgd_01", second=other, of="AutoAttack 0.1") for other in others]
    claim = "adversarial training is more than 50 points above ensembles"
    found += [Line(claim=claim, first=name, second=LARGEST, of="PGD 0.2", beyond=0.5) for name in ATTACKED_02]
    claim = "adversarial training is worse on MNIST-C on average"
    found += [Line(claim=claim, first=name, second=BASE, of="MNIST-C", more=False) for name in ATTACKED]
    better = {"AutoAttack 0.1": True, "MNIST-C": True, "AUROC": True, "ECE": False}
    for name in ENSEMBLES:
        claim = "ensembles beat the baseline on all four properties"
        found += [Line(claim=claim, first=name, second=BASE, of=of, more=more) for of, more in better.items()]
    for small, large in pairwise(ENSEMBLES):
        claim = "larger ensembles do so by more"
        found += [Line(claim=claim, first=large, second=small, of=of, more=more) for of, more in better.items()]
    claim = "the large model is better under attack"
    found.append(Line(claim=claim, first=LARGE, second=BASE, of="AutoAttack 0.1"))
    claim = "the large model is worse on MNIST-C and in AUROC on Fashion-MNIST"
    found += [Line(claim=claim, first=LARGE, second=BASE, of=of, more=False) for of in ("MNIST-C", "AUROC")]
    found.append(Line(claim="MixUp hurts AUROC", first="lenet5_mixup", second=BASE, of="AUROC", more=False))
    found.append(Line(claim="CutOut helps AUROC", first="lenet5_cutout", second=BASE, of="AUROC"))
    claim = "MixUp with adversarial training is worst calibrated"
    found += [
        Line(claim=claim, first="lenet5_mixup_pgd", second=other, of="ECE")
        for other in STUDY
        if other != "lenet5_mixup_pgd"
    ]
    claim = "ensembles are best calibrated"
    found += [
        Line(claim=claim, first=LARGEST, second=other, of="ECE", more=False)
        for other in STUDY
        if other not in ENSEMBLES
    ]
    return found


LINES = _lines()

COLLAPSES = {name: f"{name.replace('_', ' ')} makes many collapse" for name in ("fog", "impulse_noise")}
COLLAPSED, MANY = 0.5, 0.5
"""Collapsed: fewer than half of the answers are right. Many: at least half of the models of the study."""


def judge() -> Path:
    """Compare all models of the study, and write what came of each claim.

    Raises
    ------
    ConfigurationError
        Where scorecards are missing, of other weights, or of other images than each other.
    """
    found = judged([_compared(line) for line in LINES] + [_collapse(name) for name in COLLAPSES])
    return write_rounded(RESULTS, found)


def judged(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return comparisons with p-values that hold together, and verdicts by these."""
    return [{**entry, "verdict": _verdict(entry)} for entry in hold_together(entries)]


def results() -> list[dict[str, Any]]:
    """Return what `judge` wrote."""
    return list(json.loads(RESULTS.read_text(encoding="utf-8")))


def of_claims(entries: list[dict[str, Any]]) -> dict[str, str]:
    """Return the verdict of each claim from those of its comparisons."""
    found: dict[str, str] = {}
    for claim in dict.fromkeys(entry["claim"] for entry in entries):
        verdicts = {entry["verdict"] for entry in entries if entry["claim"] == claim}
        found[claim] = next(name for name in ("refuted", "undecided", "confirmed") if name in verdicts)
    return found


def _compared(line: Line) -> dict[str, Any]:
    difference, test, doubtful = compare(line.of, line.first, line.second, beyond=line.beyond)
    return {
        "claim": line.claim,
        "first": line.first,
        "second": line.second,
        "of": line.of,
        "more": line.more,
        "beyond": line.beyond,
        **difference._asdict(),
        "test": test,
        "as_said": (difference.value > line.beyond) == line.more,
        "doubtful": doubtful,
    }


def _collapse(name: str) -> dict[str, Any]:
    """Count the models whose accuracy under a corruption is below a half.

    That so many at least have collapsed is shown by the partial conjunction of their exact binomial tests (Benjamini
    and Heller, Biometrics 64, 2008, 1215-1222), and that too few have by that of the others. The
    interval counts those that lie below a half, and that may, by intervals that hold together (Bonferroni).
    """
    cells = [cell for model in STUDY if (cell := corrupted(name).cell(cards()[model])) is not None]
    least = int(np.ceil(MANY * len(cells)))
    ends = [binomial_interval(round(c.value * c.n), c.n, confidence=1 - ERROR / len(cells)) for c in cells]
    below = _at_least(cells, least, "less")
    above = _at_least(cells, len(cells) - least + 1, "greater")
    return {
        "claim": COLLAPSES[name],
        "first": f"{sum(cell.value < COLLAPSED for cell in cells)} of {len(cells)} models",
        "second": "",
        "of": f"accuracy under {name.replace('_', ' ')} below a half, in at least {least}",
        "more": True,
        "beyond": 0.0,
        "value": sum(cell.value < COLLAPSED for cell in cells),
        "low": sum(end.high < COLLAPSED for end in ends),
        "high": sum(end.low < COLLAPSED for end in ends),
        "p": min(1.0, 2 * min(below, above)),
        "test": "partial conjunction",
        "as_said": below < above,
        "doubtful": False,
    }


def _at_least(cells: list[Cell], least: int, side: str) -> float:
    """Return the p-value of fewer than so many models on a side of a half (Bonferroni over the rest)."""
    found = sorted(
        float(binomtest(round(c.value * c.n), c.n, COLLAPSED, alternative=side).pvalue)  # type: ignore[arg-type]
        for c in cells
    )
    return min(1.0, (len(found) - least + 1) * found[least - 1])


def _verdict(entry: dict[str, Any]) -> str:
    if entry["doubtful"] or entry["p_holm"] > ERROR:
        return "undecided"
    return "confirmed" if entry["as_said"] else "refuted"
