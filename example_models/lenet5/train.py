"""Train LeNet-5: ``python -m example_models.lenet5.train``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from example_models.lenet5 import WEIGHTS, LeNet5
from example_models.networks import descend, fresh
from example_models.training import read_job, train

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_robustness import Dataset

EPOCHS = 12
BATCH = 100
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 3e-4  # keeps the logits small: without it float32 rounds the gradient of many samples to zero
SEED = 0


def fresh_model(generator: torch.Generator) -> LeNet5:
    """Return a network with weights drawn from `generator` (He et al. 2015, arXiv:1502.01852) and biases of zero."""
    return fresh(LeNet5, generator)


def fit(data: Dataset, *, quick: bool = False) -> LeNet5:
    """Minimise the cross-entropy with Adam and L2; the learning rate falls to zero along half a cosine."""
    epochs = 1 if quick else EPOCHS
    generator = torch.Generator().manual_seed(SEED)
    model = fresh_model(generator).train()
    images, labels = torch.from_numpy(data.pixels()), torch.from_numpy(data.labels.copy())
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    batches = -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * batches)
    descend(model, optimizer, schedule, images, labels, epochs=epochs, batch=BATCH, generator=generator)
    return model.eval()


def save(model: LeNet5, path: Path) -> None:
    """Write the weights as float32."""
    save_file(model.state_dict(), path)


def main(argv: Sequence[str] | None = None) -> None:
    train(read_job(__doc__, WEIGHTS, argv), fit=fit, save=save)


if __name__ == "__main__":
    main()
