"""The first five members of ``lenet5_ensemble_10``, where their weights are."""

from functools import partial

from example_models import lenet5_ensemble_10
from example_models.lenet5_ensemble_10 import WEIGHTS

__all__ = ["WEIGHTS", "load"]

load = partial(lenet5_ensemble_10.load, size=5)
