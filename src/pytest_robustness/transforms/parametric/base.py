"""What a transform with parameters is: names, limits, what leaves an image as it is, and how it is applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pytest_robustness.errors import DatasetError, ParameterError, check_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Floats = npt.NDArray[np.float32]
Levels = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a transform.

    Parameters
    ----------
    low, high : float
        Least and largest value that make sense.
    identity : float, optional
        The value that changes nothing; None where it is not known.
    unit : str
        What it is measured in, for axes of pictures.
    jumps : tuple of float
        Values at which the transform is not continuous: it has another limit from above. Surfaces look at both.
    """

    low: float
    high: float
    identity: float | None = None
    unit: str = ""
    jumps: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """A pure image function with one or more parameters.

    Parameters
    ----------
    name : str
    parameters : mapping of str to Parameter
    change : callable
        From float32 images (N, C, H, W) in [0, 1], a mapping of all values, a seed and the ids of the images, to images
        of the same shape, which are clipped to [0, 1]. It must not write to the images that it is given.
    curve : callable, optional
        The same for a transform that looks at each value of a pixel by itself: from levels (L,) in [0, 1], float64, and
        the values, to levels (L,).
    colors : bool
        Whether it needs images of three channels.
    """

    name: str
    parameters: Mapping[str, Parameter]
    change: Callable[[Floats, Mapping[str, float], int, Ids], npt.NDArray[Any]]
    curve: Callable[[Levels, Mapping[str, float]], Levels] | None = None
    colors: bool = False

    def __reduce__(self) -> Any:
        """Pickle by name where the transform is one of the registry, whose functions cannot be pickled."""
        from pytest_robustness.transforms.parametric.registry import TRANSFORMS

        if TRANSFORMS.get(self.name) is self:
            return _registered, (self.name,)
        return super().__reduce__()

    @property
    def identity(self) -> dict[str, float | None]:
        """The value of each parameter that changes nothing, where it is known."""
        return {name: parameter.identity for name, parameter in self.parameters.items()}

    def apply(
        self, images: npt.ArrayLike, *, seed: int = 0, ids: Iterable[int] | None = None, **values: float
    ) -> Floats:
        """Transform images.

        Parameters
        ----------
        images : array of uint8, or of floats in [0, 1], shape (N, C, H, W)
        seed : int
            Seed of the run, for noise.
        ids : iterable of int, length N, optional
            Identities of the images, to which noise belongs; 0 .. N - 1 by default.
        **values : float
            Parameters; those left out are at the value that changes nothing.

        Returns
        -------
        ndarray of float32 in [0, 1], the shape of `images`
            A new array.

        Raises
        ------
        ParameterError
            For an unknown parameter or a value outside its limits.
        DatasetError
            For images of another shape, or of one channel where three are needed.
        """
        pixels = np.asarray(images)
        self.check_shape(pixels.shape)
        chosen = self.full(values)
        numbers = np.arange(len(pixels)) if ids is None else np.asarray(list(ids), np.int64)
        return clipped(self.change(unit(pixels), chosen, seed, numbers))

    def full(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return a value for every parameter, those that are not given at what changes nothing."""
        for name, value in values.items():
            self.check_value(name, value)
        return {
            name: float(values[name]) if name in values else _known(name, parameter)
            for name, parameter in self.parameters.items()
        }

    def check_value(self, name: str, value: object, *, what: str = "") -> None:
        """Raise ParameterError for an unknown parameter, or a value outside its limits."""
        if name not in self.parameters:
            raise ParameterError(
                f"{self.name} has no such parameter", got=name, allowed=", ".join(self.parameters) or "none"
            )
        parameter = self.parameters[name]
        check_number(what or name, value, minimum=parameter.low)
        if float(value) > parameter.high:  # type: ignore[arg-type]
            allowed = f"{parameter.low:g} to {parameter.high:g}{parameter.unit and ' '}{parameter.unit}"
            raise ParameterError(f"{what or name} is out of range", got=value, allowed=allowed)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise DatasetError where images of this shape, (N, C, H, W), cannot be transformed."""
        if len(shape) != 4:
            raise DatasetError(f"{self.name} takes batches of images", got=shape, allowed="shape (N, C, H, W)")
        if self.colors and shape[1] != 3:
            raise DatasetError(
                f"{self.name} needs images with three channels, red, green and blue",
                got=f"{shape[1]} channel{'s' * (shape[1] != 1)}",
                mend="Grey images have no colours to change.",
            )


def unit(pixels: npt.NDArray[Any]) -> Floats:
    """Return images as float32 in [0, 1]; uint8 is divided by 255."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.float32) / np.float32(255)
    return pixels.astype(np.float32, copy=False)


def clipped(changed: npt.NDArray[Any]) -> Floats:
    """Return what a transform of this package made, within [0, 1]."""
    within: Floats = np.clip(changed, 0.0, 1.0).astype(np.float32, copy=False)
    return within


def _known(name: str, parameter: Parameter) -> float:
    if parameter.identity is None:
        raise ParameterError(f"{name} has no value that is known to change nothing", mend=f"Give {name} a value.")
    return parameter.identity


def _registered(name: str) -> Transform:
    from pytest_robustness.transforms.parametric.registry import TRANSFORMS

    return TRANSFORMS[name]
