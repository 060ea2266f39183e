"""Small models and images for the tests of this room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@pytest.fixture
def images() -> NDArray[np.float32]:
    """Thirty random images of 8 x 8 pixels."""
    return np.random.default_rng(7).random((30, 1, 8, 8), dtype=np.float32)


@pytest.fixture
def make_net() -> Callable[..., nn.Module]:
    """Return a maker of networks for 8 x 8 images with seeded weights; the global generators are not touched."""

    def make(seed: int = 0, classes: int = 10, *, dropout: float = 0.5) -> nn.Module:
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(dropout), nn.Linear(4 * 36, classes)
        )
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.uniform_(-0.3, 0.3, generator=generator)
        return net

    return make
