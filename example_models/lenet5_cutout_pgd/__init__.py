"""LeNet-5 trained on digits with a hole, then attacked by PGD at linf 0.2: CutOut then PGD."""

from example_models.lenet5 import beside

WEIGHTS, load = beside(__file__)
