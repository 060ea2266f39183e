"""Accuracy under common corruptions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.datasets import Dataset, load_mnist_c, mnist_c_corruptions
from pytest_robustness.errors import DataUnavailableError, ParameterError, unknown_name
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, blocks_of, gather
from pytest_robustness.evaluations.summaries import Estimate, correct_part, lowest, measured
from pytest_robustness.metrics import clustered_interval
from pytest_robustness.transforms import CORRUPTIONS, corrupt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.measurement import Measurement

MNIST_C = (
    *("shot_noise", "impulse_noise", "glass_blur", "motion_blur", "shear", "scale", "rotate", "brightness"),
    *("translate", "stripe", "fog", "spatter", "dotted_line", "zigzag", "canny_edges"),
)
"""The fifteen corruptions of the published suite, in the order of the paper's table."""

SUITES: dict[str, tuple[str, ...]] = {"mnist-c": MNIST_C, "mnist-c-generated": CORRUPTIONS}
"""Suites by name, with their corruptions."""


@dataclass(frozen=True)
class CorruptionAccuracy(Evaluation):
    """Accuracy under each corruption of a suite, their mean and the worst (Mu and Gilmer 2019, arXiv:1906.02337).

    Parameters
    ----------
    suite : {"mnist-c", "mnist-c-generated"}
        ``mnist-c`` reads the published images, which exist for the MNIST test set only; ``mnist-c-generated`` applies
        the corruptions here, to any data.
    corruptions : sequence of str, optional
        Some of the corruptions of the suite; by default all of them.
    """

    family = "corruption"

    suite: str = "mnist-c"
    corruptions: tuple[str, ...] | None = field(default=None, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse names that the suite does not have."""
        if self.suite not in tuple(SUITES):
            raise unknown_name("corruption suite", self.suite, SUITES)
        if self.corruptions is None:
            return
        if not isinstance(self.corruptions, (list, tuple)) or not self.corruptions:
            raise ParameterError(
                "corruptions must be a sequence of names",
                got=self.corruptions,
                allowed="for instance ['shear', 'scale']",
            )
        for name in self.corruptions:
            if name not in SUITES[self.suite]:
                raise unknown_name(f"corruption of the suite {self.suite!r}", name, SUITES[self.suite])
        if len(set(self.corruptions)) < len(self.corruptions):
            raise ParameterError("corruptions must not repeat", got=self.corruptions)
        object.__setattr__(self, "corruptions", tuple(self.corruptions))

    def names(self) -> tuple[str, ...]:
        """Return the corruptions that are evaluated."""
        return self.corruptions or SUITES[self.suite]

    def further_data(self, dataset: Dataset, *, seed: int) -> Mapping[str, Dataset]:
        """Load the published images of each corruption, where the suite has them.

        Raises
        ------
        DataUnavailableError
            Where the files of a corruption are missing: the mean of the others would be another figure.
        """
        del seed
        if self.suite == "mnist-c-generated":
            return {}
        if missing := set(self.names()) - set(mnist_c_corruptions()):
            raise DataUnavailableError("files of MNIST-C are missing", got=f"no {', '.join(sorted(missing))}")
        return {name: load_mnist_c(name, like=dataset) for name in self.names()}

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Evaluate every sample under every corruption."""
        if outcomes:
            return []
        return [block for name in self.names() for block in blocks_of(len(subject.dataset), name)]

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Classify the corrupted samples of a block."""
        samples = subject.samples(block)
        images = samples.images
        if self.suite == "mnist-c-generated":
            images = corrupt(_as_bytes(images), block.part, seed=subject.seed, ids=samples.ids)
        predictions = subject.classifier.predict(images, batch_size=subject.batch_size)
        return {"correct": predictions == samples.labels}

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce to the mean and the worst accuracy over the corruptions."""
        correct = {name: gather(outcomes, "correct", part=name) for name in self.names()}
        parts = [correct_part(name, hits, confidence) for name, hits in correct.items()]
        # One image meets every corruption: its outcomes are one cluster, not as many independent ones.
        by_image = np.mean(list(correct.values()), axis=0)
        mean = Estimate(float(by_image.mean()), *clustered_interval(by_image, confidence=confidence))
        worst = lowest([part.value for part in parts], n=len(by_image), confidence=confidence)
        return tuple(
            measured(self, subject, outcomes, metric, estimate, confidence=confidence, parts=parts)
            for metric, estimate in (("accuracy", mean), ("worst", worst))
        )


def _as_bytes(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Return 8-bit images; the corruptions are defined on those."""
    return images if images.dtype == np.uint8 else np.rint(images * 255).astype(np.uint8)
