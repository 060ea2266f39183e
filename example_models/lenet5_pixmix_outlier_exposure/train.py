"""Tune ``lenet5_pixmix``: ``python -m example_models.lenet5_pixmix_outlier_exposure.train``."""

from example_models import lenet5_pixmix
from example_models.lenet5_pixmix_outlier_exposure import WEIGHTS
from example_models.outlier_exposure import exposed
from example_models.pixmix import pixmix

main = exposed(__doc__, WEIGHTS, lenet5_pixmix.load, pixmix)

if __name__ == "__main__":
    main()
