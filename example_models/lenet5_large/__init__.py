"""LeNet-5 with four times the maps and units: 24, 64, 480 and 336."""

from functools import partial

from example_models.lenet5 import LeNet5, beside

make = partial(LeNet5, width=4)
WEIGHTS, load = beside(__file__, make)
