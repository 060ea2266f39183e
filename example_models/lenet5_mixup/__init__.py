"""LeNet-5 trained with MixUp (Zhang et al. 2018, arXiv:1710.09412)."""

from example_models.lenet5 import beside

WEIGHTS, load = beside(__file__)
