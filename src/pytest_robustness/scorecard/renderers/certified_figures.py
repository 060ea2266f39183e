"""Pictures of certificates: the certified accuracy over the radius."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_robustness.evaluations.pictures import picture_suffix, write_picture
from pytest_robustness.scorecard.renderers.figures import BLUE, MUTED, percent_axes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pytest_robustness.scorecard.rows import Row

TITLE = "Certified accuracy over the radius"

UNITS = {"l0": "pixels changed (L0 radius)", "l2": "L2 radius, of pixels in [0, 1]"}

VALUES = "values changed (L0 radius)"
"""The unit in L0 for images of several channels, of which a pixel is as many values."""

_SIZE = (5.2, 3.2)

_BLUE, _GREY = "#2b62b8", "#5d6670"


def certified(row: Row) -> Figure:
    """Draw the curve of a row of several radii."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    _curve(figure.subplots(), row.details["certificates"], blue=BLUE, grey=MUTED)
    return figure


def draw_certified(found: Mapping[str, Any], path: Path | None = None) -> Figure:
    """Draw the certified accuracy at each radius with its interval over the images.

    Parameters
    ----------
    found : mapping
        ``measurement.details["certificates"]`` of a `CertifiedAccuracy`.
    path : Path, optional
        ``.png``, ``.svg`` or ``.pdf``. Missing folders are made.

    Raises
    ------
    ParameterError, ConfigurationError
        Where the picture cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    suffix = picture_suffix(path)
    with mpl.rc_context({"svg.hashsalt": "pytest-robustness", "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        _curve(axes, found, blue=_BLUE, grey=_GREY)
        draws = f"{'at most ' if found['sequential'] else ''}{found['noise_n']:,} draws an image"
        axes.set_title(f"{found['noise']}, {draws}", fontsize=9, color=_GREY, loc="left")
        if path is not None:
            write_picture(figure, path, suffix)
    return figure


def _curve(axes: Axes, found: Mapping[str, Any], *, blue: str, grey: str) -> None:
    from matplotlib.ticker import MaxNLocator

    radii, accuracy = found["radii"], found["accuracy"]
    axes.fill_between(radii, found["low"], found["high"], color=blue, alpha=0.16, linewidth=0)
    axes.plot(radii, accuracy, color=blue, marker="o", markersize=3.5, linewidth=1.4)
    if found["mean_radius"] is not None and radii[0] <= found["mean_radius"] <= radii[-1]:
        place = (found["mean_radius"], 0.95)
        axes.axvline(place[0], color=grey, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.annotate(f"mean {place[0]:.3g}", place, (4, 0), textcoords="offset points", color=grey, fontsize=8)
    unit = VALUES if found["norm"] == "l0" and found.get("channels", 1) > 1 else UNITS[found["norm"]]
    axes.set(xlabel=unit, ylabel="certified accuracy", ylim=(0, 1.01))
    if len(radii) == 1:
        # A band has no width there.
        axes.vlines(radii, found["low"], found["high"], color=blue, alpha=0.4, linewidth=3)
        axes.set_xticks(radii)
    elif found["norm"] == "l0":
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    percent_axes(axes.yaxis)
