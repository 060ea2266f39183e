"""The pictures of a study of sensitivity: its surface, what the parameters do to images, and what the images are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import NDArray

    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations import Sensitivity, Surface

    Images = NDArray[np.float32]

COLUMNS = 11
"""Values of a parameter that examples are shown at, from end to end."""

EXAMPLES = 3
"""Images of different classes, where there are as many."""

_LEAST, _NONE = 1e-4, 1e-6
"""The smallest share of the pixels that is drawn, and what stands for none on a scale of logarithms."""


def check_files(*, plot: Path | None, save: Path | None) -> None:
    """Refuse files that cannot be written, before anything is measured.

    Raises
    ------
    ParameterError
        For a suffix of another kind.
    ConfigurationError
        Where something is in the way.
    """
    from pytest_robustness.evaluations.pictures import check_writable, picture_suffix
    from pytest_robustness.evaluations.sensitivity.surface import FORMATS

    picture_suffix(plot)
    if save is not None and save.suffix.lower() not in FORMATS:
        raise unknown_name("format of a surface", str(save), FORMATS)
    for path in (plot, save):
        if path is not None:
            check_writable(path)


def draw_study(
    surface: Surface, evaluation: Sensitivity, dataset: Dataset, *, seed: int = 0, path: Path | None = None
) -> Figure:
    """Draw everything about a surface into one figure, and write it where a path is given.

    From top to bottom: the sampled points coloured by accuracy, the surface between them with contours, and the
    histogram of accuracy by area; examples under each parameter alone, beside each other; the histogram of pixel
    values, before and at one and three quarters of the ranges, and the mean intensity of each pixel.

    Parameters
    ----------
    surface : Surface
    evaluation : Sensitivity
        That it was measured with.
    dataset : Dataset
        That it was measured on.
    seed : int
        Of the run, for noise in the examples.
    path : Path, optional
        ``.png``, ``.svg`` or ``.pdf``.

    Raises
    ------
    ParameterError, ConfigurationError
        Where the picture cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from pytest_robustness.evaluations.pictures import picture_suffix, write_picture
    from pytest_robustness.evaluations.sensitivity.plotting import STYLE, panels

    suffix = picture_suffix(path)
    with mpl.rc_context(STYLE):
        number = len(surface.names)
        heights = [4.2, 2.4 if number == 2 else 4.4, 3.2]
        figure = Figure(figsize=(13.5, sum(heights)), layout="constrained")
        cells = figure.add_gridspec(3, number, height_ratios=heights)
        panels(figure.add_subfigure(cells[0, :]), surface)
        for i in range(number):
            _examples(figure.add_subfigure(cells[1, i]), surface, evaluation, dataset, seed=seed, varied=i)
        _pixels(figure.add_subfigure(cells[2, :]), surface, evaluation, dataset, seed=seed)
        if path is not None:
            write_picture(figure, path, suffix)
    return figure


def _examples(
    figure: SubFigure, surface: Surface, evaluation: Sensitivity, dataset: Dataset, *, seed: int, varied: int
) -> None:
    """Draw a few images at even values of one parameter, the other at what changes nothing."""
    import numpy as np

    few = dataset.take(_of_different_classes(dataset))
    values = np.linspace(*surface.ranges[varied], COLUMNS)
    jump = f"; {values[0]:g} itself is a jump, 0 ** 0 = 1" if evaluation.box.jumps[varied] else ""
    name = surface.names[varied].replace("_", " ")
    figure.suptitle(f"under {name}{_others(surface, varied)}{jump}", x=0.01, ha="left", fontsize=10)
    close = {"wspace": 0.0, "hspace": 0.0}
    grid = np.asarray(figure.subplots(len(few), COLUMNS, squeeze=False, gridspec_kw=close))
    for column, value in enumerate(values.tolist()):
        point = _point(surface)
        point[surface.names[varied]] = value
        for row, image in enumerate(_changed(evaluation, few, point, seed)):
            _show(grid[row, column], image)
        grid[-1, column].set_xlabel(f"{value:.3g}")


def _pixels(figure: SubFigure, surface: Surface, evaluation: Sensitivity, dataset: Dataset, *, seed: int) -> None:
    """Draw the histogram of pixel values, clean and at two places in the box, and the mean image."""
    import numpy as np

    counts, mean = figure.subplots(1, 2, width_ratios=[3, 1])
    some = dataset.take(slice(0, 1000))
    kinds = {"unchanged": some.pixels()}
    for share in (0.25, 0.75):
        inside = {n: low + share * (high - low) for n, (low, high) in zip(surface.names, surface.ranges, strict=True)}
        name = ", ".join(f"{key.replace('_', ' ')} {value:.3g}" for key, value in inside.items())
        kinds[name] = _changed(evaluation, some, inside, seed)
    for (name, pixels), color in zip(kinds.items(), ("#1c2127", "#2b62b8", "#c7641c"), strict=True):
        shares, edges = np.histogram(pixels, bins=64, range=(0, 1))
        counts.stairs(np.maximum(shares / pixels.size, _NONE), edges, color=color, label=name, linewidth=1.3)
    counts.set(yscale="log", ylim=(_LEAST, 6), xlim=(0, 1), xlabel="value of a pixel", ylabel="share of the pixels")
    counts.set_yticks([10.0**power for power in range(-4, 1)])
    counts.minorticks_off()
    counts.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
    counts.set_title(f"pixel values of {len(some):,} images")
    counts.legend(ncols=len(kinds), loc="upper center", frameon=False)
    _show(mean, dataset.images.mean(axis=0) / (255 if dataset.images.dtype == np.uint8 else 1))
    mean.set_title("mean intensity")


def _changed(evaluation: Sensitivity, some: Dataset, values: dict[str, float], seed: int) -> Images:
    from pytest_robustness.evaluations.sensitivity.predicting import changed_images

    return changed_images(some.images, evaluation.transforms(), values, seed=seed, ids=some.ids)


def _point(surface: Surface) -> dict[str, float]:
    """Return the point that changes nothing, or the middle of the box where it is not known."""
    middle = tuple((low + high) / 2 for low, high in surface.ranges)
    return dict(zip(surface.names, surface.identity or middle, strict=True))


def _others(surface: Surface, varied: int) -> str:
    others = [f"{n.replace('_', ' ')} {v:.3g}" for i, (n, v) in enumerate(_point(surface).items()) if i != varied]
    return f" (at {others[0]})" if others else ""


def _of_different_classes(dataset: Dataset) -> Sequence[int]:
    import numpy as np

    _, first = np.unique(dataset.labels, return_index=True)
    found: list[int] = sorted(first.tolist())[:EXAMPLES]
    return found


def _show(axes: Axes, image: Any) -> None:
    """Draw one image (C, H, W): grey, or red, green and blue."""
    pixels = image.transpose(1, 2, 0) if len(image) == 3 else image.mean(axis=0)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():  # white images would have no edge
        spine.set(visible=True, color="#d0d0c8", linewidth=0.5)
