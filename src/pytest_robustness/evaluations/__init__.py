"""What can be measured: one file a family, each with its plan, its block and its summary.

The names below are loaded on first use: accuracy needs no torch, attacks do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_robustness.lazy import loader

if TYPE_CHECKING:
    from pytest_robustness.evaluations.accuracy import Accuracy
    from pytest_robustness.evaluations.adversarial.curve import Curve, curve_of
    from pytest_robustness.evaluations.adversarial.evaluation import AdversarialAccuracy
    from pytest_robustness.evaluations.adversarial.saving import save_samples
    from pytest_robustness.evaluations.base import Block, Evaluation, Outcome, Subject
    from pytest_robustness.evaluations.calibration.evaluation import Calibration
    from pytest_robustness.evaluations.certification.evaluation import CertifiedAccuracy
    from pytest_robustness.evaluations.corruption.evaluation import CorruptionAccuracy
    from pytest_robustness.evaluations.early import EarlyStop
    from pytest_robustness.evaluations.families import FAMILIES, Family
    from pytest_robustness.evaluations.measurement import Measurement, Part
    from pytest_robustness.evaluations.ood.comparison import ScoreComparison
    from pytest_robustness.evaluations.ood.evaluation import OutOfDistribution
    from pytest_robustness.evaluations.ood.table import ScoreTable, score_table
    from pytest_robustness.evaluations.requirements import OVERRIDES, Requirement, make_requirement
    from pytest_robustness.evaluations.saliency.evaluation import Saliency
    from pytest_robustness.evaluations.sensitivity.evaluation import Sensitivity
    from pytest_robustness.evaluations.sensitivity.surface import Surface, surface_of
    from pytest_robustness.evaluations.thresholds import Threshold, Verdict
    from pytest_robustness.evaluations.verdicts import RULES, judge

__all__ = [
    "FAMILIES",
    "OVERRIDES",
    "RULES",
    "Accuracy",
    "AdversarialAccuracy",
    "Block",
    "Calibration",
    "CertifiedAccuracy",
    "CorruptionAccuracy",
    "Curve",
    "EarlyStop",
    "Evaluation",
    "Family",
    "Measurement",
    "OutOfDistribution",
    "Outcome",
    "Part",
    "Requirement",
    "Saliency",
    "ScoreComparison",
    "ScoreTable",
    "Sensitivity",
    "Subject",
    "Surface",
    "Threshold",
    "Verdict",
    "curve_of",
    "judge",
    "make_requirement",
    "save_samples",
    "score_table",
    "surface_of",
]

_FILE_OF = {
    "FAMILIES": "families",
    "OVERRIDES": "requirements",
    "RULES": "verdicts",
    "Accuracy": "accuracy",
    "AdversarialAccuracy": "adversarial.evaluation",
    "Block": "base",
    "Calibration": "calibration.evaluation",
    "CertifiedAccuracy": "certification.evaluation",
    "CorruptionAccuracy": "corruption.evaluation",
    "Curve": "adversarial.curve",
    "EarlyStop": "early",
    "Evaluation": "base",
    "Family": "families",
    "Measurement": "measurement",
    "OutOfDistribution": "ood.evaluation",
    "Outcome": "base",
    "Part": "measurement",
    "Requirement": "requirements",
    "Saliency": "saliency.evaluation",
    "ScoreComparison": "ood.comparison",
    "ScoreTable": "ood.table",
    "Sensitivity": "sensitivity.evaluation",
    "Subject": "base",
    "Surface": "sensitivity.surface",
    "Threshold": "thresholds",
    "Verdict": "thresholds",
    "curve_of": "adversarial.curve",
    "judge": "verdicts",
    "make_requirement": "requirements",
    "save_samples": "adversarial.saving",
    "score_table": "ood.table",
    "surface_of": "sensitivity.surface",
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = loader(__name__, _FILE_OF)
