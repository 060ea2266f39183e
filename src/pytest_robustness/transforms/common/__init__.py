"""The common corruptions of ImageNet-C and CIFAR-10-C: noise, blur, weather and digital, at five severities."""

from pytest_robustness.transforms.common.corruptions import COMMON, SEVERITIES, corrupt_common

__all__ = ["COMMON", "SEVERITIES", "corrupt_common"]
