"""Accuracy under common corruptions."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, blocks_of, gather
from pytest_robustness.evaluations.corruption.baselines import BASELINES
from pytest_robustness.evaluations.corruption.contact_sheet import contact_sheet, sheet_details
from pytest_robustness.evaluations.corruption.error import Figure, compared, without_growth
from pytest_robustness.evaluations.corruption.references import check_reference, load_reference
from pytest_robustness.evaluations.corruption.suites import (
    checked_corruptions,
    checked_severities,
    corrupted_images,
    part_name,
    published_data,
    suite_of,
)
from pytest_robustness.evaluations.measurement import Part
from pytest_robustness.evaluations.summaries import Estimate, measured
from pytest_robustness.metrics import clustered_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations.corruption.references import Reference
    from pytest_robustness.evaluations.measurement import Measurement

NEEDS_REFERENCE = ("mce", "relative_mce")
"""Metrics that there are only where a reference model is given."""


@dataclass(frozen=True)
class CorruptionAccuracy(Evaluation):
    """Accuracy under each corruption of a suite, their mean and the worst; and the errors beside a reference model.

    Mu and Gilmer 2019, arXiv:1906.02337 (MNIST-C); Hendrycks and Dietterich 2019, arXiv:1903.12261 (common corruptions,
    mean corruption error).

    Parameters
    ----------
    suite : {"mnist-c", "mnist-c-generated", "common"}
        ``mnist-c`` reads the published images, which exist for the MNIST test set only; ``mnist-c-generated`` applies
        the same corruptions here, to any data. ``common`` applies those of CIFAR-10-C here, to images of at least
        28 x 28 pixels.
    corruptions : sequence of str, optional
        Some of the corruptions of the suite; by default all of them.
    severities : sequence of int, optional
        Some of the levels of the suite ``common``, 1 to 5; by default all of them. The accuracy under a corruption is
        the mean over the levels.
    reference : str or path, optional
        The model that errors are compared with: the path of its scorecard (.json) on the same suite, or the name of a
        bundled baseline, ``lenet5``. It adds the metrics ``mce`` and ``relative_mce``.
    """

    family = "corruption"

    suite: str = "mnist-c"
    corruptions: tuple[str, ...] | None = field(default=None, metadata={"quiet": True})
    severities: tuple[int, ...] | None = field(default=None, metadata={"quiet": True})
    reference: str | None = field(default=None, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse names and levels that the suite does not have, and what is no reference."""
        suite_of(self.suite)
        if self.corruptions is not None:
            object.__setattr__(self, "corruptions", checked_corruptions(self.suite, self.corruptions))
        if self.severities is not None:
            object.__setattr__(self, "severities", checked_severities(self.suite, self.severities))
        if self.reference is not None:
            if not isinstance(self.reference, str | os.PathLike):
                raise ParameterError("reference must be a path or a name", got=self.reference)
            object.__setattr__(self, "reference", os.fspath(self.reference))
            check_reference(self.reference)

    def check_bounds(self, metrics: Sequence[str]) -> None:
        """Raise ParameterError for a bound on errors beside a reference model that there would not be.

        It needs a reference, and the relative error one that errs more under every corruption than clean. Of a bundled
        baseline that is known here; of a scorecard, when it is read.
        """
        for metric in metrics:
            if metric in NEEDS_REFERENCE and self.reference is None:
                raise ParameterError(
                    f"max_{metric} needs a reference model",
                    mend="Give reference='lenet5', or the path of the scorecard (.json) of a model to compare with",
                )
        if "relative_mce" in metrics and self.reference in BASELINES:
            self._check_growth()

    def _check_growth(self) -> None:
        reference = self._reference()
        if reference is not None and (easy := without_growth(reference, self.names())):
            raise ParameterError(
                f"there is no relative_mce of these corruptions beside the reference {reference.name}, which errs no"
                " more under some of them than clean",
                got=easy,
                mend=f"Leave out {', '.join(easy)}: give the others as corruptions=, or bound the mce.",
            )

    def names(self) -> tuple[str, ...]:
        """Return the corruptions that are evaluated."""
        return self.corruptions or suite_of(self.suite).names

    def levels(self) -> tuple[int, ...]:
        """Return the levels of severity that are evaluated; none where the suite has none."""
        return self.severities or suite_of(self.suite).levels

    def parts_of(self, name: str) -> list[str]:
        """Return the parts of the blocks of a corruption, one for each level."""
        return [part_name(name, level) for level in self.levels() or (None,)]

    def further_data(self, dataset: Dataset, *, seed: int) -> Mapping[str, Dataset]:
        """Load the published images of each corruption, where the suite has them.

        Raises
        ------
        DataUnavailableError
            Where the files of a corruption are missing: the mean of the others would be another figure.
        ConfigurationError, EvaluationError
            Where the reference cannot be read or divided by: that is found before the model is asked.
        """
        del seed
        self._reference()
        return published_data(self.suite, self.names(), dataset)

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Evaluate every sample under every corruption, and as it is where there is a reference to compare with."""
        if outcomes:
            return []
        parts = [part for name in self.names() for part in self.parts_of(name)]
        clean = [] if self.reference is None else [""]
        return [block for part in clean + parts for block in blocks_of(len(subject.dataset), part)]

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Classify the corrupted samples of a block."""
        images = corrupted_images(subject, block, self.suite)
        predictions = subject.classifier.predict(images, batch_size=subject.batch_size)
        return {"correct": predictions == subject.samples(block).labels}

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce to the mean and the worst accuracy over the corruptions, and to the errors beside the reference."""
        by_level = {name: [gather(outcomes, "correct", part=p) for p in self.parts_of(name)] for name in self.names()}
        shares = {name: np.mean(levels, axis=0) for name, levels in by_level.items()}
        parts = [_share_part(name, share, confidence) for name, share in shares.items()]
        # One image meets every corruption at every level: its outcomes are one cluster, not as many independent ones.
        mean = _share_part("", np.mean(list(shares.values()), axis=0), confidence)
        found = [
            Figure("accuracy", Estimate(mean.value, mean.low, mean.high), parts),
            Figure("worst", _worst(parts, shares, confidence), parts),
        ]
        warnings, faults = tuple[str, ...](), tuple[str, ...]()
        if (reference := self._reference()) is not None:
            errors = 1 - np.stack(list(shares.values()), axis=1)
            clean = 1.0 - gather(outcomes, "correct", part="")
            found += compared(reference, self.names(), errors, clean, confidence=confidence)
            warnings, faults = _other_data(reference, subject.dataset, bundled=self.reference in BASELINES)
        details = self._details(subject, by_level)
        every = np.stack([hits for levels in by_level.values() for hits in levels], axis=1)
        return tuple(
            measured(
                self,
                subject,
                outcomes,
                figure.metric,
                figure.estimate,
                confidence=confidence,
                parts=figure.parts,
                details=details if figure.metric == "accuracy" else None,
                warnings=warnings if figure.metric in NEEDS_REFERENCE else (),
                faults=(*figure.faults, *(faults if figure.metric in NEEDS_REFERENCE else ())),
                samples={"index": subject.dataset.ids, "correct": every} if figure.metric == "accuracy" else None,
            )
            for figure in found
        )

    def _reference(self) -> Reference | None:
        if self.reference is None:
            return None
        return load_reference(self.reference, self.suite, self.names(), self.levels())

    def _details(self, subject: Subject, by_level: Mapping[str, list[NDArray[np.bool_]]]) -> dict[str, Any]:
        levels = self.levels()
        middle = levels[len(levels) // 2] if levels else None
        sheet = contact_sheet(subject.dataset, self.suite, self.names(), subject.seed, severity=middle)
        return {
            "severities": list(levels),
            "by_severity": {name: [float(hits.mean()) for hits in found] for name, found in by_level.items()},
            "sheet": sheet_details(sheet, self.names()) | {"severity": middle},
        }


def _share_part(name: str, shares: NDArray[np.float64], confidence: float) -> Part:
    return Part(name, float(shares.mean()), *clustered_interval(shares, confidence=confidence), n=len(shares))


def _worst(parts: Sequence[Part], shares: Mapping[str, NDArray[np.float64]], confidence: float) -> Estimate:
    """Return the smallest accuracy, with an interval that allows for the search among them (see `lowest`)."""
    level = 1 - (1 - confidence) / len(parts)
    intervals = [clustered_interval(share, confidence=level) for share in shares.values()]
    return Estimate(min(p.value for p in parts), min(i.low for i in intervals), min(i.high for i in intervals))


def _other_data(reference: Reference, dataset: Dataset, *, bundled: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return warnings and faults for a reference that was measured on other images than the model, or on few."""
    warnings: tuple[str, ...] = ()
    if not bundled and reference.n is not None and reference.n < ENOUGH_TIMES * len(dataset):
        text = f"the reference {reference.name} was measured on {reference.n:,} images"
        warnings = (f"{text}: its own error of sampling is not in the interval",)
    known = dataset.name != NAMELESS or reference.fingerprint in (None, dataset.fingerprint)
    if reference.data == dataset.name and known:
        return warnings, ()
    text = f"the reference {reference.name} was measured on {reference.data}, this model on {dataset.name}"
    return ((text, *warnings), ()) if {reference.data, dataset.name} <= _SAME_KIND else (warnings, (text,))


ENOUGH_TIMES = 10
"""How many times the images measured here a reference needs, for its own error of sampling to be small beside ours."""

NAMELESS = "arrays"
"""What images are called that come as arrays: others are called so too."""

_SAME_KIND = frozenset({"mnist", "mnist-5k"})
"""Names of different samples of the same images."""
