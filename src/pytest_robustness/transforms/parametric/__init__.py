"""Transforms with parameters that can be turned up and down: what accuracy surfaces are drawn over."""

from pytest_robustness.transforms.parametric.base import Parameter, Transform
from pytest_robustness.transforms.parametric.custom import function_name, own_transform, refuse_taken_names
from pytest_robustness.transforms.parametric.purity import check_pure, stay_unchanged, telling_images
from pytest_robustness.transforms.parametric.registry import PARAMETERS, TRANSFORMS

__all__ = [
    "PARAMETERS",
    "TRANSFORMS",
    "Parameter",
    "Transform",
    "check_pure",
    "function_name",
    "own_transform",
    "refuse_taken_names",
    "stay_unchanged",
    "telling_images",
]
