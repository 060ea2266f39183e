"""LeNet-5 trained on digits attacked by PGD at linf 0.2, then given a hole: PGD then CutOut."""

from example_models.lenet5 import beside

WEIGHTS, load = beside(__file__)
