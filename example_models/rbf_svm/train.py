"""Train the support vector machine: ``python -m example_models.rbf_svm.train``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import SVC

from example_models.bars import bar_of_time
from example_models.estimators import save_skops
from example_models.rbf_svm import WEIGHTS
from example_models.training import Script

if TYPE_CHECKING:
    from pytest_robustness import Dataset

IMAGES = 10_000  # the support vectors are stored, and each costs time for each image
C = 5.0
GAMMA = 0.02
FOLDS = 3  # that the scores for the sigmoids come from
SEED = 0
USUAL = 18  # seconds


def fit(data: Dataset, *, epochs: int) -> CalibratedClassifierCV:
    """Fit the estimator on pixels in [0, 1].

    The sigmoids are fitted to scores of images that the machine giving them has not seen (Platt 1999); the machine that
    stays has seen all. It has no epochs: libsvm goes on until it is done.
    """
    if epochs != 1:
        raise SystemExit("a support vector machine is trained in one go: leave --epochs away")
    few = data.sample(min(IMAGES, len(data)), seed=SEED)
    model = CalibratedClassifierCV(SVC(C=C, gamma=GAMMA), cv=FOLDS, ensemble=False)
    with bar_of_time(USUAL):
        return model.fit(few.pixels().reshape(len(few), -1), few.labels)


main = Script(__doc__, WEIGHTS, fit=fit, save=save_skops, epochs=1)

if __name__ == "__main__":
    main()
