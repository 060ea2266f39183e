"""Search dropout, L2 and learning rate of the perceptron: ``python -m example_models.mlp_torch.search``.

Each point of the grid is trained on 70 % of the training images and judged on 20 %; the best is judged once more on the
10 % that had no part in the choice. The table goes to ``search.md``.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from example_models.held_out import training_set
from example_models.mlp_torch.train import Setting, fit
from example_models.training import QUICK_SIZE, read_arguments
from pytest_robustness import Evaluator
from pytest_robustness.evaluations import Accuracy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from example_models.mlp_torch import MLP
    from pytest_robustness import Dataset

TABLE = Path(__file__).with_name("search.md")
GRID = [Setting(*point) for point in product((0.2, 0.5), (1e-5, 1e-4), (5e-4, 2e-3))]
EPOCHS = 4
SEED = 0


def split(data: Dataset) -> tuple[Dataset, Dataset, Dataset]:
    """Return 70, 20 and 10 % of the data, drawn at random."""
    order = np.random.default_rng(SEED).permutation(len(data))
    first, second = int(0.7 * len(data)), int(0.9 * len(data))
    training, validation, test = (data.take(np.sort(part)) for part in np.split(order, (first, second)))
    return training, validation, test


def accuracy(model: MLP, data: Dataset) -> float:
    """Return the share of right answers."""
    return float(Evaluator(model, data).measure(Accuracy()).value)


def search(data: Dataset, *, epochs: int) -> str:
    """Return the table of the grid, the best in front."""
    training, validation, test = split(data)
    tried = []
    for setting in GRID:
        model = fit(training, epochs=epochs, setting=setting)
        tried.append((accuracy(model, validation), setting, model))
        print(f"{setting}: {tried[-1][0]:.4f}", flush=True)
    tried.sort(key=lambda row: -row[0])
    best = accuracy(tried[0][2], test)
    lines = [
        "# Grid search of mlp_torch",
        "",
        f"Trained for {epochs} epochs on {len(training):,} images, judged on {len(validation):,}.",
        f"Of the best: accuracy {best:.4f} on the {len(test):,} images that had no part in the choice.",
        "",
        "| dropout | L2 | learning rate | accuracy |",
        "|---|---|---|---|",
        *(f"| {s.dropout:g} | {s.weight_decay:g} | {s.learning_rate:g} | {value:.4f} |" for value, s, _ in tried),
    ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    """Search, and write the table; exit with code 2 rather than overwrite one unasked."""
    quick = f"one epoch of {QUICK_SIZE} images"
    asked = read_arguments(argv, about=__doc__ or "", output=TABLE, epochs=EPOCHS, quick=quick)
    data = training_set().sample(QUICK_SIZE if asked.quick else None, seed=0)
    with threadpool_limits(limits=1):
        table = search(data, epochs=asked.epochs or (1 if asked.quick else EPOCHS))
    asked.output.write_text(table)


if __name__ == "__main__":
    main()
