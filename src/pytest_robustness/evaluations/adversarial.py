"""Accuracy under attack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pytest_robustness.attacks import Attack, make_attack, zero_gradients
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, gather, parameters_of
from pytest_robustness.evaluations.summaries import class_parts, correct_part, measured, share_correct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_robustness.evaluations.measurement import Measurement

MASKED_SHARE = 0.01
"""Share of all samples that may resist with a gradient of zero before the value is not to be relied on."""


@dataclass(frozen=True, init=False)
class AdversarialAccuracy(Evaluation):
    """Share of the samples that are classified correctly before and after an attack (robust accuracy).

    Parameters
    ----------
    attack : str or Attack
        A name of `pytest_robustness.attacks.ATTACKS`, or an attack object.
    **options
        The parameters of the named attack: ``norm="linf"``, ``eps=0.1``, ``steps=40`` and so on.
    """

    family = "adversarial"

    attack: Attack

    def __init__(self, attack: str | Attack = "autoattack", **options: Any) -> None:
        object.__setattr__(self, "attack", make_attack(attack, **options))

    @classmethod
    def build(cls, **parameters: Any) -> Self:
        """Make the evaluation; the attack itself refuses the options that it does not have."""
        return cls(**parameters)

    def parameters(self) -> dict[str, Any]:
        """Return the name and the options of the attack."""
        return {"attack": self.attack.name, **parameters_of(self.attack)}

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Attack the samples of a block and classify what came out."""
        samples = subject.samples(block)
        clean, labels = samples.pixels(), samples.labels
        adversarial = self.attack.run(
            subject.classifier, clean, labels, seed=subject.seed, ids=samples.ids, batch_size=subject.batch_size
        )
        correct = subject.classifier.predict(adversarial, batch_size=subject.batch_size) == labels
        # A sample that was wrong to begin with is never moved; one that was fooled always is.
        clean_correct = correct | (adversarial != clean).any(axis=(1, 2, 3))
        masked = np.zeros(len(labels), dtype=np.bool_)
        masked[correct] = zero_gradients(
            subject.classifier, clean[correct], labels[correct], batch_size=subject.batch_size
        )
        return {"correct": correct, "clean_correct": clean_correct, "masked": masked}

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce to the robust accuracy; the clean accuracy and that of each class are its parts."""
        correct, labels = gather(outcomes, "correct"), subject.dataset.labels
        masked = gather(outcomes, "masked")
        parts = class_parts(correct, labels, confidence)
        clean = correct_part("clean", gather(outcomes, "clean_correct"), confidence)
        faults = []
        if self.attack.eps > 0 and masked.mean() > MASKED_SHARE:
            faults.append(
                f"the gradient is exactly zero for {int(masked.sum())} of the {int(correct.sum())} samples that"
                " resisted, so the attack could not work on them"
            )
        return (
            measured(
                self,
                subject,
                outcomes,
                "accuracy",
                share_correct(correct, confidence),
                confidence=confidence,
                parts=[clean, *parts],
                faults=faults,
            ),
        )
