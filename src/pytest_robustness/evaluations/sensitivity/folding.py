"""Dense models on 8-bit images: the first layer is summed once for the pixels whose value most images share.

Under a table of 256 values, the first layer of an image is a sum over its pixels of ``table[value] * weights``. On
digits four pixels of five are black, and many of the others white: their weights are summed once for all points of a
surface, and only the pixels in between are left to a sparse product. A third of the time of the dense product is left.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.datasets import Dataset

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


@dataclass(frozen=True, slots=True)
class Dense:
    """A model whose first layer is dense: weights (D, H), their sum over the pixels, bias (H,), and what comes behind.

    All in float32.
    """

    weight: Floats
    total: Floats
    bias: Floats
    rest: nn.Module


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
    sums : ndarray, shape (len(common) - 1, N, H)
        For each common value but the first: the summed weights of its pixels.
    sparse : tuple of ndarray
        Values, indices and pointers of the other pixels, as a matrix of compressed rows (N, D).
    """

    classifier: Classifier
    model: Dense
    images: Bytes
    common: tuple[int, ...]
    sums: Floats
    sparse: tuple[Bytes, Any, Any]

    def predict(self, table: Floats) -> Labels:
        """Return the labels (N,) of the images under a table (256,) of values in [0, 1]."""
        import torch

        prepared = self.classifier.backend.prepare.array(table.reshape(1, 1, 1, 256)).ravel()  # type: ignore[attr-defined]
        with torch.no_grad():
            scores = self.model.rest(torch.from_numpy(self._first(prepared.astype(np.float32)))).numpy()
        if not np.isfinite(scores).all():
            return self._plainly(table, np.arange(len(self.images)))
        labels: Labels = scores.argmax(axis=1).astype(np.int64)
        self.classifier.passes.forwards += len(labels)
        top = np.partition(scores, -2, axis=1)[:, -2:]
        doubtful = np.flatnonzero(top[:, 1] - top[:, 0] <= NEAR * (1 + np.abs(scores).max(axis=1)))
        if len(doubtful):
            labels[doubtful] = self._plainly(table, doubtful)
        return labels

    def _first(self, table: Floats) -> Floats:
        from scipy.sparse import csr_array

        values, indices, pointers = self.sparse
        weight = self.model.weight
        base = table[self.common[0]]
        matrix = csr_array(((table - base)[values], indices, pointers), shape=(len(self.images), len(weight)))
        first: Floats = matrix @ weight
        factors = table[list(self.common[1:])] - base
        first += (factors @ self.sums.reshape(len(factors), -1)).reshape(first.shape)
        first += base * self.model.total + self.model.bias
        return first

    def _plainly(self, table: Floats, rows: Labels) -> Labels:
        return self.classifier.predict(table[self.images[rows]])


@lru_cache(maxsize=24)
def folded_block(classifier: Classifier, dataset: Dataset, start: int, stop: int) -> Folded | None:
    """Return `fold` of consecutive images of a data set; the rounds of a sampler come back to the same ones.

    A classifier is compared by identity, and the engine makes a new one whenever the model has changed. 24 blocks of
    500 images take about a megabyte for each hundred units of the first layer.
    """
    return fold(classifier, dataset.images[start:stop])


def fold(classifier: Classifier, images: Any) -> Folded | None:
    """Return images ready to be classified by a dense model, or None where another way is needed or faster."""
    if images.dtype != np.uint8:
        return None
    model = dense_model(classifier, int(np.prod(images.shape[1:])))
    if model is None:
        return None
    flat = images.reshape(len(images), -1)
    counts = np.bincount(flat.ravel(), minlength=256)
    common = [int(v) for v in np.argsort(-counts, kind="stable")[:MOST_COMMON] if counts[v] >= COMMON * flat.size]
    if not common or counts[common].sum() < WORTH_WHILE * flat.size:
        return None
    sums = [_summed(flat == v, model.weight) for v in common[1:]]
    stacked = np.stack(sums) if sums else np.zeros((0, len(flat), model.weight.shape[1]), np.float32)
    rare = ~np.isin(np.arange(256), common)[flat]
    return Folded(classifier, model, images, tuple(common), stacked, (flat[rare], *_rows_of(rare)))


