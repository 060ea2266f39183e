"""A linear model, its weights, and images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.classifiers import load_classifier

if TYPE_CHECKING:
    from pytest_robustness.classifiers import Classifier

WEIGHTS = np.random.default_rng(1).normal(size=(4, 2, 5, 6)).astype(np.float32)


def linear_model() -> nn.Module:
    layer = nn.Linear(60, 4)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(WEIGHTS.reshape(4, 60)))
        layer.bias.copy_(torch.tensor([0.1, 0.2, 0.3, 0.4]))
    return nn.Sequential(nn.Flatten(), layer)


def curved_model() -> nn.Module:
    """A small convolutional network; the state of torch's generator is as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return (
            nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 16), nn.Tanh(), nn.Linear(16, 4))
            .double()
            .float()
        )


@pytest.fixture
def weights() -> np.ndarray:
    """One row of weights for each of four classes, (4, C, H, W)."""
    return WEIGHTS


@pytest.fixture
def linear(images: np.ndarray) -> Classifier:
    return load_classifier(linear_model()).bound(images)


@pytest.fixture
def curved(images: np.ndarray) -> Classifier:
    return load_classifier(curved_model()).bound(images)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).random((9, 2, 5, 6)).astype(np.float32)
