"""LeNet-5 trained on mixed digits, then attacked by PGD at linf 0.2: MixUp then PGD."""

from example_models.lenet5 import beside

WEIGHTS, load = beside(__file__)
