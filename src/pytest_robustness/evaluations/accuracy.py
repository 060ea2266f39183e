"""Clean accuracy, with the confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_robustness.evaluations.adversarial.course import Course
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, blocks_of_rows, gather
from pytest_robustness.evaluations.summaries import class_parts, measured, share_correct
from pytest_robustness.metrics import confusion_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_robustness.evaluations.measurement import Measurement


@dataclass(frozen=True)
class Accuracy(Evaluation):
    """Share of the samples that the classifier labels correctly. Parts: the recall of each class."""

    family = "accuracy"
    stops_early = True

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Plan all blocks at once, or slice after slice until the verdict is known."""
        if subject.early is None:
            return super().plan(subject, outcomes)
        course = _course(subject, outcomes)
        if outcomes and subject.early.settled(course, subject.dataset.population) is not None:
            return []
        ahead = subject.early.next_rows(course)
        return [] if ahead is None else blocks_of_rows(ahead[1], "")

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Predict the samples of a block."""
        samples = subject.samples(block)
        predictions = subject.classifier.predict(samples.images, batch_size=subject.batch_size)
        return {"predictions": predictions}

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce predictions to the accuracy, the recall of each class and the confusion matrix."""
        course = _course(subject, outcomes)
        settled = None if subject.early is None else subject.early.settled(course, subject.dataset.population)
        labels, predictions = subject.dataset.labels[course.over], gather(outcomes, "predictions")
        correct = predictions == labels
        classes = subject.classifier.num_classes or int(max(labels.max(), predictions.max())) + 1
        parts = class_parts(correct, labels, confidence)
        confusion = confusion_matrix(predictions, labels, num_classes=classes)
        return (
            measured(
                self,
                subject,
                outcomes,
                "accuracy",
                share_correct(correct, confidence),
                confidence=confidence,
                parts=parts,
                details={"confusion": confusion.tolist()},
                settled=settled,
                samples={"index": subject.dataset.ids[course.over], "correct": correct},
            ),
        )


def _course(subject: Subject, outcomes: Mapping[Block, Outcome]) -> Course:
    labels = subject.dataset.labels
    fallen = ((b, o.arrays["predictions"] != labels[b.positions]) for b, o in outcomes.items())
    return Course.of(len(labels), [""], fallen)
