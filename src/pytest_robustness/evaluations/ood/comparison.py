"""Several anomaly scores of the same samples beside each other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_robustness.datasets import checked_fit
from pytest_robustness.datasets.registry import normalise
from pytest_robustness.errors import CapabilityError, ParameterError, unknown_name
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
from pytest_robustness.evaluations.ood.evaluation import OutOfDistribution, checked_score, needs_fit
from pytest_robustness.evaluations.ood.outputs import Passes, fitted, is_fitted, lacking
from pytest_robustness.evaluations.ood.sets import OutlierSet, checked_outliers, sets_of
from pytest_robustness.evaluations.ood.table import by_reason
from pytest_robustness.metrics import SCORES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations.measurement import Measurement

ALL = "all"

_PLAIN = frozenset({"logits", "log_probabilities"})


@dataclass(frozen=True)
class ScoreComparison(Evaluation):
    """How well each of several anomaly scores tells outliers from the data set.

    The samples go through the model once for all scores of one kind of output. What it measures of a score is what
    `OutOfDistribution` with this score does, and is recorded as that.

    Parameters
    ----------
    outliers, fit
        As for `OutOfDistribution`.
    scores : "all" or sequence of str
        Names of `pytest_robustness.metrics.SCORES`. ``all`` leaves out what the classifier cannot serve, and what is
        fitted where there is no data to fit on, and says so; a score that is named and cannot be computed is an error.
    """

    family = "ood"

    outliers: OutlierSet | tuple[OutlierSet, ...] = "fashion-mnist"
    scores: str | tuple[str, ...] = ALL
    fit: str | Dataset | None = field(default=None, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse unknown names, and scores that are fitted without data; turn images into data sets."""
        object.__setattr__(self, "outliers", checked_outliers(self.outliers))
        sets_of(self.outliers)
        object.__setattr__(self, "fit", checked_fit(self.fit))
        if isinstance(self.scores, str) and self.scores == ALL:
            return
        if isinstance(self.scores, str) and normalise(self.scores) not in SCORES:
            raise unknown_name("anomaly score", self.scores, (ALL, *SCORES))
        given = (self.scores,) if isinstance(self.scores, str) else self.scores
        names = tuple(checked_score(score) for score in given) if isinstance(given, list | tuple) else ()
        if not names or len(set(names)) < len(names):
            raise ParameterError(
                "scores must be different names", got=self.scores, allowed=f"{ALL!r}, or a list of names"
            )
        if self.fit is None and (unfitted := [name for name in names if is_fitted(name)]):
            raise needs_fit(unfitted)
        object.__setattr__(self, "scores", names)
        if not any(is_fitted(name) for name in names):
            object.__setattr__(self, "fit", None)

    def of(self, score: str) -> OutOfDistribution:
        """Return the evaluation of one of the scores."""
        return OutOfDistribution(self.outliers, score, self.fit)

    def further_data(self, dataset: Dataset, *, seed: int) -> Mapping[str, Dataset]:
        """Load the outliers, and the data to fit on."""
        return further_data(self.outliers, self.fit, dataset, seed=seed)

    def chosen(self, subject: Subject) -> tuple[list[str], dict[str, str]]:
        """Return the scores that can be computed, and why others are left out.

        Raises
        ------
        CapabilityError
            Where a score was named that the classifier cannot serve, or there is none that it can.
        """
        kept, left_out = [], {}
        for name in SCORES if self.scores == ALL else self.scores:
            missing = lacking(name, subject.classifier)
            if missing:
                left_out[name] = f"{subject.classifier.name} offers no {', no '.join(missing)}"
            elif is_fitted(name) and self.fit is None:
                left_out[name] = "fitted on data, and fit= was not given"
            else:
                kept.append(name)
        if not kept or (self.scores != ALL and left_out):
            raise CapabilityError(
                "scores cannot be computed",
                got="; ".join(f"{name}: {reason}" for name, reason in left_out.items()),
                mend="Leave them out, or say scores='all' for all that can be",
            )
        return kept, left_out

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Look at every sample, every outlier and the fitting data once."""
        self.chosen(subject)
        return [] if outcomes else all_blocks(subject)

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Return scores, and for those that are made of all samples together what they are computed from."""
        names, _ = self.chosen(subject)
        passes = Passes(subject.classifier, subject.samples(block).images, subject.batch_size)
        if block.part == FIT_PART:
            return fitting_arrays(subject, block, passes, names)
        found = passes.arrays({need for name in names if _is_deferred(name) for need in SCORES[name].needs})
        return found | {f"score {name}": passes.scores(name) for name in names if not _is_deferred(name)}

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce each score to the measurements of its own evaluation, one after the other."""
        names, left_out = self.chosen(subject)
        fitting = fitting_data(outcomes) if FIT_PART in subject.further else {}
        found: list[Measurement] = []
        for name in names:
            try:
                scores = _scores(name, subject, outcomes, fitting)
            except ParameterError as error:
                if self.scores != ALL:
                    raise
                left_out[name] = str(error)
            else:
                found += summary(self.of(name), subject, outcomes, scores, confidence=confidence)
        if not found:
            raise ParameterError("no score can be computed", got=left_out)
        return (_with_left_out(found[0], left_out), *found[1:])


def _is_deferred(score: str) -> bool:
    """Return whether a score is computed of all samples together.

    One that is fitted needs all fitting data first. And one of plain outputs may turn out to say nothing, as the energy
    of normalised ones does; only all of them show that.
    """
    return is_fitted(score) or SCORES[score].needs <= _PLAIN


def _scores(
    name: str, subject: Subject, outcomes: Mapping[Block, Outcome], fitting: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[np.float64]]:
    if not _is_deferred(name):
        return {part: gather(outcomes, f"score {name}", part=part) for part in scored_parts(subject)}
    return scored_together(fitted(name, fitting), subject, outcomes, SCORES[name].needs)


def _with_left_out(measurement: Measurement, left_out: Mapping[str, str]) -> Measurement:
    if not left_out:
        return measurement
    warning = f"scores left out: {'; '.join(by_reason(left_out))}"
    return replace(
        measurement,
        warnings=(*measurement.warnings, warning),
        details={**measurement.details, "left_out": dict(left_out)},
    )
