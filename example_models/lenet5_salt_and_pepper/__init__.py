"""LeNet-5 trained on digits with pixels turned black and white, as the impulse noise of MNIST-C does."""

from example_models.lenet5 import beside

WEIGHTS, load = beside(__file__)
