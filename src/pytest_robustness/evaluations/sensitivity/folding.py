"""Dense models on 8-bit images: the first layer is summed once for the pixels whose value most images share.

Under a table of 256 values, the first layer of an image is a sum over its pixels of ``table[value] * weights``. On
digits four pixels of five are black, and many of the others white: their weights are summed once for all points of a
surface, and only the pixels in between are left to a sparse sum. A fifth of the time of the dense product is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations.sensitivity.dense import Dense

    Floats = NDArray[np.float32]
    Bytes = NDArray[np.uint8]
    Labels = NDArray[np.int64]

COMMON = 0.005
"""Share of the pixels from which on a value has its weights summed in advance."""

MOST_COMMON = 6

WORTH_WHILE = 0.5
"""Share of the pixels that must have such values: else the dense product is faster."""

NEAR = 1e-4
"""Scores this close to each other, in units of the largest, are computed again as the model itself does: what differs
in the order of its sums is never seen."""

AT_ONCE = 500
"""Images that are classified as the model itself does, at once."""


@dataclass(frozen=True, slots=True)
class Bags:
    """Some pixels of each of N images: their values where they are needed, their places, and where an image begins."""

    values: Tensor
    places: Tensor
    starts: Tensor

    def summed(self, weight: Tensor, factors: Tensor | None = None) -> Tensor:
        """Return the sum of the weights (D, H) at the pixels of each image, (N, H), each times its own factor."""
        from torch.nn.functional import embedding_bag

        # Three times as fast as a product of compressed rows, and each image is summed alike on any number of threads.
        return embedding_bag(self.places, weight, self.starts, mode="sum", per_sample_weights=factors)


@dataclass(frozen=True, slots=True)
class Folded:
    """Some images, ready to be classified under any table of 256 values.

    Parameters
    ----------
    classifier : Classifier
    model : Dense
    images : ndarray of uint8, shape (N, C, H, W)
    common : tuple of int
        The common values, the most common first.
    sums : Tensor, shape (len(common) - 1, N * H)
        For each common value but the first: the summed weights of its pixels.
    rare : Bags
        The other pixels.
    """

    classifier: Classifier
    model: Dense
    images: Bytes
    common: tuple[int, ...]
    sums: Tensor
    rare: Bags

    def predict(self, table: Floats) -> Labels:
        """Return the labels (N,) of the images under a table (256,) of values in [0, 1]."""
        labels: Labels = self.predict_each(table[None])[0]
        return labels

    def predict_each(self, tables: Floats) -> Labels:
        """Return the labels (P, N) of the images under each of P tables (P, 256)."""
        labels = np.empty((len(tables), len(self.images)), np.int64)
        doubtful = np.zeros(labels.shape, np.bool_)
        even = tables.min(axis=1) == tables.max(axis=1)
        for row, table in enumerate(self._prepared(tables)):
            if even[row]:
                labels[row] = label_of_even(self.classifier, self.images.shape[1:], float(tables[row, 0]))
            else:
                labels[row], doubtful[row] = self._judged(table)
        self.classifier.passes.forwards += int(np.count_nonzero(~even)) * len(self.images)
        again = np.argwhere(doubtful)
        for start in range(0, len(again), AT_ONCE):
            points, rows = again[start : start + AT_ONCE].T
            pixels = tables[points[:, None], self.images[rows].reshape(len(rows), -1)]
            labels[points, rows] = self.classifier.predict(pixels.reshape(len(rows), *self.images.shape[1:]))
        return labels

    def _prepared(self, tables: Floats) -> Tensor:
        """Return the tables as the model sees them, with the mean and deviation of its preprocessing."""
        import torch

        prepared = self.classifier.backend.prepare.array(tables.reshape(len(tables), 1, 1, 256))  # type: ignore[attr-defined]
        return torch.from_numpy(prepared.reshape(len(tables), 256).astype(np.float32, copy=False))

    def _judged(self, table: Tensor) -> tuple[Labels, NDArray[np.bool_]]:
        """Return the labels (N,), and which of them are too close to call."""
        import torch

        with torch.no_grad():
            scores = self.model.rest(self._first(table)).numpy().T
        best, lowest = scores.max(axis=0), scores.min(axis=0)
        with np.errstate(all="ignore"):
            # Scores that are not finite are near to nothing, not even to themselves.
            near = scores >= best - NEAR * (1 + np.maximum(best, -lowest))
        return scores.argmax(axis=0), np.count_nonzero(near, axis=0) != 1

    def _first(self, table: Tensor) -> Tensor:
        """Return what the first layer makes of the images, (N, H)."""
        import torch

        weight, base = self.model.weight, table[self.common[0]]
        above = table - base
        first = self.rare.summed(weight, above.index_select(0, self.rare.values))
        if len(self.sums):
            first.view(-1).addmv_(self.sums.T, above[list(self.common[1:])])
        return first.add_(torch.add(self.model.bias, self.model.total, alpha=float(base)))


@lru_cache(maxsize=4)
def label_of_even(classifier: Classifier, shape: tuple[int, ...], value: float) -> int:
    """Return the label of an image of one value: for all images that have become white, or black."""
    return int(classifier.predict(np.full((1, *shape), value, np.float32))[0])


@lru_cache(maxsize=24)
def folded_block(classifier: Classifier, dataset: Dataset, start: int, stop: int) -> Folded | None:
    """Return `fold` of consecutive images of a data set; the rounds of a sampler come back to the same ones.

    A classifier is compared by identity, and the engine makes a new one whenever the model has changed. 24 blocks of
    500 images take about a megabyte for each hundred units of the first layer.
    """
    return fold(classifier, dataset.images[start:stop])


def fold(classifier: Classifier, images: Any) -> Folded | None:
    """Return images ready to be classified by a dense model, or None where another way is needed or faster."""
    import torch

    from pytest_robustness.evaluations.sensitivity.dense import dense_model

    if images.dtype != np.uint8:
        return None
    model = dense_model(classifier, int(np.prod(images.shape[1:])))
    if model is None:
        return None
    flat = images.reshape(len(images), -1)
    # Every fourth image is enough to tell which values are common.
    shares = np.bincount(flat[::4].ravel(), minlength=256) / flat[::4].size
    common = [int(value) for value in np.argsort(-shares, kind="stable")[:MOST_COMMON] if shares[value] >= COMMON]
    if not common or shares[common].sum() < WORTH_WHILE:
        return None
    others = np.flatnonzero(flat.ravel() != common[0])
    values = flat.ravel()[others]
    sums = [_bags(flat, others[values == v]).summed(model.weight).reshape(-1) for v in common[1:]]
    stacked = torch.stack(sums) if sums else torch.zeros(0, flat.shape[0] * model.weight.shape[1])
    rare = ~np.isin(np.arange(256), common)
    return Folded(classifier, model, images, tuple(common), stacked, _bags(flat, others[rare[values]]))


def _bags(flat: Bytes, chosen: NDArray[np.int64]) -> Bags:
    """Return the pixels of images (N, D) that a flat index chooses, ascending."""
    import torch

    images, pixels = flat.shape
    starts = np.searchsorted(chosen, np.arange(images) * pixels).astype(np.int32)
    places, values = (chosen % pixels).astype(np.int32), flat.ravel()[chosen].astype(np.int64)
    return Bags(torch.from_numpy(values), torch.from_numpy(places), torch.from_numpy(starts))
