"""Train the random forest: ``python -m example_models.random_forest.train``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.ensemble import RandomForestClassifier
from tqdm import tqdm  # type: ignore[import-untyped]

from example_models.estimators import save_skops
from example_models.random_forest import WEIGHTS
from example_models.training import Script

if TYPE_CHECKING:
    from pytest_robustness import Dataset

TREES = 50
LEAVES = 1000  # of a tree at most, which keeps the file small
SEED = 0


def fit(data: Dataset, *, epochs: int) -> RandomForestClassifier:
    """Grow one tree after the other on pixels in [0, 1]; an epoch is a tree."""
    forest = RandomForestClassifier(max_leaf_nodes=LEAVES, random_state=SEED, warm_start=True)
    pixels = data.pixels().reshape(len(data), -1)
    for trees in tqdm(range(1, epochs + 1), unit="tree", disable=None, leave=False):
        forest.set_params(n_estimators=trees).fit(pixels, data.labels)
    return forest.set_params(warm_start=False)


main = Script(__doc__, WEIGHTS, fit=fit, save=save_skops, epochs=TREES)

if __name__ == "__main__":
    main()
