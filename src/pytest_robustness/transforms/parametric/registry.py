"""The transforms by name, and the parameters by name: no two transforms share one."""

from __future__ import annotations

from pytest_robustness.transforms.parametric import functions
from pytest_robustness.transforms.parametric.base import Parameter, Transform

TRANSFORMS: dict[str, Transform] = {
    transform.name: transform
    for transform in (
        Transform(
            name="geometry",
            parameters={
                "rotation": Parameter(low=-7.0, high=7.0, identity=0.0, unit="radians, counter-clockwise"),
                "translation_x": Parameter(low=-1e4, high=1e4, identity=0.0, unit="pixels to the right"),
                "translation_y": Parameter(low=-1e4, high=1e4, identity=0.0, unit="pixels down"),
                "scale": Parameter(low=0.01, high=100.0, identity=1.0, unit="times as large"),
                "shear": Parameter(low=-1.5, high=1.5, identity=0.0, unit="radians"),
            },
            change=functions.geometry,
        ),
        Transform(
            name="gaussian_blur",
            parameters={"blur": Parameter(low=0.0, high=1e3, identity=0.0, unit="sigma in pixels")},
            change=functions.gaussian_blur,
        ),
        Transform(
            name="saturation",
            parameters={"saturation": Parameter(low=0.0, high=100.0, identity=1.0)},
            change=functions.saturation,
            colors=True,
        ),
        Transform(
            name="gamma_brightness",
            parameters={
                # At 0 itself black turns white, as numpy has it: 0 ** 0 = 1. Just above, it stays black.
                "gamma": Parameter(low=0.0, high=1e3, identity=1.0, jumps=(0.0,)),
                "brightness": Parameter(low=-1.0, high=1.0, identity=0.0, unit="added"),
            },
            change=functions.by_curve(functions.gamma_brightness_curve),
            curve=functions.gamma_brightness_curve,
        ),
        Transform(
            name="contrast",
            parameters={"contrast": Parameter(low=0.0, high=1e3, identity=1.0, unit="times, about the middle grey")},
            change=functions.by_curve(functions.contrast_curve),
            curve=functions.contrast_curve,
        ),
        Transform(
            name="occlusion",
            parameters={"occlusion": Parameter(low=0.0, high=1e4, identity=0.0, unit="side in pixels")},
            change=functions.occlusion,
        ),
        Transform(
            name="gaussian_noise",
            parameters={"gaussian_noise": Parameter(low=0.0, high=100.0, identity=0.0, unit="sigma")},
            change=functions.gaussian_noise,
        ),
        Transform(
            name="salt_and_pepper",
            parameters={"salt_and_pepper": Parameter(low=0.0, high=1.0, identity=0.0, unit="share of the pixels")},
            change=functions.salt_and_pepper,
        ),
    )
}
"""In the order in which two of them are applied, whichever is named first: what moves things, what the lens does, what
the exposure does, what lies in front, and the noise of the sensor."""

PARAMETERS: dict[str, Transform] = {
    name: transform for transform in TRANSFORMS.values() for name in transform.parameters
}
"""The transform that each parameter belongs to."""
