"""A sheet of examples: a few images of a data set as they are, and under each corruption."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.datasets import load_mnist_c
from pytest_robustness.evaluations.corruption.suites import made_images, part_name, suite_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_robustness.datasets import Dataset

EXAMPLES = 8
"""Images on a sheet."""

_LARGEST = 48  # pixels a side: larger images are averaged down, so that a sheet stays small


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
    rows = [_bytes(chosen.images)]
    for name in names:
        published = suite_of(suite).published
        rows.append(
            load_mnist_c(name, like=chosen).images
            if published
            else made_images(chosen, suite, part_name(name, level), seed=seed)
        )
    tiles = np.stack([_shrunk(row) for row in rows])  # (rows, columns, C, H, W)
    sheet = tiles.transpose(0, 3, 1, 4, 2)
    return np.ascontiguousarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet[..., :3])


def sheet_details(sheet: NDArray[np.uint8], names: Sequence[str]) -> dict[str, Any]:
    """Return a sheet as builtin values: the names of its rows, the size of an image, and a PNG in base64."""
    from PIL import Image

    rows, height, columns, width = sheet.shape[:4]
    file = BytesIO()
    picture = Image.fromarray(sheet.reshape(rows * height, columns * width, *sheet.shape[4:]))
    picture.save(file, "PNG", optimize=True)
    return {
        "names": ["as it is", *names],
        "width": width,
        "height": height,
        "columns": columns,
        "png": base64.b64encode(file.getvalue()).decode("ascii"),
    }


def _examples(dataset: Dataset) -> Dataset:
    _, first = np.unique(dataset.labels, return_index=True)
    others = np.setdiff1d(np.arange(min(len(dataset), EXAMPLES)), first)
    return dataset.take(np.concatenate([first, others])[:EXAMPLES])


def _bytes(images: NDArray[Any]) -> NDArray[np.uint8]:
    return images if images.dtype == np.uint8 else np.rint(images * 255).astype(np.uint8)


def _shrunk(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images averaged over squares until they are small enough; what does not fill a square is cut off."""
    n, channels, height, width = images.shape
    step = -(-max(height, width) // _LARGEST)
    if step == 1:
        return images
    blocks = images[:, :, : height // step * step, : width // step * step]
    blocks = blocks.reshape(n, channels, height // step, step, width // step, step)
    shrunk: NDArray[np.uint8] = np.rint(blocks.mean(axis=(3, 5))).astype(np.uint8)
    return shrunk
