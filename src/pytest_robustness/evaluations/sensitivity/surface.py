"""The surface itself: sampled points with their accuracies, what lies between them, a table, files and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import ConfigurationError, ParameterError, unknown_name
from pytest_robustness.evaluations.sensitivity.box import Box
from pytest_robustness.evaluations.sensitivity.interpolation import interpolator, smooth_interpolator
from pytest_robustness.evaluations.sensitivity.mesh import grid_mesh, triangle_mesh
from pytest_robustness.metrics import binomial_interval

if TYPE_CHECKING:
    import os

    import pandas as pd
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from pytest_robustness.evaluations.measurement import Measurement
    from pytest_robustness.evaluations.sensitivity.box import Axes

FORMATS = (".npz", ".csv")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """Accuracy at P points of a box of D = 1 or 2 parameters.

    Parameters
    ----------
    names : tuple of str, length D
        The parameters.
    ranges : tuple of (float, float), length D
        The box.
    points : ndarray, shape (P, D)
        The first parameter changes slowest.
    accuracies : ndarray, shape (P,)
    axes : tuple of tuple of float, or None
        Of the grid that the points lie on; None where they are scattered.
    n : int
        Images at every point.
    confidence : float
        Level of the intervals, each by itself.
    level : float
        The accuracy that was asked for.
    clean : float
        Accuracy of the unchanged images.
    identity : tuple of float, or None
        The point that changes nothing, where it is known.
    units : tuple of str, length D
    """

    names: tuple[str, ...]
    ranges: tuple[tuple[float, float], ...]
    points: NDArray[np.float64]
    accuracies: NDArray[np.float64]
    axes: Axes | None
    n: int
    confidence: float
    level: float
    clean: float
    identity: tuple[float, ...] | None = None
    units: tuple[str, ...] = ()

    @property
    def box(self) -> Box:
        """The box as the samplers see it."""
        return Box(self.names, self.ranges, self.identity, (False,) * len(self.names))

    def interpolated(self, *places: Any, smooth: bool = True) -> NDArray[np.float64]:
        """Return the accuracy between the points.

        Parameters
        ----------
        *places : array_like
            Values of each parameter, of shapes that fit each other.
        smooth : bool
            Whether points on a grid are joined by monotone cubics, which have about two thirds of the error; else it
            is the bilinear interpolant that the metrics are of. Along gamma the cubics are those of its logarithm.
            Between scattered points it is linear in triangles.

        Returns
        -------
        ndarray
            At the points themselves their accuracies, between them nothing outside the range of the neighbours.

        Raises
        ------
        ParameterError
            For another number of parameters, or places outside the box.
        """
        if len(places) != len(self.names):
            raise ParameterError("a value is needed for each parameter", got=len(places), allowed=", ".join(self.names))
        values = np.broadcast_arrays(*(np.asarray(place, np.float64) for place in places))
        for name, (low, high), value in zip(self.names, self.ranges, values, strict=True):
            if not ((value >= low) & (value <= high)).all():
                raise ParameterError(f"{name} lies outside the box", got=value.tolist(), allowed=f"{low:g} to {high:g}")
        stacked = np.stack(values, axis=-1)
        if smooth and self.axes is not None:
            return smooth_interpolator(self.axes, self.accuracies, self.names)(stacked)
        return interpolator(self.box, self.points, self.accuracies, self.axes)(stacked)

    def mean(self) -> float:
        """Return the mean of the bilinear interpolant over the box: weighted by area."""
        points = self.points
        mesh = triangle_mesh(points, self.box) if self.axes is None else grid_mesh(self.axes)
        return float(mesh.weights(len(points)) @ self.accuracies)

    def intervals(self) -> NDArray[np.float64]:
        """Return the exact interval at each point, shape (P, 2)."""
        counts = np.rint(self.accuracies * self.n).astype(int)
        ends = {int(k): binomial_interval(int(k), self.n, confidence=self.confidence) for k in np.unique(counts)}
        return np.array([ends[int(k)] for k in counts])

    def to_dataframe(self) -> pd.DataFrame:
        """Return one line for each point: its parameters, the accuracy with its interval, and n."""
        import pandas as pd

        low, high = self.intervals().T
        columns = {name: self.points[:, i] for i, name in enumerate(self.names)}
        return pd.DataFrame({**columns, "accuracy": self.accuracies, "low": low, "high": high, "n": self.n})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the points and accuracies to a small file.

        Parameters
        ----------
        path : str or path
            ``.npz`` with ``points`` (P, D), ``accuracy`` (P,), ``low``, ``high``, ``names``, ``ranges``, ``n``,
            ``confidence`` and ``clean``; or ``.csv`` with the lines of `to_dataframe`. Missing folders are made.

        Raises
        ------
        ParameterError
            For another suffix.
        ConfigurationError
            Where the file cannot be written.
        """
        target = Path(path)
        if target.suffix.lower() not in FORMATS:
            raise unknown_name("format of a surface", str(path), FORMATS)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.suffix.lower() == ".csv":
                self.to_dataframe().to_csv(target, index=False)
            else:
                with target.open("wb") as file:
                    np.savez_compressed(file, allow_pickle=False, **self._arrays())
        except OSError as error:
            raise ConfigurationError(
                "the surface cannot be written", got=str(target), mend=f"{error.strerror}."
            ) from error

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw the points by their accuracy, the interpolant with contours, and a histogram of it by area.

        Parameters
        ----------
        path : str or path, optional
            Where to write the picture: ``.png``, ``.svg`` or ``.pdf``. Missing folders are made.

        Raises
        ------
        ParameterError
            For another suffix.
        ConfigurationError
            Where the file cannot be written.
        """
        from pytest_robustness.evaluations.sensitivity.plotting import plot_surface

        return plot_surface(self, path)

    def _arrays(self) -> dict[str, Any]:
        low, high = self.intervals().T
        numbers = {"n": self.n, "confidence": self.confidence, "clean": self.clean}
        return {
            "points": self.points,
            "accuracy": self.accuracies,
            "low": low,
            "high": high,
            "names": np.array(self.names),
            "ranges": np.array(self.ranges),
            **{name: np.array(value) for name, value in numbers.items()},
        }


def surface_of(measurement: Measurement) -> Surface:
    """Return the surface that a `Sensitivity` measured.

    Raises
    ------
    ParameterError
        Where it is the measurement of something else, or a further metric of a surface and not its mean.
    """
    details = measurement.details
    if measurement.family != "sensitivity" or "axes" not in details:
        raise ParameterError(
            "the measurement holds no surface",
            got=measurement.name,
            allowed="what measuring Sensitivity(...) returns, which is the mean",
        )
    axes: Axes | None = tuple(tuple(axis) for axis in details["axes"])
    points = np.stack(np.meshgrid(*(axes or ()), indexing="ij"), axis=-1).reshape(-1, len(details["axes"]))
    accuracies = np.array(details["accuracy"], np.float64).ravel()
    ranges = tuple((float(axis[0]), float(axis[-1])) for axis in details["axes"])
    if "points" in details:
        axes, points, accuracies = None, np.array(details["points"]), np.array(details["accuracies"])
    identity = details["identity"]
    return Surface(
        names=tuple(details["parameters"]),
        ranges=ranges,
        points=points,
        accuracies=accuracies,
        axes=axes,
        n=measurement.n,
        confidence=measurement.confidence,
        level=details["level"],
        clean=details["clean"],
        identity=None if identity is None else tuple(identity),
        units=tuple(details["units"]),
    )
