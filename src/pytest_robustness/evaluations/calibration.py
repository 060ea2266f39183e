"""Whether the probabilities mean what they say."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pytest_robustness.errors import check_number
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, gather
from pytest_robustness.evaluations.summaries import Estimate, measured
from pytest_robustness.metrics import (
    brier_terms,
    calibration_interval,
    expected_calibration_error,
    log_losses,
    mean_interval,
    reliability_bins,
    rms_calibration_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_robustness.evaluations.measurement import Measurement

Probabilities = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Calibration(Evaluation):
    """Calibration errors (ECE, adaptive, maximum, RMS) and proper scores (Brier, negative log-likelihood).

    Parameters
    ----------
    bins : int
        Bins of the calibration errors but the RMS error, which takes bins of 100 samples (Hendrycks et al. 2019).
    """

    family = "calibration"

    bins: int = field(default=15, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        check_number("bins", self.bins, minimum=1, whole=True)

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Return the probabilities of the samples of a block."""
        images = subject.samples(block).images
        return {"probabilities": subject.classifier.probabilities(images, batch_size=subject.batch_size)}

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce the probabilities to six metrics, the ECE first."""
        probabilities, labels = gather(outcomes, "probabilities"), subject.dataset.labels
        estimates = {
            name: _binned(statistic, probabilities, labels, confidence, subject.seed)
            for name, statistic in self._statistics().items()
        }
        estimates["brier"] = _mean(brier_terms(probabilities, labels), confidence)
        estimates["nll"] = _mean(log_losses(probabilities, labels), confidence)
        bins = [asdict(found) for found in reliability_bins(probabilities, labels, bins=self.bins) if found.n]
        return tuple(
            measured(
                self,
                subject,
                outcomes,
                name,
                estimate,
                confidence=confidence,
                details={"bins": bins} if name == "ece" else None,
            )
            for name, estimate in estimates.items()
        )

    def _statistics(self) -> dict[str, Callable[[Probabilities, Labels], float]]:
        error = partial(expected_calibration_error, bins=self.bins)
        return {
            "ece": error,
            "ace": partial(error, binning="mass"),
            "mce": partial(error, norm="max"),
            "rms": rms_calibration_error,
        }


def _binned(
    statistic: Callable[[Probabilities, Labels], float],
    probabilities: Probabilities,
    labels: Labels,
    confidence: float,
    seed: int,
) -> Estimate:
    interval = calibration_interval(probabilities, labels, statistic, confidence=confidence, seed=seed)
    return Estimate(statistic(probabilities, labels), *interval)


def _mean(terms: NDArray[np.float64], confidence: float) -> Estimate:
    if not np.isfinite(terms).all():
        return Estimate(float(terms.mean()), 0.0, float("inf"))
    low, high = mean_interval(terms, confidence=confidence)
    return Estimate(float(terms.mean()), max(low, 0.0), high)
