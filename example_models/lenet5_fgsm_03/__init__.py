"""LeNet-5 trained by fast adversarial training (Wong et al. 2020, arXiv:2001.03994), linf 0.3."""

from example_models.lenet5 import beside

WEIGHTS, load = beside(__file__)
