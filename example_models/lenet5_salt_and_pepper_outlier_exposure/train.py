"""Tune ``lenet5_salt_and_pepper``: ``python -m example_models.lenet5_salt_and_pepper_outlier_exposure.train``."""

from example_models import lenet5_salt_and_pepper
from example_models.lenet5_salt_and_pepper_outlier_exposure import WEIGHTS
from example_models.outlier_exposure import exposed
from example_models.recipes import salt_and_pepper

main = exposed(__doc__, WEIGHTS, lenet5_salt_and_pepper.load, salt_and_pepper)

if __name__ == "__main__":
    main()
