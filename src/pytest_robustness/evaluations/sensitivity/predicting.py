"""How the images of a block are classified at one point after the other, as cheaply as the model allows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.evaluations.sensitivity.folding import fold, folded_block
from pytest_robustness.transforms.parametric.base import clipped, unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.base import Block, Subject
    from pytest_robustness.evaluations.sensitivity.folding import Folded
    from pytest_robustness.transforms.parametric import Transform

    Floats = NDArray[np.float32]
    Labels = NDArray[np.int64]


def correct_at(
    subject: Subject, block: Block, transforms: Sequence[Transform], names: Sequence[str]
) -> NDArray[np.bool_]:
    """Return which samples of a block are classified correctly at each of its points, shape (points, samples)."""
    values = [dict(zip(names, point, strict=True)) for point in block.points]
    found: NDArray[np.bool_] = predicted(subject, block, transforms, values) == subject.dataset.labels[_rows(block)]
    return found


def predicted(
    subject: Subject, block: Block, transforms: Sequence[Transform], points: Sequence[Mapping[str, float]]
) -> Labels:
    """Return the labels of the samples of a block at each of some points, shape (points, samples).

    Images of bytes under transforms of single values go through a table of 256 values; a dense model has its first
    layer summed in advance as well. Everything else is transformed and classified image by image.
    """
    images, ids = subject.dataset.images[_rows(block)], subject.dataset.ids[_rows(block)]
    classify = partial(subject.classifier.predict, batch_size=subject.batch_size)
    if images.dtype == np.uint8 and all(transform.curve is not None for transform in transforms):
        return _looked_up(subject, block, np.stack([value_table(transforms, values) for values in points]))
    return np.stack([classify(changed_images(images, transforms, v, seed=subject.seed, ids=ids)) for v in points])


def unchanged(subject: Subject, block: Block) -> Labels:
    """Return the labels (samples,) of the unchanged samples of a block; by its folded model where there is one."""
    images = subject.dataset.images[_rows(block)]
    if folded := _folded(subject, block):
        return folded.predict(value_table((), {}))
    return subject.classifier.predict(images, batch_size=subject.batch_size)


def _looked_up(subject: Subject, block: Block, tables: Floats) -> Labels:
    """Return the labels under each of some tables (P, 256), shape (P, samples)."""
    if folded := _folded(subject, block):
        return folded.predict_each(tables)
    images, batch = subject.dataset.images[_rows(block)], subject.batch_size
    labels = np.empty((len(tables), len(images)), np.int64)
    for row, table in enumerate(tables):
        # Where all images have become the same one, that one is enough.
        shown = table[images[: 1 if table.min() == table.max() else None]]
        labels[row] = subject.classifier.predict(shown, batch_size=batch)
    return labels


def _folded(subject: Subject, block: Block) -> Folded | None:
    if block.rows:
        return fold(subject.classifier, subject.dataset.images[block.positions])
    return folded_block(subject.classifier, subject.dataset, block.start, block.stop)


def changed_images(
    images: NDArray[Any], transforms: Sequence[Transform], values: Mapping[str, float], *, seed: int, ids: Labels
) -> Floats:
    """Return what transforms, one after the other, make of images (N, C, H, W): float32 in [0, 1]."""
    pixels = unit(images)
    for transform in transforms:
        pixels = clipped(transform.change(pixels, _own(transform, values), seed, ids))
    return pixels


def value_table(transforms: Sequence[Transform], values: Mapping[str, float]) -> Floats:
    """Return what transforms of single values make of the 256 values of a byte, shape (256,)."""
    levels = np.arange(256) / 255.0
    for transform in transforms:
        if transform.curve is not None:
            levels = transform.curve(levels, _own(transform, values))
    return levels.astype(np.float32)


def _own(transform: Transform, values: Mapping[str, float]) -> dict[str, float]:
    return transform.full({name: values[name] for name in transform.parameters if name in values})


def _rows(block: Block) -> Any:
    return block.positions if block.rows else slice(block.start, block.stop)
