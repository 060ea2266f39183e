"""Calibration: does a model that says 90 % be right nine times in ten?"""

from pytest_robustness.metrics.calibration._replicates import calibration_replicates
from pytest_robustness.metrics.calibration.binned import (
    ReliabilityBin,
    classwise_calibration_error,
    debiased_calibration_error,
    expected_calibration_error,
    reliability_bins,
    rms_calibration_error,
)
from pytest_robustness.metrics.calibration.chance import NullBand, Replicates, calibration_interval, null_band
from pytest_robustness.metrics.calibration.scores import (
    BrierDecomposition,
    brier_decomposition,
    brier_score,
    brier_terms,
    log_losses,
    negative_log_likelihood,
)
from pytest_robustness.metrics.calibration.smooth import smooth_calibration_error
from pytest_robustness.metrics.calibration.temperature import fit_temperature, scaled_log_probabilities

__all__ = [
    "BrierDecomposition",
    "NullBand",
    "ReliabilityBin",
    "Replicates",
    "brier_decomposition",
    "brier_score",
    "brier_terms",
    "calibration_interval",
    "calibration_replicates",
    "classwise_calibration_error",
    "debiased_calibration_error",
    "expected_calibration_error",
    "fit_temperature",
    "log_losses",
    "negative_log_likelihood",
    "null_band",
    "reliability_bins",
    "rms_calibration_error",
    "scaled_log_probabilities",
    "smooth_calibration_error",
]
