"""Saliency maps by name."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import ParameterError, unknown_name
from pytest_robustness.saliency.gradients import Gradient, GradientTimesInput, IntegratedGradients, SmoothGrad
from pytest_robustness.saliency.occlusion import Occlusion

if TYPE_CHECKING:
    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.saliency.base import SaliencyMap

SALIENCY: dict[str, type[SaliencyMap]] = {
    "gradient": Gradient,
    "gradient-times-input": GradientTimesInput,
    "integrated-gradients": IntegratedGradients,
    "smoothgrad": SmoothGrad,
    "occlusion": Occlusion,
}


def make_map(kind: object, **options: Any) -> SaliencyMap:
    """Return a saliency map from its name and options, or a map of this package as it is.

    Raises
    ------
    ParameterError
        For an unknown map or option, naming the allowed ones, and for a value out of range.
    """
    if type(kind) in SALIENCY.values():
        if options:
            raise ParameterError("a saliency map brings its own options", got=sorted(options))
        return kind  # type: ignore[return-value]
    if not isinstance(kind, str) or kind not in SALIENCY:
        raise unknown_name("saliency map", kind, SALIENCY)
    known = [field.name for field in dataclasses.fields(SALIENCY[kind])]
    for name in options:
        if name not in known:
            raise unknown_name(f"option of the saliency map {kind!r}", name, known)
    return SALIENCY[kind](**options)


def map_for(classifier: Classifier) -> SaliencyMap:
    """Return the map for a classifier where none is asked for: the gradient, else occlusion.

    Raises
    ------
    CapabilityError
        Where the classifier gives labels only.
    """
    chosen: SaliencyMap = Gradient() if "gradients" in classifier.offers else Occlusion()
    chosen.check_fits(classifier)
    return chosen
