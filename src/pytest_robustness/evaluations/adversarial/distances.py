"""How far adversarial images lie from the clean ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def distances(found: NDArray[np.float32], clean: NDArray[np.float32], norm: str) -> NDArray[np.float64]:
    """Return the norm of each difference, (N,), computed in float64.

    Parameters
    ----------
    found, clean : ndarray of shape (N, C, H, W)
    norm : {"linf", "l2", "l0"}
        For l0 the number of pixels that differ, a pixel being all its channels.
    """
    difference = found.astype(np.float64) - clean.astype(np.float64)
    if norm == "l0":
        return np.asarray((difference != 0).any(axis=1).sum(axis=(1, 2)), dtype=np.float64)
    flat = difference.reshape(len(difference), -1)
    return np.asarray(np.linalg.norm(flat, ord=np.inf if norm == "linf" else 2, axis=1), dtype=np.float64)
