"""Train ten LeNet-5 from different seeds: ``python -m example_models.lenet5_ensemble_10.train``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from example_models.lenet5 import train as lenet5
from example_models.lenet5_ensemble_10 import SIZE, WEIGHTS, Ensemble
from example_models.training import Script
from example_models.weights import empty, rounded, save_halves

if TYPE_CHECKING:
    from pytest_robustness import Dataset


def fit(data: Dataset, *, epochs: int) -> Ensemble:
    """Train each member as LeNet-5 is trained; the first is LeNet-5 itself, but for the rounding to float16."""
    ensemble = empty(lambda: Ensemble(SIZE))
    for seed in range(SIZE):
        ensemble.members[seed] = lenet5.fit(data, epochs=epochs, seed=seed)
    return rounded(ensemble).eval()


main = Script(__doc__, WEIGHTS, fit=fit, save=save_halves, epochs=lenet5.EPOCHS)

if __name__ == "__main__":
    main()
