"""Whether the probabilities mean what they say, on the data as they are and under shift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pytest_robustness.attacks.registry import is_option
from pytest_robustness.datasets import load_fitting
from pytest_robustness.errors import ParameterError, check_number
from pytest_robustness.evaluations.adversarial.evaluation import CHECK
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, blocks_of, to_plain
from pytest_robustness.evaluations.calibration.shift import (
    UNDER_ATTACK,
    Shift,
    attack_faults,
    attacked_images,
    check_blocks,
    make_shift,
    seen,
)
from pytest_robustness.evaluations.calibration.summary import summarised
from pytest_robustness.evaluations.calibration.temperature import (
    FIT,
    checked_temperature,
    fitted_temperature,
    scaled,
)
from pytest_robustness.evaluations.corruption.evaluation import CorruptionAccuracy
from pytest_robustness.evaluations.corruption.suites import corrupted_images

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_robustness.attacks import Attack
    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations.measurement import Measurement


MOST_BINS = 1000
"""With more, nearly every sample has a bin of its own."""


@dataclass(frozen=True, init=False)
class Calibration(Evaluation):
    """Calibration errors (ECE, adaptive, maximum, RMS and more) and proper scores (Brier, negative log-likelihood).

    Every calibration error comes with its null band, see `pytest_robustness.metrics.null_band`; a bound below the
    upper end of that is never passed, whatever the value, but by the rule ``regress``, which asks for no proof.

    Parameters
    ----------
    bins : int
        Bins of the calibration errors but the RMS errors, which take bins of 100 samples (Hendrycks et al. 2019), and
        the smooth error, which has none.
    under : str, optional
        ``"adversarial"``, or a suite of corruptions (``"mnist-c"``, ``"mnist-c-generated"``, ``"common"``). The value
        under a suite is the mean over its corruptions, which are its parts; ``worst_ece`` is that of the worst of
        them.
    temperature : float, str, Path, Dataset or (images, labels), optional
        The temperature that the logits (or log-probabilities: both give the same) are divided by, or the data that it
        is fitted on, which must have nothing in common with the data measured. A model that gives probabilities or
        logits can be scaled. Attacks are made on the model as it is: scaling does not change its decisions.
    attack : str or object
        For ``under="adversarial"``, as for `AdversarialAccuracy`; by default ``"pgd"``.
    **options
        What goes with `under`: ``corruptions`` and ``severities`` of a suite; ``eps``, ``norm`` and the other
        parameters of an attack.
    """

    family = "calibration"

    bins: int
    under: str | None
    temperature: float | str | Dataset | None
    shift: Shift | None

    def __init__(
        self, bins: int = 15, under: str | None = None, temperature: Any = None, attack: object = None, **options: Any
    ) -> None:
        check_number("bins", bins, minimum=1, whole=True)
        if bins > MOST_BINS:
            raise ParameterError("bins is out of range", got=bins, allowed=f"1 to {MOST_BINS}")
        object.__setattr__(self, "bins", int(bins))
        object.__setattr__(self, "shift", make_shift(under, attack, options))
        object.__setattr__(self, "under", under)
        object.__setattr__(self, "temperature", checked_temperature(temperature))

    @classmethod
    def build(cls, **parameters: Any) -> Self:
        """Make the evaluation; what `under` names refuses the options that it does not have."""
        return cls(**parameters)

    @classmethod
    def knows(cls, name: str) -> bool:
        """Return whether there is a parameter of this name, here, in a suite or in any attack."""
        return name in {"bins", "under", "temperature", "attack", "corruptions", "severities"} or is_option(name)

    @property
    def attack(self) -> Attack | None:
        """The attack that the images are made with, where there is one."""
        return None if self.shift is None or isinstance(self.shift, CorruptionAccuracy) else self.shift.attack

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that are not at their default, and those of the attack or the suite."""
        found: dict[str, Any] = {} if self.bins == 15 else {"bins": self.bins}
        if self.shift is not None:
            options = {name: value for name, value in self.shift.parameters().items() if name != "suite"}
            found |= {"under": self.under, **options}
        return found if self.temperature is None else found | {"temperature": to_plain(self.temperature)}

    def outcome_parameters(self) -> dict[str, Any]:
        """Return the parameters but for the bins, which are filled when the outcomes are summarised."""
        return {name: value for name, value in self.parameters().items() if name != "bins"}

    def check_bounds(self, metrics: Sequence[str]) -> None:
        """Raise ParameterError for a bound on the worst of several corruptions where there is but one form."""
        if "worst_ece" in metrics and len(self._forms()) == 1:
            raise ParameterError(
                "max_each needs several corruptions", mend="Give under='mnist-c', for instance, or use max_ece"
            )

    def further_data(self, dataset: Dataset, *, seed: int) -> Mapping[str, Dataset]:
        """Load the corrupted images, where they are published, and the data that the temperature is fitted on."""
        found = {} if self.shift is None else dict(self.shift.further_data(dataset, seed=seed))
        if self.temperature is None or isinstance(self.temperature, float):
            return found
        return found | {FIT: load_fitting(self.temperature, like=dataset)}

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Take every sample in each of its forms, and the fitting data; in the end, have an attack examined."""
        if outcomes:
            return check_blocks(self.attack, outcomes)
        blocks = [
            b for parts in self._forms().values() for part in parts for b in blocks_of(len(subject.dataset), part)
        ]
        return blocks + (blocks_of(len(subject.further[FIT]), FIT) if FIT in subject.further else [])

    def blocks_expected(self, subject: Subject, planned: int) -> int | None:
        """Return those of the samples, and that of the check of an attack."""
        del subject
        return planned + (self.attack is not None)

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Return the probabilities of the samples of a block, or their logarithms where they will be scaled."""
        if block.part == CHECK and self.shift is not None:
            return self.shift.run_block(subject, block)
        samples, facts = subject.samples(block), dict[str, Any]()
        images = samples.images
        if isinstance(self.shift, CorruptionAccuracy) and block.part != FIT:
            images = corrupted_images(subject, block, self.shift.suite)
        elif self.attack is not None and block.part == UNDER_ATTACK:
            images, facts = attacked_images(self.attack, subject, samples)
        outputs = "probabilities" if self.temperature is None else "log_probabilities"
        return {outputs: getattr(subject.classifier, outputs)(images, batch_size=subject.batch_size), **facts}

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce the probabilities to the metrics of the family, the ECE first."""
        temperature = fitted_temperature(self.temperature, subject, outcomes)
        forms = {name: [scaled(outcomes, part, temperature) for part in parts] for name, parts in self._forms().items()}
        return summarised(
            self,
            subject,
            outcomes,
            forms,
            bins=self.bins,
            confidence=confidence,
            details={} if temperature is None else {"temperature": temperature},
            warnings=[*seen(outcomes, "warnings"), *self._scaling(subject, temperature)],
            faults=[*seen(outcomes, "faults"), *attack_faults(self.attack, outcomes)],
        )

    def _scaling(self, subject: Subject, temperature: float | None) -> list[str]:
        """Say by what the logits are divided, where it was fitted."""
        if temperature is None or FIT not in subject.further:
            return []
        return [f"the temperature is {temperature:.4g}, fitted on {subject.further[FIT].name}"]

    def _forms(self) -> dict[str, list[str]]:
        """Return the parts of the blocks by the name that a form of the data has in the scorecard."""
        if self.shift is None:
            return {"": [""]}
        if isinstance(self.shift, CorruptionAccuracy):
            return {name: self.shift.parts_of(name) for name in self.shift.names()}
        return {UNDER_ATTACK: [UNDER_ATTACK]}
