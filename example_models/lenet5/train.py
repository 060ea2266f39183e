"""Train LeNet-5: ``python -m example_models.lenet5.train``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from example_models.lenet5 import WEIGHTS, LeNet5
from example_models.networks import fresh, improve
from example_models.recipes import on
from example_models.training import Script
from example_models.weights import rounded, save_halves

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from example_models.networks import Loss
    from example_models.recipes import Change
    from pytest_robustness import Dataset

EPOCHS = 12
ATTACKED_EPOCHS = 8  # where PGD attacks every batch: each takes as long as six others
BATCH = 100
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 3e-4  # keeps the logits small: without it float32 rounds the gradient of many samples to zero
SEED = 0


def fit(
    data: Dataset, *, epochs: int, make: Callable[[], LeNet5] = LeNet5, seed: int = SEED, changes: Sequence[Change] = ()
) -> LeNet5:
    """Train a network with new weights, with `changes` made to each batch in the order given."""
    generator = torch.Generator().manual_seed(seed)
    model = fresh(make, generator)
    return tune(model, data, epochs=epochs, generator=generator, loss=partial(on, changes, generator))


def tune(
    model: LeNet5,
    data: Dataset,
    *,
    epochs: int,
    generator: torch.Generator,
    loss: Callable[[int], Loss],
    learning_rate: float = LEARNING_RATE,
) -> LeNet5:
    """Train a network that has weights."""
    return improve(
        model,
        data,
        epochs=epochs,
        batch=BATCH,
        learning_rate=learning_rate,
        weight_decay=WEIGHT_DECAY,
        generator=generator,
        loss=loss,
    )


def save(model: LeNet5, path: Path) -> None:
    """Write the weights as float32."""
    save_file(model.state_dict(), path)


def variant(
    about: str, weights: Path, *changes: Change, make: Callable[[], LeNet5] = LeNet5, epochs: int = EPOCHS
) -> Script:
    """Return the training script of another LeNet-5, which is stored as float16 and meets changed digits."""

    def fit_rounded(data: Dataset, *, epochs: int) -> LeNet5:
        return rounded(fit(data, epochs=epochs, make=make, changes=changes))

    return Script(about, weights, fit=fit_rounded, save=save_halves, epochs=epochs)


main = Script(__doc__, WEIGHTS, fit=fit, save=save, epochs=EPOCHS)

if __name__ == "__main__":
    main()
