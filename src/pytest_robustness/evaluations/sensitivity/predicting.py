"""How the images of a block are classified at one point after the other, as cheaply as the model allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.evaluations.sensitivity.folding import folded_block
from pytest_robustness.transforms.parametric.base import clipped, unit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.base import Block, Subject
    from pytest_robustness.transforms.parametric import Transform

    Labels = NDArray[np.int64]
    Predict = Callable[[Mapping[str, float]], Labels]


def correct_at(
    subject: Subject, block: Block, transforms: Sequence[Transform], names: Sequence[str]
) -> NDArray[np.bool_]:
    """Return which samples of a block are classified correctly at each of its points, shape (points, samples)."""
    predict, labels = predictor(subject, block, transforms), subject.dataset.labels[block.start : block.stop]
    return np.stack([predict(dict(zip(names, point, strict=True))) == labels for point in block.points])


def predictor(subject: Subject, block: Block, transforms: Sequence[Transform]) -> Predict:
    """Return the function from the values of the parameters to the labels of the samples.

    Images of bytes under transforms of single values go through a table of 256 values; a dense model has its first
    layer summed in advance as well. Everything else is transformed and classified image by image.
    """
    dataset, (start, stop) = subject.dataset, (block.start, block.stop)
    images = dataset.images[start:stop]
    classifier, batch = subject.classifier, subject.batch_size

    def changed(values: Mapping[str, float]) -> Labels:
        pixels = changed_images(images, transforms, values, seed=subject.seed, ids=dataset.ids[start:stop])
        return classifier.predict(pixels, batch_size=batch)

    if images.dtype != np.uint8 or any(transform.curve is None for transform in transforms):
        return changed
    folded = folded_block(classifier, dataset, start, stop)

    def looked_up(values: Mapping[str, float]) -> Labels:
        table = value_table(transforms, values)
        if table.min() == table.max():
            # All images have become the same one.
            one = np.full((1, *images.shape[1:]), table[0], np.float32)
            return np.repeat(classifier.predict(one, batch_size=batch), len(images))
        return folded.predict(table) if folded else classifier.predict(table[images], batch_size=batch)

    return looked_up


def changed_images(
    images: NDArray[Any], transforms: Sequence[Transform], values: Mapping[str, float], *, seed: int, ids: Labels
) -> NDArray[np.float32]:
    """Return what transforms, one after the other, make of images (N, C, H, W): float32 in [0, 1]."""
    pixels = unit(images)
    for transform in transforms:
        pixels = clipped(transform.change(pixels, _own(transform, values), seed, ids))
    return pixels


def value_table(transforms: Sequence[Transform], values: Mapping[str, float]) -> NDArray[np.float32]:
    """Return what transforms of single values make of the 256 values of a byte, shape (256,)."""
    levels = np.arange(256) / 255.0
    for transform in transforms:
        if transform.curve is not None:
            levels = transform.curve(levels, _own(transform, values))
    return levels.astype(np.float32)


def _own(transform: Transform, values: Mapping[str, float]) -> dict[str, float]:
    return transform.full({name: values[name] for name in transform.parameters if name in values})
