"""Train the perceptron of the FGSM study: ``python -m example_models.mlp_torch.train``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch

from example_models.mlp_torch import MLP, WEIGHTS
from example_models.networks import fresh, improve
from example_models.training import Script
from example_models.weights import rounded, save_halves

if TYPE_CHECKING:
    from pytest_robustness import Dataset

EPOCHS = 15
BATCH = 200
SEED = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """What the grid search chooses."""

    dropout: float
    weight_decay: float
    learning_rate: float


CHOSEN = Setting(dropout=0.2, weight_decay=1e-5, learning_rate=2e-3)
"""The best of ``search.md``."""


def fit(data: Dataset, *, epochs: int, setting: Setting = CHOSEN) -> MLP:
    """Minimise the cross-entropy with dropout and L2."""
    generator = torch.Generator().manual_seed(SEED)
    with torch.random.fork_rng(devices=[]):  # dropout draws from the global generator, which gets its state back
        torch.manual_seed(SEED)
        model = fresh(partial(MLP, setting.dropout), generator)
        model = improve(
            model,
            data,
            epochs=epochs,
            batch=BATCH,
            learning_rate=setting.learning_rate,
            weight_decay=setting.weight_decay,
            generator=generator,
        )
    return rounded(model)


main = Script(__doc__, WEIGHTS, fit=fit, save=save_halves, epochs=EPOCHS)

if __name__ == "__main__":
    main()
