"""Detection of out-of-distribution samples by one anomaly score."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_robustness.datasets import checked_fit
from pytest_robustness.datasets.registry import normalise
from pytest_robustness.errors import ParameterError, unknown_name
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, gather
from pytest_robustness.evaluations.ood.blocks import (
    FIT_PART,
    all_blocks,
    fitting_arrays,
    fitting_data,
    further_data,
    scored_parts,
    scored_together,
    summary,
)
from pytest_robustness.evaluations.ood.outputs import Passes, fitted, is_fitted
from pytest_robustness.evaluations.ood.sets import OutlierSet, checked_outliers, sets_of
from pytest_robustness.evaluations.ood.summaries import GROUPS, grouped
from pytest_robustness.metrics import SCORES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations.measurement import Measurement


@dataclass(frozen=True)
class OutOfDistribution(Evaluation):
    """How well an anomaly score tells outliers from the data set.

    Parameters
    ----------
    outliers : str, Path, Dataset, array of images, or list of names, paths and Datasets
        Names are those of `pytest_robustness.datasets.OUTLIERS`, and the suites ``mnist-near`` (fashion-mnist, kmnist
        and notmnist; OpenOOD's near sets are notMNIST and Fashion-MNIST), ``mnist-far`` (uniform-noise, gaussian-noise
        and photo-patches, all made here) and ``all``, which is both. A path is that of an .npz file with ``images``.
    score : str
        A name of `pytest_robustness.metrics.SCORES`; larger scores are more anomalous.
    fit : str, Path, Dataset or (images, labels), optional
        Data that the score is fitted on, where it is one that is: never the data set itself, nor outliers. Names are
        those of data sets, and ``mnist-train`` and ``fashion-mnist-train``. Other scores do not use it.

    Notes
    -----
    As many outliers of each set are drawn as there are samples, or all there are if fewer; the interval then decides
    by default, even if all of the data was measured. ``aupr_out`` and
    ``fpr95`` count outliers as positive: ``fpr95`` is the share of the data set that is flagged when 95 % of the
    outliers are. ``aupr_in`` and ``fpr95_in`` count the data set as positive: ``fpr95_in`` is the share of the outliers
    that pass when 95 % of the data set does. Both ``aupr`` are weighted to as many outliers as inliers.

    Of several sets, each value is the mean over the sets, which are its parts. ``worst_auroc`` is the smallest of their
    AUROCs; ``near_auroc`` and ``far_auroc`` are the means over the near and the far sets of ``all``.
    """

    family = "ood"

    outliers: OutlierSet | tuple[OutlierSet, ...] = "fashion-mnist"
    score: str = "msp"
    fit: str | Dataset | None = field(default=None, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse unknown names, and a score that is fitted without data; turn images into data sets."""
        object.__setattr__(self, "outliers", checked_outliers(self.outliers))
        sets_of(self.outliers)
        object.__setattr__(self, "score", checked_score(self.score))
        fit = checked_fit(self.fit)
        object.__setattr__(self, "fit", fit if is_fitted(self.score) else None)
        if is_fitted(self.score) and fit is None:
            raise needs_fit([self.score])

    def check_bounds(self, metrics: Sequence[str]) -> None:
        """Raise ParameterError for a bound on a metric that these outliers do not have: it would never be judged."""
        sets = list(sets_of(self.outliers))
        for metric in metrics:
            if metric in GROUPS.values() and metric not in grouped(sets):
                what, mend = "needs near and far sets of outliers", "Give outliers='all', or bound the auroc"
            elif metric == "worst_auroc" and len(sets) == 1:
                what, mend = "needs several sets of outliers", "For one set, bound its auroc"
            else:
                continue
            raise ParameterError(f"a bound on {metric} {what}", got=sets, mend=mend)

    @property
    def _is_joint(self) -> bool:
        """Whether all samples are scored together: the score is fitted, or only all show that it says nothing."""
        return is_fitted(self.score) or self.score == "energy"

    def further_data(self, dataset: Dataset, *, seed: int) -> Mapping[str, Dataset]:
        """Load the outliers, and the data to fit on."""
        return further_data(self.outliers, self.fit, dataset, seed=seed)

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Score every sample and every outlier."""
        return [] if outcomes else all_blocks(subject)

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Score the samples of a block, or return what the score of all samples together is computed from."""
        passes = Passes(subject.classifier, subject.samples(block).images, subject.batch_size)
        if block.part == FIT_PART:
            return fitting_arrays(subject, block, passes, [self.score])
        return passes.arrays(SCORES[self.score].needs) if self._is_joint else {"scores": passes.scores(self.score)}

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce the scores to AUROC, AUPR with either side as positive, and FPR at 95 % TPR in both conventions."""
        if self._is_joint:
            score = fitted(self.score, fitting_data(outcomes) if is_fitted(self.score) else {})
            found = scored_together(score, subject, outcomes, SCORES[self.score].needs)
        else:
            found = {part: gather(outcomes, "scores", part=part) for part in scored_parts(subject)}
        return summary(self, subject, outcomes, found, confidence=confidence)


def checked_score(score: Any) -> str:
    """Return the name of a score as the registry spells it."""
    name = normalise(str(score))
    if name not in SCORES:
        raise unknown_name("anomaly score", score, SCORES)
    return name


def needs_fit(scores: Sequence[str]) -> ParameterError:
    """Build the error for scores that are fitted where no data to fit on were given."""
    return ParameterError(
        f"the score {', '.join(map(repr, scores))} is fitted on data, and none were given",
        got="fit=None",
        allowed="a name, a path, a Dataset or (images, labels), but never the evaluation data",
        mend="Give fit='mnist-train', for instance",
    )
