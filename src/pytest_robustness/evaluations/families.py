"""The families by name: which evaluation each one is, and which thresholds it can be held to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_robustness.evaluations.accuracy import Accuracy
from pytest_robustness.evaluations.adversarial import AdversarialAccuracy
from pytest_robustness.evaluations.calibration import Calibration
from pytest_robustness.evaluations.corruption import CorruptionAccuracy
from pytest_robustness.evaluations.ood import OutOfDistribution
from pytest_robustness.evaluations.sensitivity import Sensitivity

if TYPE_CHECKING:
    from pytest_robustness.evaluations.base import Evaluation


@dataclass(frozen=True)
class Family:
    """An evaluation and its thresholds: keyword of a marker to metric and comparison."""

    evaluation: type[Evaluation]
    thresholds: dict[str, tuple[str, str]] = field(default_factory=dict)


FAMILIES: dict[str, Family] = {
    "accuracy": Family(Accuracy, {"min_accuracy": ("accuracy", ">=")}),
    "adversarial": Family(AdversarialAccuracy, {"min_accuracy": ("accuracy", ">=")}),
    "corruption": Family(CorruptionAccuracy, {"min_accuracy": ("accuracy", ">="), "min_each": ("worst", ">=")}),
    "ood": Family(
        OutOfDistribution,
        {
            "min_auroc": ("auroc", ">="),
            "min_aupr_out": ("aupr_out", ">="),
            "min_aupr_in": ("aupr_in", ">="),
            "max_fpr95": ("fpr95", "<="),
        },
    ),
    "calibration": Family(
        Calibration,
        {
            "max_ece": ("ece", "<="),
            "max_ace": ("ace", "<="),
            "max_mce": ("mce", "<="),
            "max_rms": ("rms", "<="),
            "max_brier": ("brier", "<="),
            "max_nll": ("nll", "<="),
        },
    ),
    "sensitivity": Family(
        Sensitivity,
        {
            "min_worst": ("worst", ">="),
            "min_mean": ("mean", ">="),
            "min_area": ("area", ">="),
            "max_drop": ("max_drop", "<="),
        },
    ),
}
