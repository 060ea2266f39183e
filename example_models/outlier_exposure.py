"""Outlier exposure (Hendrycks et al. 2019, arXiv:1812.04606): a network learns to be unsure where there is no digit.

The outliers are printed letters and noise, white and smooth, all made here. None of the sets that the models are
evaluated on is among them: neither Fashion-MNIST nor KMNIST, and letters and noise are drawn with a seed of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from example_models.lenet5.train import BATCH, tune
from example_models.recipes import on
from example_models.training import Script
from example_models.weights import rounded, save_halves
from pytest_robustness.datasets import load_outliers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from example_models.lenet5 import LeNet5
    from example_models.networks import Loss
    from example_models.recipes import Change
    from pytest_robustness import Dataset

OUTLIERS = {"letters": 10000, "uniform-noise": 1000, "gaussian-noise": 1000}
SMOOTH = 8000  # images of smooth noise
WEIGHT = 0.5  # of the outliers in the loss
EPOCHS = 5
LEARNING_RATE = 2e-4  # a larger one forgets more of what the digits and their changes taught
SEED = 20261121  # of the outliers too: the evaluations count their seeds from 0


def exposed(about: str, weights: Path, start: Callable[[], LeNet5], *changes: Change) -> Script:
    """Return the script that tunes a trained network on digits, changed as in its training, and on outliers."""

    def fit(data: Dataset, *, epochs: int) -> LeNet5:
        generator = torch.Generator().manual_seed(SEED)
        outliers = outliers_like(data)

        def loss(steps: int) -> Loss:
            return beside(on(changes, generator, steps), outliers, generator)

        return rounded(tune(start(), data, epochs=epochs, generator=generator, loss=loss, learning_rate=LEARNING_RATE))

    return Script(about, weights, fit=fit, save=save_halves, epochs=EPOCHS)


def outliers_like(data: Dataset) -> Tensor:
    """Return outliers (N, 1, 28, 28): of short data no more than a batch of each kind."""
    most = BATCH if len(data) < sum(OUTLIERS.values()) else max(OUTLIERS.values())
    sets = (load_outliers(name, like=data, n=min(n, most), seed=SEED) for name, n in OUTLIERS.items())
    images = [torch.from_numpy(some.pixels()) for some in sets]
    return torch.cat([*images, smooth_noise(min(SMOOTH, most))])


def smooth_noise(n: int, seed: int = SEED) -> Tensor:
    """Draw images (n, 1, 28, 28) of blots on black, which letters and white noise leave out: larger and less sharp.

    Gaussian noise, smoothed over 0.5 to 6 pixels and scaled to a deviation of 1, of which is seen what exceeds a
    threshold from [0, 1.5], times a contrast from [0.25, 2].
    """
    generator = np.random.default_rng(seed)
    noise = generator.normal(size=(n, 28, 28))
    width, contrast, threshold = generator.uniform([0.5, 0.25, 0.0], [6.0, 2.0, 1.5], size=(n, 3)).T[..., None, None]
    smooth = np.stack([gaussian_filter(image, sigma) for image, sigma in zip(noise, width.ravel(), strict=True)])
    smooth -= smooth.mean(axis=(1, 2), keepdims=True)
    smooth /= smooth.std(axis=(1, 2), keepdims=True)
    return torch.from_numpy((contrast * (smooth - threshold)).clip(0, 1)[:, None].astype(np.float32))


def beside(digits: Loss, outliers: Tensor, generator: torch.Generator) -> Loss:
    """Return the loss on digits plus 0.5 times the cross-entropy between no preference and outliers, two a digit."""

    def loss(model: LeNet5, images: Tensor, labels: Tensor) -> Tensor:
        rows = torch.randint(len(outliers), (2 * len(images),), generator=generator)
        unsure: Tensor = -model(outliers[rows]).log_softmax(dim=1).mean()
        return digits(model, images, labels) + WEIGHT * unsure

    return loss
