"""A tiny deterministic classifier, a tiny data set, and measurements made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.classifiers import Classifier, load_classifier
from pytest_robustness.datasets import Dataset, as_dataset
from pytest_robustness.evaluations import Measurement, Outcome, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_robustness.evaluations import Evaluation


class Brightness(nn.Module):
    """Calls an image bright (class 1) where its mean is above 1/2; the difference of the logits is 10 (mean - 1/2)."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        score = 10 * (images.flatten(1).mean(dim=1) - 0.5)
        return torch.stack([torch.zeros_like(score), score], dim=1)


@pytest.fixture
def classifier() -> Classifier:
    return load_classifier(Brightness(), num_classes=2)


@pytest.fixture
def dataset() -> Dataset:
    """Ten flat images of 3 x 3 pixels with means .05, .15 ... .95; labelled bright from .5 on, but for the ninth."""
    levels = np.arange(10) / 10 + 0.05
    images = np.repeat(levels.astype(np.float32), 9).reshape(10, 1, 3, 3)
    labels = (levels > 0.5).astype(np.int64)
    labels[8] = 0
    return as_dataset((images, labels))


@pytest.fixture
def run(classifier: Classifier, dataset: Dataset) -> Callable[..., tuple[Measurement, ...]]:
    """Return a function that plans, runs and summarises an evaluation, as the engine does."""

    def measure(
        evaluation: Evaluation, *, model: Classifier = classifier, data: Dataset = dataset, confidence: float = 0.95
    ) -> tuple[Measurement, ...]:
        further = evaluation.further_data(data, seed=0)
        subject = Subject(model, data, 0, 4, further)
        outcomes: dict[Any, Outcome] = {}
        while blocks := evaluation.plan(subject, outcomes):
            outcomes |= {block: Outcome(evaluation.run_block(subject, block), 0.5, 2, 1) for block in reversed(blocks)}
        return evaluation.summarise(subject, outcomes, confidence=confidence)

    return measure


@pytest.fixture
def make() -> Callable[..., Measurement]:
    """Return a maker of measurements: an accuracy of 0.9 of 1,000 samples of 10,000, unless told otherwise."""

    def measurement(value: float = 0.9, low: float = 0.88, high: float = 0.92, **changes: Any) -> Measurement:
        usual = {
            "family": "accuracy",
            "metric": "accuracy",
            "parameters": {},
            "confidence": 0.95,
            "n": 1000,
            "population": 10_000,
            "higher_is_better": True,
        }
        return Measurement(value=value, low=low, high=high, **{**usual, **changes})

    return measurement
