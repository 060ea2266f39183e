"""The pictures of the trade-offs."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from example_models.figures import CLEAN, CORRUPTED, RADII, Figure, auroc, autoattack, cards, curve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.axes import Axes

    Box = tuple[float, float, float, float]

PICTURES = {
    "attack": "Accuracy under AutoAttack at 0.1 against clean accuracy and against the mean accuracy on MNIST-C",
    "trust": "AUROC on Fashion-MNIST against ECE, and accuracy under AutoAttack at 0.1 against ECE",
    "curves": "Accuracy under PGD of 40 steps by radius; a ring where it is too high, for gradients that lead nowhere",
}
"""What each picture shows, by the end of its name."""

_AXES = {
    "clean accuracy": CLEAN,
    "AutoAttack, linf 0.1": autoattack(0.1),
    "MNIST-C, mean": CORRUPTED,
    "AUROC, Fashion-MNIST, MSP": auroc("fashion-mnist"),
    "ECE": Figure("calibration", "ece"),
}

_SCALES = {"clean accuracy": "logit", "AUROC, Fashion-MNIST, MSP": "logit", "ECE": "log"}
"""Axes whose end is crowded."""

_LEAST_ECE = 0.001
_LABEL = 6  # points

_PAIRS = {
    "attack": [("AutoAttack, linf 0.1", "clean accuracy"), ("AutoAttack, linf 0.1", "MNIST-C, mean")],
    "trust": [("AUROC, Fashion-MNIST, MSP", "ECE"), ("AutoAttack, linf 0.1", "ECE")],
}

_KINDS = {
    "other models": ("#6b7280", "s"),
    "LeNet-5, larger, ensembles": ("#1c2127", "o"),
    "augmentation": ("#2b62b8", "^"),
    "adversarial training": ("#c7641c", "D"),
    "augmentation and adversarial training": ("#8a2be2", "v"),
    "outlier exposure": ("#1f8a4c", "P"),
}

STYLE: dict[str, Any] = {
    "font.size": 8,
    "svg.hashsalt": "tradeoffs",
    "svg.fonttype": "none",
    "axes.grid": True,
    "grid.alpha": 0.3,
}


def write(folder: Path, digest: str) -> Iterator[Path]:
    """Write the pictures, each with the digest of the table that it was drawn from."""
    for name in PICTURES:
        path = folder / f"tradeoffs-{name}.svg"
        with mpl.rc_context(STYLE):
            canvas = _curves() if name == "curves" else _scatters(_PAIRS[name])
            canvas.savefig(path, metadata={"Date": None, "Creator": None, "Description": digest})
        yield path


def kind(name: str) -> str:
    """Return the group that a model is drawn in."""
    attacked = "fgsm" in name or "pgd" in name
    changed = any(word in name for word in ("cutout", "mixup", "salt", "pixmix"))
    if not name.startswith("lenet5"):
        return "other models"
    if "outlier" in name:
        return "outlier exposure"
    if attacked:
        return "augmentation and adversarial training" if changed else "adversarial training"
    return "augmentation" if changed else "LeNet-5, larger, ensembles"


def _short(name: str) -> str:
    words = {"lenet5_": "", "outlier_exposure": "OE", "salt_and_pepper": "S&P", "_": " "}
    for word, shorter in words.items():
        name = name.replace(word, shorter)
    return name


def _scatters(pairs: list[tuple[str, str]]) -> Canvas:
    canvas = Canvas(figsize=(11, 5.5), layout="constrained")
    drawn = [(axes, _scatter(axes, *pair)) for axes, pair in zip(canvas.subplots(1, len(pairs)), pairs, strict=True)]
    handles, labels = drawn[0][0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    canvas.draw_without_rendering()  # where on the page each point is
    for axes, points in drawn:
        _label(axes, points)
    return canvas


def _scatter(axes: Axes, across: str, up: str) -> dict[str, tuple[float, float]]:
    """Draw every model with the intervals of both figures, and return where each is."""
    places = {}
    for group, (color, marker) in _KINDS.items():
        points = []
        for name, card in cards().items():
            x, y = _AXES[across].cell(card), _AXES[up].cell(card)
            if kind(name) == group and x is not None and y is not None:
                points.append((x, y))
                places[name] = (x.value, y.value)
        if points:
            xs, ys = ([cell.value for cell in cells] for cells in zip(*points, strict=True))
            reaches = [
                [[c.value - c.low for c in cells], [c.high - c.value for c in cells]]
                for cells in zip(*points, strict=True)
            ]
            style: dict[str, Any] = {"fmt": marker, "color": color, "markersize": 4, "elinewidth": 0.5, "label": group}
            axes.errorbar(xs, ys, xerr=reaches[0], yerr=reaches[1], **style)
    axes.set(xlabel=f"{across}, %", ylabel=f"{up}, %")
    axes.set(xscale=_SCALES.get(across, "linear"), yscale=_SCALES.get(up, "linear"))
    if up == "ECE":
        axes.set_ylim(bottom=_LEAST_ECE)  # from there on it is chance
    if across not in _SCALES:
        axes.set_xlim(right=1.1)  # room for the names of what is close to 1
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{100 * value:.4g}")
        axis.set_minor_formatter(lambda value, _: f"{100 * value:.4g}" if _is_round(min(value, 1 - value)) else "")
        axis.set_tick_params(which="minor", labelsize=6)
    return places


def _is_round(value: float) -> bool:
    """Whether a tick between two powers of ten is a two or a five."""
    return f"{value:.1g}"[-1] in "25"


def _label(axes: Axes, points: dict[str, tuple[float, float]]) -> None:
    """Write a name beside each point, on that side of it where it hides least of other points and names."""
    inches = axes.get_figure().dpi_scale_trans.inverted()  # type: ignore[union-attr]
    at = {name: 72 * inches.transform(axes.transData.transform(place)) for name, place in points.items()}
    boxes = [(x - 3, y - 3, x + 3, y + 3) for x, y in at.values()]
    for name, (x, y) in at.items():
        text = _short(name)
        width, height = 0.55 * _LABEL * len(text), 1.1 * _LABEL
        found = []
        for side, rise in itertools.product((1, -1, 0), (0, 1, -1, 2, -2)):
            left = x + {1: 4, 0: -width / 2, -1: -4 - width}[side]
            bottom = y - height / 2 + 0.9 * height * rise
            box = (left, bottom, left + width, bottom + height)
            found.append((sum(_shared(box, other) for other in boxes) + abs(rise) + 2 * (side != 1), box))
        box = min(found)[1]
        boxes.append(box)
        offset: dict[str, Any] = {"xytext": (box[0] - x, box[1] - y), "textcoords": "offset points"}
        axes.annotate(text, points[name], fontsize=_LABEL, color=_KINDS[kind(name)][0], **offset)


def _shared(one: Box, other: Box) -> float:
    """Return the area that two boxes share."""
    width, height = (min(one[i + 2], other[i + 2]) - max(one[i], other[i]) for i in (0, 1))
    return max(width, 0.0) * max(height, 0.0)


def _curves() -> Canvas:
    """Draw accuracy under PGD by radius, a panel for each group."""
    canvas = Canvas(figsize=(11, 6), layout="constrained")
    for axes, group in zip(canvas.subplots(2, 3, sharex=True, sharey=True).flat, _KINDS, strict=True):
        for name, card in cards().items():
            cells = [curve("pgd", eps).cell(card) for eps in RADII]
            clean = CLEAN.cell(card)
            if kind(name) != group or clean is None or None in cells:
                continue
            values = [clean.value, *(cell.value for cell in cells if cell is not None)]
            (line,) = axes.plot((0, *RADII), values, marker=".", label=_short(name))
            rings = [(eps, cell.value) for eps, cell in zip(RADII, cells, strict=True) if cell and cell.doubtful]
            if rings:
                axes.plot(*zip(*rings, strict=True), "o", color=line.get_color(), fillstyle="none")
        axes.set(title=group, ylim=(0, 1.02), xlabel="radius, linf", ylabel="accuracy")
        axes.tick_params(labelbottom=True)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=6, frameon=False)
    return canvas
