"""Detection of out-of-distribution samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pytest_robustness.datasets import OUTLIERS, Dataset, load_outliers
from pytest_robustness.datasets.arrays import dataset_from_arrays
from pytest_robustness.datasets.loading import is_path
from pytest_robustness.datasets.registry import normalise
from pytest_robustness.errors import unknown_name
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, blocks_of, gather
from pytest_robustness.evaluations.summaries import Estimate, measured
from pytest_robustness.metrics import (
    SCORES,
    auroc,
    auroc_interval,
    average_precision,
    average_precision_interval,
    binomial_interval,
    fpr_at_tpr,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.evaluations.measurement import Measurement

OUTLIERS_PART = "outliers"


@dataclass(frozen=True)
class OutOfDistribution(Evaluation):
    """How well an anomaly score tells outliers from the data set.

    Parameters
    ----------
    outliers : str, Path, Dataset or array of images
        A name of `pytest_robustness.datasets.OUTLIERS`, the path to an .npz file with ``images``, or the images.
    score : str
        A name of `pytest_robustness.metrics.SCORES`; larger scores are more anomalous.

    Notes
    -----
    As many outliers are drawn as there are samples, or all there are if fewer. ``aupr_out`` and ``fpr95`` count
    outliers as positive: ``fpr95`` is the share of the data set that is flagged when 95 % of the outliers are.
    """

    family = "ood"

    outliers: str | Dataset = "fashion-mnist"
    score: str = "msp"

    def __post_init__(self) -> None:
        """Refuse unknown names; turn images into a Dataset."""
        object.__setattr__(self, "outliers", _checked_outliers(self.outliers))
        name = normalise(str(self.score))
        if name not in SCORES:
            raise unknown_name("anomaly score", self.score, SCORES)
        object.__setattr__(self, "score", name)

    def further_data(self, dataset: Dataset, *, seed: int) -> Mapping[str, Dataset]:
        """Load the outliers."""
        return {OUTLIERS_PART: load_outliers(self.outliers, like=dataset, seed=seed)}

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Score every sample and every outlier."""
        if outcomes:
            return []
        outliers = subject.further[OUTLIERS_PART]
        return [*blocks_of(len(subject.dataset)), *blocks_of(len(outliers), OUTLIERS_PART)]

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Score the samples of a block."""
        images = subject.samples(block).images
        return {"scores": anomaly_scores(subject.classifier, images, self.score, batch_size=subject.batch_size)}

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce the scores to AUROC, AUPR with either side as positive, and FPR at 95 % TPR."""
        inlier, outlier = gather(outcomes, "scores"), gather(outcomes, "scores", part=OUTLIERS_PART)
        estimates = _estimates(inlier, outlier, confidence)
        details = {"auroc": _histogram(inlier, outlier)}
        return tuple(
            measured(self, subject, outcomes, metric, estimate, confidence=confidence, details=details.get(metric))
            for metric, estimate in estimates.items()
        )


def anomaly_scores(
    classifier: Classifier, images: NDArray[Any], score: str, *, batch_size: int = 500
) -> NDArray[np.float64]:
    """Return the anomaly score of each image, shape (N,); larger is more anomalous.

    Raises
    ------
    CapabilityError
        Where the score needs an output that the classifier does not have.
    """
    chosen = SCORES[score]
    outputs = classifier.logits if chosen.needs == "logits" else classifier.log_probabilities
    return chosen.function(outputs(images, batch_size=batch_size))


def _checked_outliers(outliers: Any) -> str | Dataset:
    """Return a known name, a path as text, or images as a Dataset; so the evaluation is hashable."""
    if isinstance(outliers, Path) or (isinstance(outliers, str) and is_path(outliers)):
        return str(outliers)
    if not isinstance(outliers, str):
        return outliers if isinstance(outliers, Dataset) else dataset_from_arrays(outliers, None)
    if normalise(outliers) not in OUTLIERS:
        raise unknown_name("set of outliers", outliers, OUTLIERS, mend="Or give the path to an .npz file.")
    return normalise(outliers)


def _estimates(inlier: NDArray[np.float64], outlier: NDArray[np.float64], confidence: float) -> dict[str, Estimate]:
    estimates = {"auroc": Estimate(auroc(inlier, outlier), *auroc_interval(inlier, outlier, confidence=confidence))}
    sides: dict[str, Literal["outlier", "inlier"]] = {"aupr_out": "outlier", "aupr_in": "inlier"}
    for metric, positive in sides.items():
        value = average_precision(inlier, outlier, positive=positive)
        interval = average_precision_interval(inlier, outlier, positive=positive, confidence=confidence)
        estimates[metric] = Estimate(value, *interval)
    fpr = fpr_at_tpr(inlier, outlier)
    # The interval is that of the share of flagged inliers at the threshold found; the threshold is taken as given.
    estimates["fpr95"] = Estimate(fpr, *binomial_interval(fpr * len(inlier), len(inlier), confidence=confidence))
    return estimates


def _histogram(inlier: NDArray[np.float64], outlier: NDArray[np.float64], bins: int = 40) -> dict[str, list[float]]:
    finite = np.concatenate([inlier, outlier])
    finite = finite[np.isfinite(finite)]
    if len(finite) == 0:
        return {}
    edges = np.histogram_bin_edges(finite, bins=bins)
    low, high = edges[0], edges[-1]
    counts = [np.histogram(np.clip(scores, low, high), bins=edges)[0] for scores in (inlier, outlier)]
    return {"edges": edges.tolist(), "inlier": counts[0].tolist(), "outlier": counts[1].tolist()}
