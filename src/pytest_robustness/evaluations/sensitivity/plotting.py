"""The picture of a surface: the sampled points, what lies between them, and how much area has which accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.evaluations.pictures import picture_suffix, write_picture

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import NDArray

    from pytest_robustness.evaluations.sensitivity.surface import Surface

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pytest-robustness",
    "font.family": ["sans-serif"],
    "font.size": 9,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "text.parse_math": False,
}

FINE = 201
"""Places along an axis at which the interpolant is drawn and counted."""

CONTOURS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Accuracies with a thin line of their own, and a label."""

_BLUE, _MUTED, _DARK = "#2b62b8", "#5d6670", "#1c2127"


def plot_surface(surface: Surface, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draw a surface, and write the picture where a path is given; see `Surface.plot`."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    suffix = picture_suffix(path)
    with mpl.rc_context(STYLE):
        two = len(surface.names) == 2
        figure = Figure(figsize=(13.5, 4.2) if two else (9, 3.8), layout="constrained")
        panels(figure, surface)
        if path is not None:
            write_picture(figure, Path(path), suffix)
    return figure


def panels(figure: Figure | SubFigure, surface: Surface) -> None:
    """Draw the panels of a surface into a figure: three for two parameters, two for one."""
    if len(surface.names) == 1:
        profile, counts = figure.subplots(1, 2)
        _profile(profile, surface)
    else:
        sampled, between, counts = figure.subplots(1, 3)
        _sampled(sampled, surface)
        _between(figure, between, surface)
    _histogram(counts, surface)


def evenly(surface: Surface) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Return even axes that begin inside the box, not on an edge where the surface may jump, and the interpolant."""
    shares = (np.arange(FINE) + 0.5) / FINE
    axes = [low + shares * (high - low) for low, high in surface.ranges]
    return axes, surface.interpolated(*np.meshgrid(*axes, indexing="ij"))


def _sampled(axes: Axes, surface: Surface) -> None:
    first, second = surface.points.T
    size = 14 if len(surface.points) <= 1000 else 6
    dots = axes.scatter(second, first, c=surface.accuracies, cmap="cividis", vmin=0, vmax=1, s=size, linewidths=0)
    dots.set(clip_on=False, zorder=3)  # those at the ends of a range lie on the frame
    _mark(axes, surface)
    _label(axes, surface)
    axes.set_title(f"{len(surface.points):,} sampled points, {surface.n:,} images")


def _between(figure: Figure | SubFigure, axes: Axes, surface: Surface) -> None:
    from matplotlib.patheffects import withStroke

    (first, second), values = evenly(surface)
    mesh = axes.pcolormesh(second, first, values, cmap="cividis", vmin=0, vmax=1, shading="nearest", rasterized=True)
    lines = [share for share in CONTOURS if values.min() < share < values.max() and abs(share - surface.level) > 0.02]
    if lines:
        drawn = axes.contour(second, first, values, levels=lines, colors="white", linewidths=0.7)
        texts = axes.clabel(drawn, lines, fmt=lambda value: f"{100 * value:.0f} %", fontsize=8)
        for text in texts:
            text.set_path_effects([withStroke(linewidth=2, foreground=_DARK)])
    if values.min() < surface.level < values.max():
        axes.contour(second, first, values, levels=[surface.level], colors="black", linewidths=1.8)
    _mark(axes, surface)
    _label(axes, surface)
    circle = "; circle: unchanged" if surface.box.holds_identity else ""
    axes.set_title(f"between them; bold: {100 * surface.level:g} %{circle}")
    bar = figure.colorbar(mesh, ax=axes, format=lambda value, _: f"{100 * value:.0f} %")
    bar.outline.set_visible(False)


def _profile(axes: Axes, surface: Surface) -> None:
    values, (low, high) = surface.points[:, 0], surface.intervals().T
    axes.fill_between(values, low, high, color=_BLUE, alpha=0.2, linewidth=0)
    axes.plot(values, surface.accuracies, color=_BLUE, marker="o", markersize=3, linewidth=1.3)
    axes.axhline(surface.level, color=_MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.set(xlabel=axis_label(surface, 0), ylabel="accuracy", ylim=(0, 1))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
    axes.set_title(f"{len(values):,} sampled points, {surface.n:,} images")


def _histogram(axes: Axes, surface: Surface) -> None:
    _, values = evenly(surface)
    axes.hist(values.ravel(), bins=25, range=(0, 1), weights=np.full(values.size, 1 / values.size), color=_BLUE)
    mean, clean = (
        f"{name} {100 * value:.1f} %" for name, value in (("mean", surface.mean()), ("clean", surface.clean))
    )
    axes.axvline(surface.mean(), color="black", linewidth=1.2, label=mean)
    axes.axvline(surface.clean, color=_MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label=clean)
    axes.set(xlabel="accuracy", ylabel="share of the area", xlim=(0, 1))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
    axes.set_title("accuracy by area")
    axes.legend(frameon=False)


def _mark(axes: Axes, surface: Surface) -> None:
    if surface.identity is None:
        return
    (first, second), ranges = surface.identity, surface.ranges
    if all(low <= value <= high for value, (low, high) in zip(surface.identity, ranges, strict=True)):
        axes.plot(second, first, marker="o", markersize=6, color="white", markeredgecolor="black")


def _label(axes: Axes, surface: Surface) -> None:
    axes.set(xlabel=axis_label(surface, 1), ylabel=axis_label(surface, 0))
    axes.set(xlim=surface.ranges[1], ylim=surface.ranges[0])


def axis_label(surface: Surface, i: int) -> str:
    """Return the name of a parameter with its unit."""
    unit = surface.units[i] if surface.units else ""
    return surface.names[i].replace("_", " ") + (f" ({unit})" if unit else "")
