"""Train the logistic regression: ``python -m example_models.logistic_regression.train``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.linear_model import LogisticRegression

from example_models.bars import bar_of_time
from example_models.logistic_regression import WEIGHTS, save
from example_models.training import Script, fit_on_pixels

if TYPE_CHECKING:
    from pytest_robustness import Dataset

EPOCHS = 500  # steps of L-BFGS at most, each of them over all of the data
USUAL = 7  # seconds
STRENGTH = 0.1  # of the data against the penalty on large weights


def fit(data: Dataset, *, epochs: int) -> LogisticRegression:
    """Fit the estimator on pixels in [0, 1]."""
    model = LogisticRegression(C=STRENGTH, max_iter=epochs)
    with bar_of_time(USUAL):
        fitted: LogisticRegression = fit_on_pixels(model, data, cut_short=epochs < EPOCHS)
    return fitted


main = Script(__doc__, WEIGHTS, fit=fit, save=save, epochs=EPOCHS, quick_epochs=20)

if __name__ == "__main__":
    main()
