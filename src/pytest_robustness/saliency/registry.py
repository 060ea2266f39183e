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
    from pytest_robustness.saliency.masking import Mask

SALIENCY: dict[str, type[SaliencyMap]] = {
    "gradient": Gradient,
    "gradient-times-input": GradientTimesInput,
    "integrated-gradients": IntegratedGradients,
    "smoothgrad": SmoothGrad,
    "occlusion": Occlusion,
}


AUTO_STEPS = 8
"""Steps of the integrated gradients that are used where no map is asked for: more of them find hardly more."""


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
    for name in options:
        if name not in options_of(kind):
            raise _unknown_option(kind, name)
    return SALIENCY[kind](**options)


def options_of(kind: str) -> list[str]:
    """Return the names of the options of a map."""
    return [field.name for field in dataclasses.fields(SALIENCY[kind])]


def maps_with(option: str) -> list[str]:
    """Return the names of the maps that have an option."""
    return [kind for kind in SALIENCY if option in options_of(kind)]


def _unknown_option(kind: str, name: str) -> ParameterError:
    others = maps_with(name)
    mend = f"{name} is an option of {' and '.join(others)}." if others else ""
    if known := options_of(kind):
        return unknown_name(f"option of the saliency map {kind!r}", name, known, mend=mend)
    return ParameterError(f"the saliency map {kind!r} has no options", got=name, mend=mend)


def map_for(classifier: Classifier, mask: Mask = 0.0) -> SaliencyMap:
    """Return the map for a classifier and a mask where none is asked for: integrated gradients, else occlusion.

    What masking will cost is what is asked for, so both start from the mask: the line of the gradients begins there,
    the patches are covered with it. A plain gradient says how the score moves with a pixel, whether or not the mask
    moves that pixel: of networks for digits, masked with 0, most of its largest values lie where the image is 0 anyway.

    Raises
    ------
    CapabilityError
        Where the classifier gives labels only.
    """
    scored = "gradients" in classifier.offers
    chosen = IntegratedGradients(steps=AUTO_STEPS, baseline=mask) if scored else Occlusion(value=mask)
    chosen.check_fits(classifier)
    return chosen
