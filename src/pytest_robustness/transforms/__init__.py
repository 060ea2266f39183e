"""Pure image functions over a batch: grey values, noise, geometry, the corruptions of MNIST-C, and keyed randomness."""

from pytest_robustness.transforms.corruptions import CORRUPTIONS, MNIST_C, corrupt
from pytest_robustness.transforms.photometric import gamma_brightness, gamma_brightness_table
from pytest_robustness.transforms.random import sample_generator, sample_normal, sample_uniform

__all__ = [
    "CORRUPTIONS",
    "MNIST_C",
    "corrupt",
    "gamma_brightness",
    "gamma_brightness_table",
    "sample_generator",
    "sample_normal",
    "sample_uniform",
]
