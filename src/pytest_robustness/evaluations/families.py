"""The families by name: which evaluation each one is, and which thresholds it can be held to."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pytest_robustness.evaluations.base import Evaluation


@dataclass(frozen=True)
class Family:
    """An evaluation, by the file in this room and its name there, and its thresholds.

    A threshold is the keyword of a marker, to metric and comparison.
    """

    file: str
    name: str
    thresholds: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def evaluation(self) -> type[Evaluation]:
        """The evaluation, imported when it is first asked for: attacks need torch, accuracy does not."""
        module = importlib.import_module(f"pytest_robustness.evaluations.{self.file}")
        return cast("type[Evaluation]", getattr(module, self.name))


FAMILIES: dict[str, Family] = {
    "accuracy": Family("accuracy", "Accuracy", {"min_accuracy": ("accuracy", ">=")}),
    "adversarial": Family("adversarial.evaluation", "AdversarialAccuracy", {"min_accuracy": ("accuracy", ">=")}),
    "corruption": Family(
        "corruption.evaluation",
        "CorruptionAccuracy",
        {
            "min_accuracy": ("accuracy", ">="),
            "min_each": ("worst", ">="),
            "max_mce": ("mce", "<="),
            "max_relative_mce": ("relative_mce", "<="),
        },
    ),
    "ood": Family(
        "ood.evaluation",
        "OutOfDistribution",
        {
            "min_auroc": ("auroc", ">="),
            "min_near_auroc": ("near_auroc", ">="),
            "min_far_auroc": ("far_auroc", ">="),
            "min_each": ("worst_auroc", ">="),
            "min_aupr_out": ("aupr_out", ">="),
            "min_aupr_in": ("aupr_in", ">="),
            "max_fpr95": ("fpr95", "<="),
            "max_fpr95_in": ("fpr95_in", "<="),
        },
    ),
    "calibration": Family(
        "calibration.evaluation",
        "Calibration",
        {
            "max_ece": ("ece", "<="),
            "max_ace": ("ace", "<="),
            "max_mce": ("mce", "<="),
            "max_rms": ("rms", "<="),
            "max_brier": ("brier", "<="),
            "max_nll": ("nll", "<="),
            "max_each": ("worst_ece", "<="),
            "max_classwise_ece": ("classwise_ece", "<="),
            "max_debiased_ece": ("debiased_ece", "<="),
            "max_smooth_ece": ("smooth_ece", "<="),
            "max_rms_hendrycks": ("rms_hendrycks", "<="),
            "max_brier_reliability": ("brier_reliability", "<="),
        },
    ),
    "sensitivity": Family(
        "sensitivity.evaluation",
        "Sensitivity",
        {
            "min_worst": ("worst", ">="),
            "min_mean": ("mean", ">="),
            "min_area": ("area", ">="),
            "min_robust_box": ("robust_box", ">="),
            "max_drop": ("max_drop", "<="),
        },
    ),
    "certified": Family(
        "certification.evaluation",
        "CertifiedAccuracy",
        {
            "min_accuracy": ("accuracy", ">="),
            "min_mean_radius": ("mean_radius", ">="),
            "min_median_radius": ("median_radius", ">="),
        },
    ),
    "saliency": Family(
        "saliency.evaluation",
        "Saliency",
        {
            "min_accuracy": ("accuracy", ">="),
            "max_excess_drop": ("excess_drop", "<="),
            "min_deletion_area": ("deletion_area", ">="),
            "min_insertion_area": ("insertion_area", ">="),
        },
    ),
}