def _summed(chosen: NDArray[np.bool_], weight: Floats) -> Floats:
    """Return the sum of the weights (D, H) of the pixels chosen in each image, (N, H)."""
    from scipy.sparse import csr_array

    indices, pointers = _rows_of(chosen)
    ones = np.ones(len(indices), np.float32)
    return np.asarray(csr_array((ones, indices, pointers), shape=chosen.shape) @ weight, np.float32)


def _rows_of(chosen: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return indices and pointers of the chosen entries as compressed rows."""
    pointers = np.concatenate([[0], np.cumsum(np.count_nonzero(chosen, axis=1))]).astype(np.int32)
    # A flat index is found several times faster than one for each axis.
    indices = (np.flatnonzero(chosen) % chosen.shape[1]).astype(np.int32)
    return indices, pointers


@lru_cache(maxsize=2)
def dense_model(classifier: Classifier, pixels: int) -> Dense | None:
    """Return a classifier taken apart, where it is a chain of known layers that begins with a dense one."""
    from pytest_robustness.classifiers.pytorch import TorchBackend

    backend = classifier.backend
    if type(backend) is not TorchBackend or backend.device != "cpu" or backend.outputs == "labels":
        return None
    if any(len(given) > 1 for given in (backend.prepare.mean, backend.prepare.std) if given is not None):
        return None
    if not _is_precise(backend.module):
        return None
    found = _first_dense(backend.module)
    if found is None or found[0].shape[0] != pixels:
        return None
    weight, bias, rest = found
    return Dense(
        np.ascontiguousarray(weight, np.float32), weight.sum(axis=0).astype(np.float32), bias.astype(np.float32), rest
    )


def _is_precise(module: nn.Module) -> bool:
    """Return whether a module computes in float32 or better: halves round too coarsely to be computed another way."""
    import torch

    tensors = chain(module.parameters(), module.buffers())
    return all(t.dtype in {torch.float32, torch.float64} for t in tensors if t.is_floating_point())


def _first_dense(module: nn.Module) -> tuple[Any, Any, nn.Module] | None:
    """Return weight (D, H), bias (H,) and a copy of the layers behind in float32."""
    from torch import nn

    from pytest_robustness.classifiers.twins.transforms import Affine

    leaves = _leaves(module)
    while leaves and type(leaves[0]) is nn.Flatten and (leaves[0].start_dim, leaves[0].end_dim) == (1, -1):
        leaves = leaves[1:]
    if not leaves:
        return None
    first = leaves[0]
    if type(first) is Affine:
        weight, bias = first.weight.numpy(), first.bias.numpy()
    elif type(first) is nn.Linear:
        weight = first.weight.detach().numpy().T
        bias = np.zeros(first.out_features) if first.bias is None else first.bias.detach().numpy()
    else:
        return None
    if np.shape(bias) != (weight.shape[1],):
        return None
    return weight, bias, nn.Sequential(*copy.deepcopy(leaves[1:])).float().eval()


def _leaves(module: nn.Module) -> list[nn.Module] | None:
    """Return the layers of a chain in their order; None where something in it may be no chain."""
    from torch import nn

    from pytest_robustness.classifiers.twins.heads import Scores

    if module._forward_hooks or module._forward_pre_hooks:  # noqa: SLF001
        return None
    if type(module) is Scores:
        return _leaves(module.layers)
    if type(module) is nn.Sequential:
        parts = [_leaves(part) for part in module]
        return None if any(part is None for part in parts) else [leaf for part in parts for leaf in part or []]
    known = type(module).__module__.startswith(("torch.nn.modules.", "pytest_robustness.classifiers.twins."))
    return [module] if known else None
