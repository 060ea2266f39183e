"""Models, data and evaluations for the tests of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.datasets import Dataset, as_dataset
from pytest_robustness.evaluations import Accuracy, AdversarialAccuracy, Calibration, OutOfDistribution, Sensitivity

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def make_net() -> Callable[..., nn.Module]:
    """Return a maker of small networks for 1 x 5 x 5 images, with seeded weights."""

    def make(seed: int = 0, classes: int = 4) -> nn.Module:
        net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(27, classes))
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.uniform_(-0.6, 0.6, generator=generator)
        return net

    return make


@pytest.fixture
def net(make_net: Callable[..., nn.Module]) -> nn.Module:
    return make_net()


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """1,100 random images with random labels of four classes: three blocks."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (1100, 1, 5, 5), dtype=np.uint8)
    return as_dataset((images, random.integers(0, 4, 1100)), name="noise")


FAMILIES = {
    "accuracy": Accuracy(),
    "adversarial": AdversarialAccuracy("pgd", eps=0.05, steps=3),
    "calibration": Calibration(),
    "ood": OutOfDistribution(outliers="uniform-noise"),
    "sensitivity": Sensitivity(points=9),
}


@pytest.fixture(params=FAMILIES)
def evaluation(request: pytest.FixtureRequest) -> object:
    return FAMILIES[request.param]
