"""Train the perceptron of scikit-learn's MNIST benchmark: ``python -m example_models.mlp_adam.train``."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from sklearn.exceptions import ConvergenceWarning

from example_models.mlp_adam import WEIGHTS, estimator, save
from example_models.training import read_job, train

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn.neural_network import MLPClassifier

    from pytest_robustness import Dataset


def fit(data: Dataset, *, quick: bool = False) -> MLPClassifier:
    """Fit the estimator on pixels in [0, 1]; it prints the loss of each pass over the data."""
    model = estimator(max_iter=3) if quick else estimator()
    model.set_params(verbose=True)
    with warnings.catch_warnings():
        if quick:
            warnings.simplefilter("ignore", ConvergenceWarning)  # three passes are not meant to converge
        return model.fit(data.pixels().reshape(len(data), -1), data.labels)


def main(argv: Sequence[str] | None = None) -> None:
    train(read_job(__doc__, WEIGHTS, argv), fit=fit, save=save)


if __name__ == "__main__":
    main()
