"""Pure functions over arrays: accuracy, calibration, anomaly scores and how well they separate, intervals."""

from pytest_robustness.metrics.accuracy import accuracy, confusion_matrix
from pytest_robustness.metrics.calibration import (
    ReliabilityBin,
    brier_score,
    brier_terms,
    calibration_interval,
    expected_calibration_error,
    log_losses,
    negative_log_likelihood,
    reliability_bins,
    rms_calibration_error,
)
from pytest_robustness.metrics.intervals import (
    Interval,
    binomial_interval,
    clustered_interval,
    logit_interval,
    mean_interval,
)
from pytest_robustness.metrics.ood import (
    auroc,
    auroc_interval,
    average_precision,
    average_precision_interval,
    fpr_at_tpr,
)
from pytest_robustness.metrics.scores import SCORES, Score, energy_score
from pytest_robustness.metrics.sequential import certain_bounds, sequential_bounds

__all__ = [
    "SCORES",
    "Interval",
    "ReliabilityBin",
    "Score",
    "accuracy",
    "auroc",
    "auroc_interval",
    "average_precision",
    "average_precision_interval",
    "binomial_interval",
    "brier_score",
    "brier_terms",
    "calibration_interval",
    "certain_bounds",
    "clustered_interval",
    "confusion_matrix",
    "energy_score",
    "expected_calibration_error",
    "fpr_at_tpr",
    "log_losses",
    "logit_interval",
    "mean_interval",
    "negative_log_likelihood",
    "reliability_bins",
    "rms_calibration_error",
    "sequential_bounds",
]
