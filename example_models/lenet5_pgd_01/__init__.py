"""LeNet-5 trained on digits attacked by PGD (Madry et al. 2018, arXiv:1706.06083), linf 0.1."""

from example_models.lenet5 import beside

WEIGHTS, load = beside(__file__)
