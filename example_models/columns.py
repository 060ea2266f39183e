"""The columns of the tables of the studies."""

from __future__ import annotations

from dataclasses import dataclass

from example_models.figures import (
    CLEAN,
    CORRUPTED,
    RADII,
    WORST_CORRUPTED,
    Figure,
    auroc,
    autoattack,
    corrupted,
    curve,
)
from pytest_robustness.evaluations.corruption.suites import suite_of


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: its heading, what stands in it, and the decimals of the percentages."""

    heading: str
    figure: Figure
    decimals: int = 1


_NAMES = suite_of("mnist-c").names
_SCORES = {"msp": "MSP", "max-logit": "max logit", "outlier-exposure": "OE"}
_SETS = {"fashion-mnist": "Fashion-MNIST", "kmnist": "KMNIST"}

TABLES: dict[str, list[Column]] = {
    "Clean, attacked, corrupted": [
        Column("clean", CLEAN),
        Column("AutoAttack 0.1", autoattack(0.1)),
        Column("AutoAttack 0.3", autoattack(0.3)),
        Column("MNIST-C, mean", CORRUPTED),
        Column("MNIST-C, worst", WORST_CORRUPTED),
    ],
    "FGSM, by radius": [Column(f"{eps:g}", curve("fgsm", eps)) for eps in RADII],
    "PGD-40, by radius": [Column(f"{eps:g}", curve("pgd", eps)) for eps in RADII],
    "MNIST-C: noise, blur and shape": [Column(name.replace("_", " "), corrupted(name)) for name in _NAMES[:8]],
    "MNIST-C: what lies over the digit": [Column(name.replace("_", " "), corrupted(name)) for name in _NAMES[8:]],
    "AUROC against unknown images": [
        Column(f"{label}, {short}", auroc(outliers, score), 2)
        for outliers, label in _SETS.items()
        for score, short in _SCORES.items()
    ],
    "Calibration": [Column(label, Figure("calibration", label.lower()), 2) for label in ("ECE", "RMS", "Brier")],
    "Gamma 0.1 to 10, brightness -1 to 1": [
        Column("mean", Figure("sensitivity", "mean")),
        Column("worst", Figure("sensitivity", "worst")),
        Column("area from 90 % on", Figure("sensitivity", "area")),
    ],
    "The most salient 15 % of the pixels masked": [
        Column("masked", Figure("saliency")),
        Column("as many at random", Figure("saliency", "random")),
        Column("as much ink at random", Figure("saliency", "random_ink")),
        Column("drop beyond that of ink", Figure("saliency", "excess_drop")),
    ],
    "Certified, pixels changed": [
        Column(f"{radius}", Figure("certified", part=f"radius={radius}")) for radius in range(8)
    ],
}
"""The tables of the page, column by column."""

SUMMARY = [
    Column("clean", CLEAN),
    Column("AutoAttack 0.1", autoattack(0.1)),
    Column("MNIST-C", CORRUPTED),
    Column("AUROC, Fashion-MNIST", auroc("fashion-mnist")),
    Column("ECE", Figure("calibration", "ece"), 2),
]
"""What the list of the models shows."""
