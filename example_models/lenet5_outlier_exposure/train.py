"""Tune ``lenet5``: ``python -m example_models.lenet5_outlier_exposure.train``."""

from example_models import lenet5
from example_models.lenet5_outlier_exposure import WEIGHTS
from example_models.outlier_exposure import exposed

main = exposed(__doc__, WEIGHTS, lenet5.load)

if __name__ == "__main__":
    main()
