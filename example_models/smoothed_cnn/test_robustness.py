"""The gate of the smoothed network. Every bound is a little below what the model reaches: it holds what is there."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def robustness_model() -> str:
    return "example_models.smoothed_cnn:load"


# No choice of one pixel, or of three, changes the answer of the smoothed network to these digits: a proof, where an
# attack that finds nothing is none. Alpha is the share of pixels that the noise keeps, here as it was in training.
@pytest.mark.certified(norm="l0", radius=1, alpha=0.8, n=200, min_accuracy=0.85)
@pytest.mark.certified(norm="l0", radius=3, alpha=0.8, n=200, noise_n=4_000, min_accuracy=0.38)
def test_certified_digits() -> None: ...
