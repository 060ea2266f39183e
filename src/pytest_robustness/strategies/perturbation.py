"""A perturbation: one change of images or several in a row, as a value that prints as the code that makes it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pytest_robustness.errors import ParameterError, check_number, unknown_name
from pytest_robustness.strategies.table import NAMED, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from pytest_robustness.strategies.change import Change


class Step(NamedTuple):
    """One transform of a perturbation with a value for each of its parameters."""

    transform: str | Change
    values: tuple[tuple[str, float], ...]

    def __repr__(self) -> str:
        """Show the code that makes the step."""
        return f"({named(self.transform).code}, {self.moved!r})"

    @property
    def moved(self) -> dict[str, float]:
        """The parameters that are not at the value that changes nothing."""
        limits = named(self.transform).parameters
        return {name: value for name, value in self.values if value != limits[name][2]}


@dataclass(frozen=True, repr=False)
class Perturbation:
    """Transforms with their values, applied one after the other; called with images, it returns changed ones.

    It prints as the code that makes it, which is all that is needed to meet the same change again.

    Parameters
    ----------
    steps : sequence of (transform, values)
        The name of a transform, or a transform, with a mapping of parameter to value; parameters left out change
        nothing. Steps that change nothing are left out, so that the identity is ``Perturbation()``.
    seed : int
        Of the noise, which follows the id of an image.

    Raises
    ------
    ParameterError
        For a transform or a parameter that is not known, and for a value out of its range.
    """

    steps: tuple[Step, ...] = ()
    seed: int = 0

    def __init__(self, steps: Iterable[tuple[Any, Any]] = (), seed: int = 0) -> None:
        check_number("seed", seed, minimum=0, whole=True)
        made = [_checked_step(step) for step in steps]
        object.__setattr__(self, "steps", tuple(step for step in made if _distance(step) > 0))
        object.__setattr__(self, "seed", seed)

    def __repr__(self) -> str:
        """Show the code that makes it."""
        inside = f"[{', '.join(map(repr, self.steps))}]" if self.steps else ""
        seed = f"seed={self.seed}" if self.seed else ""
        return f"Perturbation({', '.join(filter(None, [inside, seed]))})"

    @property
    def magnitude(self) -> float:
        """How far it is from the identity: over all parameters, the sum of their shares of the way to the far end.

        0 changes nothing; 1 is one parameter at the end of its range that is farther from the identity.
        """
        return math.fsum(_distance(step) for step in self.steps)

    def __call__(self, images: ArrayLike, *, ids: Iterable[int] | None = None) -> NDArray[Any]:
        """Return changed images, a new array of the same shape and type.

        Parameters
        ----------
        images : array of shape (N, C, H, W) or (N, H, W)
            uint8, or floats in [0, 1]. 8-bit images are changed as floats and rounded once, at the end.
        ids : iterable of int, optional
            Identities of the images in their data set, the keys of their noise; by default 0 to N - 1.

        Raises
        ------
        ParameterError
            For arrays that are no images, and for a function that returns something else than images in [0, 1].
        DatasetError
            For grey images where a transform needs colours.
        """
        given = _checked_images(images)
        if not self.steps:
            return given.copy()
        keys = np.arange(len(given)) if ids is None else np.asarray(list(ids))
        if len(keys) != len(given):
            raise ParameterError("there must be one id for each image", got=len(keys), allowed=str(len(given)))
        batch = given[:, None] if given.ndim == 3 else given
        pixels = batch.astype(np.float32) / np.float32(255 if given.dtype == np.uint8 else 1)
        for step in self.steps:
            pixels = named(step.transform).apply(pixels, seed=self.seed, ids=keys, **dict(step.values))
        if given.dtype == np.uint8:
            pixels = np.rint(pixels * np.float32(255))
        return pixels.reshape(given.shape).astype(given.dtype)


def _checked_step(step: object) -> Step:
    if not isinstance(step, tuple | list) or len(step) != 2:
        raise ParameterError("a step must be a transform with its values", got=step, allowed="('gamma', {'gamma': 2})")
    transform = named(step[0])
    # Names stand in quotes; the user's own function may be called like one of them.
    if (key := transform.name[1:-1] if transform.name.startswith("'") else "") in NAMED:
        transform = NAMED[key]  # whatever ranges it was searched over
    try:
        given = dict(step[1])
    except (TypeError, ValueError):
        allowed = "a mapping of parameter to value"
        raise ParameterError(f"the values of {transform.name} are no mapping", got=step[1], allowed=allowed) from None
    for name in given:
        if name not in transform.parameters:
            raise unknown_name(f"parameter of the transform {transform.name}", name, transform.parameters)
    values = {name: given.get(name, limits[2]) for name, limits in transform.parameters.items()}
    for name, value in values.items():
        low, high = transform.allowed(name)
        if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) <= high:
            raise ParameterError(
                f"{name} of the transform {transform.name} is out of range",
                got=value,
                allowed=f"{low:g} to {high:g}",
            )
    return Step(key if key in NAMED else transform, tuple((name, float(value)) for name, value in values.items()))


def _distance(step: Step) -> float:
    limits = named(step.transform).parameters
    return math.fsum(abs(value - limits[name][2]) / widest(limits, name) for name, value in step.values)


def widest(limits: Mapping[str, tuple[float, float, float]], name: str) -> float:
    """Return how far the farther end of a parameter's range is from its identity."""
    low, high, identity = limits[name]
    return max(high - identity, identity - low)


def _checked_images(images: ArrayLike) -> NDArray[Any]:
    given = np.asarray(images)
    if given.dtype != np.uint8 and not np.issubdtype(given.dtype, np.floating):
        raise ParameterError("images have a type that holds no pixels", got=str(given.dtype), allowed="uint8 or floats")
    if given.ndim not in (3, 4):
        raise ParameterError(
            "images have an impossible shape",
            got=given.shape,
            allowed="(N, C, H, W) or (N, H, W)",
            mend="Give one image as images[:1].",
        )
    if given.size and not (given.min() >= 0 and (given.dtype == np.uint8 or given.max() <= 1)):
        mend = "Divide by 255 where the pixels are 8-bit values."
        raise ParameterError("pixels lie outside [0, 1]", got=f"{given.min()} to {given.max()}", mend=mend)
    return given
