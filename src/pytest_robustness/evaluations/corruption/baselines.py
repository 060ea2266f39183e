"""Errors of models that come with this package, for use as reference models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Baseline:
    """How many of `n` images a model gets wrong.

    Parameters
    ----------
    data : str
        Images that it was measured on.
    n : int
        Their number.
    clean : int
        Errors without corruption.
    errors : mapping
        Suite to corruption to the errors at each level of severity; one number where the suite has one level.
    """

    data: str
    n: int
    clean: int
    errors: Mapping[str, Mapping[str, tuple[int, ...]]]


_LENET5: dict[str, dict[str, tuple[int, ...]]] = {
    "mnist-c": {
        "shot_noise": (185,),
        "impulse_noise": (888,),
        "glass_blur": (498,),
        "motion_blur": (641,),
        "shear": (241,),
        "scale": (530,),
        "rotate": (746,),
        "brightness": (2441,),
        "translate": (4577,),
        "stripe": (1459,),
        "fog": (4838,),
        "spatter": (238,),
        "dotted_line": (277,),
        "zigzag": (1183,),
        "canny_edges": (3244,),
    },
    "mnist-c-generated": {
        "shot_noise": (198,),
        "impulse_noise": (908,),
        "glass_blur": (530,),
        "motion_blur": (628,),
        "shear": (263,),
        "scale": (530,),
        "rotate": (774,),
        "brightness": (2441,),
        "translate": (4520,),
        "stripe": (1459,),
        "fog": (4883,),
        "spatter": (233,),
        "dotted_line": (260,),
        "zigzag": (1161,),
        "canny_edges": (3244,),
    },
    "common": {
        "gaussian_noise": (88, 94, 91, 95, 101),
        "shot_noise": (87, 89, 91, 89, 92),
        "impulse_noise": (103, 120, 134, 166, 234),
        "defocus_blur": (83, 87, 92, 97, 107),
        "glass_blur": (177, 177, 167, 714, 611),
        "motion_blur": (96, 153, 255, 255, 390),
        "zoom_blur": (98, 108, 128, 139, 175),
        "snow": (91, 89, 113, 153, 158),
        "frost": (101, 113, 154, 165, 217),
        "fog": (93, 152, 340, 697, 1911),
        "brightness": (86, 92, 106, 129, 313),
        "contrast": (87, 98, 100, 138, 893),
        "elastic_transform": (554, 400, 271, 269, 247),
        "pixelate": (96, 95, 108, 107, 115),
        "jpeg_compression": (89, 84, 88, 88, 83),
    },
}

BASELINES: dict[str, Baseline] = {"lenet5": Baseline(data="mnist", n=10_000, clean=88, errors=_LENET5)}
"""Baselines by name.

``lenet5`` is the model of ``example_models/lenet5`` in the repository, measured with `CorruptionAccuracy` on the 10,000
MNIST test images: ``mnist-c`` on files that the published generator made, the others with seed 0 as they are made here.
"""
