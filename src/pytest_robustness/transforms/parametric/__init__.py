"""Transforms with parameters that can be turned up and down: what accuracy surfaces are drawn over."""

from pytest_robustness.transforms.parametric.base import Parameter, Transform
from pytest_robustness.transforms.parametric.custom import own_transform
from pytest_robustness.transforms.parametric.registry import PARAMETERS, TRANSFORMS

__all__ = ["PARAMETERS", "TRANSFORMS", "Parameter", "Transform", "own_transform"]
