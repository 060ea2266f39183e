"""A sheet of examples: a few images of a data set as they are, and under each corruption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.datasets import load_mnist_c
from pytest_robustness.evaluations.corruption.suites import as_bytes, made_images, part_name, suite_of
from pytest_robustness.evaluations.sheets import EXAMPLES, page_details, shrunk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_robustness.datasets import Dataset


def contact_sheet(
    dataset: Dataset, suite: str, names: Sequence[str], seed: int, *, severity: int | None = None
) -> NDArray[np.uint8]:
    """Return examples under corruptions: the first image of each class as far as there is room, then the first others.

    Parameters
    ----------
    dataset : Dataset
        Images without corruption.
    suite : str
        One of `SUITES`.
    names : sequence of str
        Corruptions of the suite.
    seed : int
        Of the run.
    severity : int, optional
        Level, where the suite has levels; by default the middle one.

    Returns
    -------
    ndarray of uint8, shape (1 + len(names), H, columns, W) for grey images, (..., 3) for RGB
        Row 0 shows the images as they are. Reshaped to (rows * H, columns * W) it is the picture.
    """
    chosen, levels = _examples(dataset), suite_of(suite).levels
    level = (severity or levels[len(levels) // 2]) if levels else None
    rows = [as_bytes(chosen.images)]
    for name in names:
        published = suite_of(suite).published
        rows.append(
            load_mnist_c(name, like=chosen).images
            if published
            else made_images(chosen, suite, part_name(name, level), seed=seed)
        )
    pictures = [np.rint(shrunk(row.transpose(0, 2, 3, 1))).astype(np.uint8) for row in rows]
    sheet = np.stack(pictures).transpose(0, 2, 1, 3, 4)  # (rows, H, columns, W, C)
    return np.ascontiguousarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet[..., :3])


def sheet_details(sheet: NDArray[np.uint8], names: Sequence[str]) -> dict[str, Any]:
    """Return a sheet as builtin values: the names of its rows, the size of an image, and a PNG in base64."""
    return page_details(sheet, ["as it is", *names])


def _examples(dataset: Dataset) -> Dataset:
    _, first = np.unique(dataset.labels, return_index=True)
    others = np.setdiff1d(np.arange(min(len(dataset), EXAMPLES)), first)
    return dataset.take(np.concatenate([first, others])[:EXAMPLES])
