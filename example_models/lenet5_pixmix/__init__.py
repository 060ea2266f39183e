"""LeNet-5 trained with PixMix (Hendrycks et al. 2022, arXiv:2112.05135)."""

from example_models.lenet5 import beside

WEIGHTS, load = beside(__file__)
