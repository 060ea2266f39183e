"""Models and images for the tests of this room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.classifiers import Classifier, load_classifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Images = NDArray[np.float32]
    Labels = NDArray[np.int64]


@pytest.fixture(scope="session")
def images() -> Images:
    """Sixty random images of 1 x 6 x 6 pixels, with some pixels at exactly 0 and 1."""
    found = np.random.default_rng(3).random((60, 1, 6, 6), dtype=np.float32)
    found[::3, :, :2] = 0
    found[1::3, :, 4:] = 1
    return found


@pytest.fixture(scope="session")
def make_net() -> Callable[..., nn.Module]:
    """Return a maker of small convolutional networks for 1 x 6 x 6 images, with seeded weights."""

    def make(seed: int = 0, classes: int = 5) -> nn.Module:
        net = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(216, 32),
            nn.ReLU(),
            nn.Linear(32, classes),
        )
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.uniform_(-0.4, 0.4, generator=generator)
        return net

    return make


@pytest.fixture(scope="session")
def net(make_net: Callable[..., nn.Module]) -> Classifier:
    return load_classifier(make_net())


@pytest.fixture(scope="session")
def labels(net: Classifier, images: Images) -> Labels:
    """The predictions of `net`, but for every tenth image, which it gets wrong."""
    found = net.predict(images)
    found[::10] = (found[::10] + 1) % 5
    return found


@dataclass(frozen=True)
class Linear:
    """A linear classifier of 4 x 4 images, images near the grey middle, and how far each is from another class."""

    classifier: Classifier
    images: Images
    labels: Labels
    needed: dict[str, NDArray[np.float64]]


@pytest.fixture(params=[2, 4])
def linear(request: pytest.FixtureRequest) -> Linear:
    """Two classes with random weights; or four with weights on pixels of their own, so that the nearest comes second.

    A perturbation of norm eps changes a difference of scores by at most eps times the dual norm of the difference of
    the weights: margin / ||w||_1 is needed in Linf, margin / ||w||_2 in L2.
    """
    random = np.random.default_rng(request.param)
    weights = random.normal(size=(2, 16)) if request.param == 2 else np.repeat(np.eye(4), 4, axis=1) * 100
    layer = nn.Linear(16, len(weights))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights))
        layer.bias.copy_(torch.from_numpy(-weights.sum(axis=1) / 2))
    classifier = load_classifier(nn.Sequential(nn.Flatten(), layer))
    images = random.uniform(0.4, 0.6, (80, 1, 4, 4)).astype(np.float32)
    labels = classifier.predict(images)
    scores = (images.reshape(80, 16).astype(np.float64) - 0.5) @ weights.T
    margins = scores[np.arange(80), labels][:, None] - scores
    slopes = weights[labels][:, None] - weights[None]
    others = labels[:, None] != np.arange(len(weights))
    needed = {
        norm: np.divide(margins, np.linalg.norm(slopes, ord=dual, axis=2), where=others, out=np.full_like(margins, 9))
        for norm, dual in (("linf", 1), ("l2", 2))
    }
    return Linear(classifier, images, labels, {norm: distances.min(axis=1) for norm, distances in needed.items()})
