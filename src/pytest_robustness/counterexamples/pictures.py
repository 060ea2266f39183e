"""Pictures of counterexamples: before, after and the difference, a row for each."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.evaluations import pictures
from pytest_robustness.evaluations.sheets import png_text
from pytest_robustness.strategies.table import named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from pytest_robustness.counterexamples.counterexample import Counterexample
    from pytest_robustness.strategies.perturbation import Step

_STYLE: Any = {"font.size": 8, "svg.hashsalt": "pytest-robustness", "text.parse_math": False}


def draw(found: Sequence[Counterexample]) -> Figure:
    """Draw a row for each counterexample: the image as it is, after the change, and the difference."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.0, 1.75 * len(found)), layout="constrained")
        rows = figure.subplots(len(found), 4, squeeze=False, gridspec_kw={"width_ratios": [1, 1, 1, 1.4]})
        for axes, one in zip(rows, found, strict=True):
            before = f"{one.before}" if one.index is None else f"image {one.index}: {one.before}"
            _show(axes[0], one.original, before)
            _show(axes[1], one.image, f"becomes {one.after}")
            # Grey is no difference; the largest possible one is black or white.
            _show(axes[2], _difference(one), "difference")
            axes[3].axis("off")
            steps = "\n".join(_described(step) for step in one.perturbation.steps)
            text = f"{steps}\nmagnitude {one.magnitude:.3g}\nlinf {one.linf:.3g}, l2 {one.l2:.3g}"
            axes[3].text(0.0, 0.5, text, va="center", transform=axes[3].transAxes)
    return figure


def strip(one: Counterexample) -> str:
    """Return before, after and difference side by side, as a PNG in base64."""
    panels = [eight_bit(panel) for panel in (one.original, one.image, _difference(one))]
    joint = np.concatenate(panels, axis=1)
    times = max(1, 84 // joint.shape[0])
    return png_text(joint.repeat(times, axis=0).repeat(times, axis=1))


def eight_bit(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return an image (C, H, W) as bytes, (H, W) where it is grey, else (H, W, 3)."""
    pixels = np.rint(np.clip(image, 0.0, 1.0) * 255).astype(np.uint8)
    return np.ascontiguousarray(pixels[:3].transpose(1, 2, 0) if len(pixels) >= 3 else pixels[0])


def write_picture(figure: Figure, path: Path) -> Path:
    """Write a figure in the format of the suffix; raise ConfigurationError where the file cannot be written."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        pictures.write_picture(figure, path, path.suffix.lower(), dpi=150)
    return path


def _difference(one: Counterexample) -> NDArray[np.float32]:
    return ((one.image - one.original + 1) / 2).astype(np.float32)


def _show(axes: Any, image: NDArray[np.float32], title: str) -> None:
    axes.imshow(eight_bit(image), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(title, fontsize=8)
    axes.set(xticks=[], yticks=[])


def _described(step: Step) -> str:
    name = named(step.transform).short
    values = ", ".join(f"{key} {value:.4g}" for key, value in step.moved.items())
    return textwrap.fill(values if name in step.moved else f"{name} {values}", 30)
