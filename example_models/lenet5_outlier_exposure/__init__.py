"""LeNet-5, then tuned by outlier exposure to letters and noise."""

from example_models.lenet5 import beside

WEIGHTS, load = beside(__file__)
