"""Train the perceptron of scikit-learn's MNIST benchmark: ``python -m example_models.mlp_adam.train``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from example_models.bars import bar_of_lines
from example_models.mlp_adam import WEIGHTS, estimator, save
from example_models.training import Script, fit_on_pixels

if TYPE_CHECKING:
    from sklearn.neural_network import MLPClassifier

    from pytest_robustness import Dataset

EPOCHS = 400  # at most: it ends where the loss falls no more


def fit(data: Dataset, *, epochs: int) -> MLPClassifier:
    """Fit the estimator on pixels in [0, 1]; it tells of each pass over the data."""
    model = estimator(max_iter=epochs).set_params(verbose=True)
    with bar_of_lines("Iteration", epochs):
        fitted: MLPClassifier = fit_on_pixels(model, data, cut_short=epochs < EPOCHS)
    return fitted


main = Script(__doc__, WEIGHTS, fit=fit, save=save, epochs=EPOCHS, quick_epochs=3)

if __name__ == "__main__":
    main()
