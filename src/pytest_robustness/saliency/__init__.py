"""Which pixels a classifier looks at: saliency maps, the order that they put pixels in, and masks."""

from pytest_robustness.saliency.base import SaliencyMap
from pytest_robustness.saliency.gradients import Gradient, GradientTimesInput, IntegratedGradients, SmoothGrad
from pytest_robustness.saliency.masking import (
    MASKS,
    as_mask,
    ink_first,
    ink_of,
    masked,
    most_salient_first,
    number_of_pixels,
    pixel_saliency,
)
from pytest_robustness.saliency.occlusion import Occlusion
from pytest_robustness.saliency.registry import SALIENCY, make_map, map_for

__all__ = [
    "MASKS",
    "SALIENCY",
    "Gradient",
    "GradientTimesInput",
    "IntegratedGradients",
    "Occlusion",
    "SaliencyMap",
    "SmoothGrad",
    "as_mask",
    "ink_first",
    "ink_of",
    "make_map",
    "map_for",
    "masked",
    "most_salient_first",
    "number_of_pixels",
    "pixel_saliency",
]
