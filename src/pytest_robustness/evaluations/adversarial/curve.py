"""Accuracy under attack as a function of the radius."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import (
    EvaluationError,
    ParameterError,
    check_confidence,
    check_number,
)
from pytest_robustness.evaluations.pictures import picture_suffix, write_picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd
    from matplotlib.figure import Figure

    from pytest_robustness.evaluations.measurement import Measurement


_INK, _MUTED, _LINE, _BLUE = "#1c2127", "#5d6670", "#e2e2dc", "#2b62b8"

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pytest-robustness",
    "font.family": ["sans-serif"],
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "text.parse_math": False,  # a dollar sign in the name of an attack is a dollar sign
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Accuracy under one attack at E radii, with an interval at each.

    Parameters
    ----------
    eps : tuple of float, length E
        Radii of the ball, in units of pixels in [0, 1]; ascending, 0 and above, at least one.
    accuracy, low, high : tuple of float, length E
        Share of the samples that are right at each radius, and the ends of its interval. The accuracy never rises
        with the radius: what is fooled inside a ball is fooled inside a larger one.
    n : int
        Number of samples, the same at every radius.
    confidence : float
        Level of the intervals, each by itself.
    norm, attack : str
        Norm of the ball and name of the attack.
    clean : float
        Accuracy at radius 0.
    faults : tuple of str
        Why the values must not be relied on: then `at` and `area` refuse to give any.

    Raises
    ------
    ParameterError
        If lengths differ, a number is out of its range, the radii do not ascend, or the accuracy rises.
    """

    eps: tuple[float, ...]
    accuracy: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n: int
    confidence: float
    norm: str
    attack: str
    clean: float
    faults: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no curve; make builtin numbers of all numbers."""
        check_number("n", self.n, minimum=1, whole=True)
        check_confidence(self.confidence)
        for name in ("norm", "attack"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise ParameterError(f"{name} must be a name", got=getattr(self, name))
        checked = {name: _numbers(name, getattr(self, name)) for name in ("accuracy", "low", "high")}
        checked |= {"eps": _numbers("eps", self.eps, largest=math.inf)}
        (clean,) = _numbers("clean", (self.clean,))
        numbers = {"clean": clean, "n": int(self.n), "confidence": float(self.confidence)}
        for name, value in (checked | numbers).items():
            object.__setattr__(self, name, value)
        lengths = {name: len(values) for name, values in checked.items()}
        if len(set(lengths.values())) > 1 or not self.eps:
            raise ParameterError("a curve needs as many values as radii, at least one", got=lengths)
        self._check_order()

    def _check_order(self) -> None:
        if any(a >= b for a, b in pairwise(self.eps)):
            raise ParameterError("the radii must ascend", got=self.eps)
        values = (self.clean, *self.accuracy)
        if any(a < b for a, b in pairwise(values)):
            mend = "The first is the clean one. A sample counts as fooled at every radius above one that fools it."
            raise ParameterError("the accuracy rises with the radius", got=values, mend=mend)
        if self.eps[0] == 0 and self.accuracy[0] != self.clean:
            raise ParameterError("the accuracy at radius 0 must be the clean one", got=self.accuracy[0])
        for eps, low, value, high in self._rows():
            if not low <= value <= high:
                raise ParameterError(f"the interval at radius {eps:g} does not hold {value:g}", got=(low, high))

    def at(self, eps: float) -> float:
        """Return the accuracy at a radius that was measured; 0 always was.

        Nothing is interpolated. Radii that differ by rounding only (1e-9 of their size) are the same.

        Raises
        ------
        ParameterError
            If the radius was not measured; the message names those that were.
        """
        check_number("eps", eps, minimum=0)
        self._check_sound()
        radii, values = self._with_clean()
        place = min(range(len(radii)), key=lambda i: abs(radii[i] - eps))
        if not math.isclose(radii[place], eps, rel_tol=1e-9):
            raise ParameterError(
                "no accuracy was measured at this radius", got=eps, allowed=map("{:.10g}".format, radii)
            )
        return values[place]

    def area(self) -> float:
        """Return the mean accuracy over radii from 0 to the largest, by the trapezoid rule from the clean accuracy on.

        Returns
        -------
        float
            In [0, 1]; 1 where nothing is ever fooled. Where 0 is the only radius, the clean accuracy.
        """
        self._check_sound()
        radii, values = self._with_clean()
        if radii[-1] == 0:
            return self.clean
        steps = zip(pairwise(radii), pairwise(values), strict=True)
        mean = math.fsum((b - a) / radii[-1] * (u + v) / 2 for (a, b), (u, v) in steps)
        return min(max(mean, values[-1]), self.clean)  # rounding aside, a mean lies between the ends

    def _check_sound(self) -> None:
        if self.faults:
            raise EvaluationError(f"the curve of {self.attack} cannot be relied on: {self.faults[0]}")

    def to_dataframe(self) -> pd.DataFrame:
        """Return one line for each radius, with the attack, norm, n and confidence in each: curves can be stacked."""
        import pandas as pd

        columns = {"eps": self.eps, "accuracy": self.accuracy, "low": self.low, "high": self.high}
        about = {"n": self.n, "confidence": self.confidence}
        return pd.DataFrame({"attack": self.attack, "norm": self.norm, **columns, **about})

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw accuracy over the radius with its intervals as a band, and write the picture where a path is given.

        Parameters
        ----------
        path : str or Path, optional
            The suffix picks the format: ``.png``, ``.svg`` or ``.pdf``. Missing folders are made.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ParameterError
            For another suffix.
        ConfigurationError
            Where the file cannot be written.
        """
        import matplotlib as mpl

        suffix = picture_suffix(path)
        with mpl.rc_context(_STYLE):
            figure = self._figure()
            if path is not None:
                write_picture(figure, Path(path), suffix, dpi=200)
        return figure

    def __str__(self) -> str:
        """Return a table of at most 80 columns, headed by what was attacked with what."""
        from tabulate import tabulate

        if self.faults:
            return f"{self._title()}: cannot be relied on: {self.faults[0]}"
        head = f"{self._title()}: clean {self.clean:.4f}, mean {self.area():.4f} up to eps {self.eps[-1]:.6g}"
        rows = [(eps, value, f"[{low:.4f}, {high:.4f}]") for eps, low, value, high in self._rows()]
        table = tabulate(
            rows, headers=("eps", "accuracy", self._level()), tablefmt="plain", floatfmt=(".6g", ".4f", "")
        )
        return f"{textwrap.fill(head, 80)}\n{table}"

    def _title(self) -> str:
        return f"{self.attack} {self.norm}, {self.n:,} images"

    def _level(self) -> str:
        return f"{100 * self.confidence:.6g} % interval"

    def _rows(self) -> Iterator[tuple[float, float, float, float]]:
        return zip(self.eps, self.low, self.accuracy, self.high, strict=True)

    def _with_clean(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return radii and accuracies, from radius 0 on."""
        if self.eps[0] == 0:
            return self.eps, self.accuracy
        return (0.0, *self.eps), (self.clean, *self.accuracy)

    def _figure(self) -> Figure:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.2, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.fill_between(self.eps, self.low, self.high, color=_BLUE, alpha=0.2, linewidth=0, label=self._level())
        axes.vlines(self.eps, self.low, self.high, color=_BLUE, alpha=0.4, linewidth=1.2, clip_on=False)
        axes.plot(*self._with_clean(), color=_BLUE, marker="o", markersize=3, linewidth=1.3, clip_on=False, zorder=3)
        axes.set(title=self._title(), xlabel=f"eps ({self.norm} distance, pixels in [0, 1])", ylabel="accuracy")
        axes.set(xlim=(0, self.eps[-1] or None), ylim=(0, 1))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
        axes.grid(axis="y", color=_LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(frameon=False)
        return figure


def curve_of(measurement: Measurement) -> Curve:
    """Return the curve of an `AdversarialAccuracy` that was measured at several radii.

    Raises
    ------
    ParameterError
        Where it was measured at one radius only, or is no adversarial accuracy.
    """
    parts = [part for part in measurement.parts if part.name.startswith("eps=")]
    if not parts:
        raise ParameterError(
            "the measurement is no curve", got=measurement.name, mend="Give several radii: eps=(0.05, 0.1, 0.2)."
        )
    return Curve(
        eps=tuple(measurement.parameters["eps"]),
        accuracy=tuple(part.value for part in parts),
        low=tuple(part.low for part in parts),
        high=tuple(part.high for part in parts),
        n=measurement.n,
        confidence=measurement.confidence,
        norm=str(measurement.parameters.get("norm", "linf")),
        attack=str(measurement.parameters["attack"]),
        clean=next(part.value for part in measurement.parts if part.name == "clean"),
        faults=measurement.faults,
    )


def _numbers(name: str, values: Iterable[Any], *, largest: float = 1) -> tuple[float, ...]:
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise ParameterError(f"{name} must be a sequence of numbers", got=values)
    numbers = tuple(values)
    for value in numbers:
        check_number(name, value, minimum=0)
        if value > largest:
            raise ParameterError(f"{name} is out of range", got=value, allowed=f"0 to {largest:g}")
    return tuple(float(value) for value in numbers)
