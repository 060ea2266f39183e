"""Digits of 8 x 8 pixels, and a small net that was trained under noise on other ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.datasets import Dataset, as_dataset

KEPT = 0.9
"""Probability that a pixel keeps its value in the noise that the net is trained with."""


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """A hundred grey images that the net was not trained on."""
    images, labels = _digits()
    return as_dataset((images[1500:1600], labels[1500:1600]))


@pytest.fixture(scope="session")
def net() -> nn.Module:
    """A net of one hidden layer, trained on 1,500 black and white images whose pixels flip."""
    images, labels = _digits()
    black_and_white, truth = torch.from_numpy(images[:1500] > 0.5), torch.from_numpy(labels[:1500])
    generator = torch.Generator().manual_seed(0)
    found = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    with torch.no_grad():
        for weights in found.parameters():
            weights.copy_(0.1 * torch.randn(weights.shape, generator=generator))
    optimizer = torch.optim.Adam(found.parameters(), 5e-3)
    for _ in range(250):
        flipped = torch.rand(black_and_white.shape, generator=generator) > KEPT
        loss = nn.functional.cross_entropy(found((black_and_white ^ flipped).float()), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return found.eval()


def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return (bunch.images / 16).astype(np.float32)[:, None], bunch.target.astype(np.int64)
