"""Figures of measurements: a row in, a matplotlib figure out (never pyplot, which keeps global state).

Colours are placeholders that `pictures` replaces by variables of the page, so that one picture suits light and dark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pytest_robustness.scorecard.format import one_line, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pytest_robustness.scorecard.rows import Row

INK, MUTED, LINE, BLUE, ORANGE, PAPER = "#010101", "#010102", "#010103", "#010104", "#010105", "#010106"

_WIDTH = 5.2  # inches, of every picture, so that text has one size in all of them


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def surface(row: Row) -> Figure:
    """Draw accuracy over one or two parameters, with contours, the asked level and the untouched image marked."""
    import numpy as np

    names, (first, *more), identity = _surface_axes(row.details)
    accuracy = np.asarray(row.details["accuracy"], float)  # (first parameter, second parameter)
    figure = _figure(_WIDTH, 4.2)
    axes = figure.subplots()
    if not more or 1 in accuracy.shape:
        varied = 1 if more and len(first) == 1 else 0
        return _profile(figure, axes, names[varied], (first, *more)[varied], accuracy)
    (second,) = more
    shading: Literal["gouraud", "nearest"] = "gouraud" if np.isfinite(accuracy).all() else "nearest"
    mesh = axes.pcolormesh(second, first, accuracy, cmap="cividis", vmin=0, vmax=1, shading=shading, rasterized=True)
    _contours(axes, second, first, accuracy, row.details.get("level"))
    if identity and second.min() <= identity[1] <= second.max() and first.min() <= identity[0] <= first.max():
        place = (identity[1], identity[0])
        axes.plot(*place, marker="o", markersize=6, color="white", markeredgecolor="black")
        box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "alpha": 0.8, "linewidth": 0}
        axes.annotate("unchanged", place, (8, 6), textcoords="offset points", color="black", fontsize=8, bbox=box)
    if names[0] == "gamma":
        _gamma_axis(axes, first)
    axes.set(xlabel=_parameter_label(names[1]), ylabel=_parameter_label(names[0]))
    axes.locator_params(axis="x", nbins=6)
    bar = figure.colorbar(
        mesh, ax=axes, shrink=0.9, aspect=28, pad=0.02, format=lambda value, _: f"{100 * value:.0f} %"
    )
    bar.outline.set_visible(False)
    return figure


def _surface_axes(details: dict[str, Any]) -> tuple[list[str], list[Any], list[float] | None]:
    """Return the names of the parameters, their axes, and the point that changes nothing, where it is known."""
    import numpy as np

    if "axes" in details:
        return details["parameters"], [np.asarray(axis, float) for axis in details["axes"]], details.get("identity")
    # Scorecards of 0.1 know gamma and brightness only.
    return ["gamma", "brightness"], [np.asarray(details[n], float) for n in ("gamma", "brightness")], [1.0, 0.0]


def _parameter_label(name: str) -> str:
    return "brightness added" if name == "brightness" else one_line(name.replace("_", " "))


def _profile(figure: Figure, axes: Axes, name: str, values: Any, accuracy: Any) -> Figure:
    """Draw a curve where only one parameter varies."""
    axes.plot(values, accuracy.ravel(), color=BLUE, marker="o", markersize=3)
    axes.set(xlabel=_parameter_label(name), ylabel="accuracy", ylim=(0, 1))
    percent_axes(axes.yaxis)
    return figure


def _contours(axes: Axes, brightness: Any, gamma: Any, accuracy: Any, level: float | None) -> None:
    lowest, highest = float(accuracy.min()), float(accuracy.max())
    lines = [step / 10 for step in range(1, 10) if lowest < step / 10 < highest and step / 10 != level]
    if lines:
        drawn = axes.contour(brightness, gamma, accuracy, levels=lines, colors="white", linewidths=0.6, alpha=0.7)
        axes.clabel(drawn, lines[1::2] or lines, fmt=lambda value: f"{100 * value:.0f} %", fontsize=7)
    if level is not None and lowest < level < highest:
        axes.contour(brightness, gamma, accuracy, levels=[level], colors="white", linewidths=3.4)
        bold = axes.contour(brightness, gamma, accuracy, levels=[level], colors="black", linewidths=1.6)
        axes.clabel(bold, fmt=lambda value: f"{100 * value:.4g} %", fontsize=8.5)


def _gamma_axis(axes: Axes, gamma: Any) -> None:
    """Show gamma by ratio where it spans some: 0.5 and 2 are equally far from 1."""
    lowest, highest = float(gamma.min()), float(gamma.max())
    if lowest <= 0 or highest / lowest < 2:
        return
    axes.set_yscale("log")
    ticks = [tick for tick in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20) if lowest <= tick <= highest]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)


def reliability(row: Row) -> Figure:
    """Draw accuracy against confidence; the distance of a bar to the diagonal is what the ECE averages."""
    bins = [entry for entry in row.details["bins"] if entry["n"]]
    left, width = [entry["low"] for entry in bins], [entry["high"] - entry["low"] for entry in bins]
    accuracy, confidence = [entry["accuracy"] for entry in bins], [entry["confidence"] for entry in bins]
    figure = _figure(_WIDTH, 4.2)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    top.bar(left, accuracy, width, align="edge", color=BLUE, alpha=0.8, edgecolor=PAPER, linewidth=0.8)
    top.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    top.vlines(confidence, accuracy, confidence, color=ORANGE, linewidth=1.6)
    top.plot(confidence, confidence, "o", color=ORANGE, markersize=3)
    top.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    total = sum(entry["n"] for entry in bins)
    bottom.bar(left, [entry["n"] / total for entry in bins], width, align="edge", color=MUTED, alpha=0.6)
    bottom.set(xlabel="confidence", ylabel="share", ylim=(0, None))
    percent_axes(top.xaxis, top.yaxis, bottom.yaxis)
    return figure


def part_bars(row: Row) -> Figure:
    """Draw the parts from best to worst with their intervals, and the bound where there is one."""
    parts = sorted(row.parts, key=lambda part: (part.value != part.value, part.value))
    figure = _figure(_WIDTH, max(1.4, 0.6 + 0.24 * len(parts)))
    axes = figure.subplots()
    # Only the bound on the worst part is a bound on each part.
    bound = row.threshold.bound if row.threshold and row.metric == "worst" else None
    colors = [ORANGE if bound is not None and part.value < bound else BLUE for part in parts]
    axes.hlines(
        range(len(parts)), [part.low for part in parts], [part.high for part in parts], colors, linewidth=5, alpha=0.4
    )
    axes.scatter([part.value for part in parts], range(len(parts)), s=22, c=colors, zorder=3)
    for place, part in enumerate(parts):
        axes.annotate(
            value_text(row.metric, part.value),
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
        )
    if bound is not None:
        axes.axvline(bound, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_yticks(range(len(parts)), [one_line(part.name) for part in parts])
    axes.set(xlim=(0, 1), xlabel="accuracy", ylim=(-0.7, len(parts) - 0.3))
    axes.grid(axis="x", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    percent_axes(axes.xaxis)
    return figure


def budget_curve(row: Row) -> Figure:
    """Draw accuracy over the radius of an attack, with the interval at each radius and the bound on the last one."""
    parts = [part for part in row.parts if part.name.startswith("eps=")]
    radii = [float(part.name.removeprefix("eps=")) for part in parts]
    values = [part.value for part in parts]
    figure = _figure(_WIDTH, 3.6)
    axes = figure.subplots()
    axes.fill_between(radii, [part.low for part in parts], [part.high for part in parts], color=BLUE, alpha=0.16, lw=0)
    clean = [part.value for part in row.parts if part.name == "clean"]
    start = ([0.0], clean) if clean and radii[0] > 0 else ([], [])
    axes.plot(
        [*start[0], *radii], [*start[1], *values], color=BLUE, marker="o", markersize=3.5, clip_on=False, zorder=3
    )
    if row.threshold:
        axes.axhline(row.threshold.bound, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        told = f"asked for at eps {radii[-1]:g}"
        axes.annotate(told, (0, row.threshold.bound), (4, 3), textcoords="offset points", color=MUTED, fontsize=8)
    norm = one_line(str(row.details.get("norm", "linf")))
    axes.set(xlim=(0, radii[-1]), ylim=(0, 1.01), xlabel=f"eps ({norm}, pixels in [0, 1])", ylabel="accuracy")
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    percent_axes(axes.yaxis)
    return figure


def histograms(row: Row) -> Figure:
    """Draw how the anomaly scores of inliers and outliers lie to each other, each as a share of its own number."""
    edges = row.details["edges"]
    figure = _figure(_WIDTH, 3.6)
    axes = figure.subplots()
    for name, color in (("inlier", BLUE), ("outlier", ORANGE)):
        counts = row.details[name]
        total = max(sum(counts), 1)
        shares = [count / total for count in counts]
        axes.stairs(shares, edges, fill=True, color=color, alpha=0.35)
        axes.stairs(shares, edges, color=color, linewidth=1.3, label=f"{name}s ({sum(counts):,})")
    axes.set(
        xlabel="anomaly score (larger is more anomalous)", ylabel="share", xlim=(edges[0], edges[-1]), ylim=(0, None)
    )
    axes.legend(frameon=False, loc="best")
    percent_axes(axes.yaxis)
    return figure


def roc(row: Row) -> Figure:
    """Draw the share of outliers caught against the share of inliers flagged, a curve for each set of outliers."""
    sets = row.details.get("sets")
    curves = {name: entry["roc"] for name, entry in sets.items()} if sets else {"": row.details["roc"]}
    areas = {part.name: part.value for part in row.parts} or {"": row.value}
    figure = _figure(_WIDTH, 4.2)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    drawn = {BLUE: 0, ORANGE: 0}
    for name, curve in curves.items():
        color = ORANGE if name.startswith("far/") else BLUE
        label = f"{one_line(name)} {value_text('auroc', areas[name])}".strip()
        style = _LINES[drawn[color] % len(_LINES)]
        drawn[color] += 1
        axes.plot(curve["fpr"], curve["tpr"], color=color, linewidth=1.6, linestyle=style, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="inliers flagged", ylabel="outliers caught")
    axes.legend(frameon=False, loc="lower right", title="AUROC")
    percent_axes(axes.xaxis, axes.yaxis)
    return figure


_LINES: tuple[Any, ...] = ("solid", (0, (6, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 2)))


def percent_axes(*axes: Any) -> None:
    """Write shares in percent along the axes."""
    for axis in axes:
        axis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
