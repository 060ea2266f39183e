"""LeNet-5 trained with CutOut (DeVries and Taylor 2017, arXiv:1708.04552)."""

from example_models.lenet5 import beside

WEIGHTS, load = beside(__file__)
