"""What is certified of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ABSTAIN = -1
"""The label where the votes do not say which class is the most likely."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Certificates:
    """What is certified of N images.

    Attributes
    ----------
    labels : ndarray of int64, shape (N,)
        Predicted classes, `ABSTAIN` where nothing is certified.
    p_lower : ndarray of float64, shape (N,)
        Lower bounds on the probability of the class that the selection chose.
    radius : ndarray of int64 (L0) or float64 (L2), shape (N,)
        The certified radius, -1 where `p_lower` is 1/2 or less.
    counts : ndarray of int64, shape (N, K)
        Votes of the draws of the estimate.
    selected : ndarray of int64, shape (N,)
        The classes that the selection chose, certified or not.
    """

    labels: NDArray[np.int64]
    p_lower: NDArray[np.float64]
    radius: NDArray[Any]
    counts: NDArray[np.int64]
    selected: NDArray[np.int64]

    @property
    def successes(self) -> NDArray[np.int64]:
        """Votes of the draws of the estimate for the selected classes, (N,)."""
        return votes_for(self.selected, self.counts)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RadiusCertificates:
    """Whether N images are certified at one radius.

    Attributes
    ----------
    labels : ndarray of int64, shape (N,)
        The classes that the selection chose, certified or not.
    certified : ndarray of bool, shape (N,)
    draws : ndarray of int64, shape (N,)
        Noisy images that were drawn, those of the selection among them.
    failures : ndarray of int64, shape (N,)
        How many draws of the estimate voted for another class.
    """

    labels: NDArray[np.int64]
    certified: NDArray[np.bool_]
    draws: NDArray[np.int64]
    failures: NDArray[np.int64]


def votes_for(labels: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the votes (N,) of counts (N, K) for a class of each image; none for a class beyond K."""
    # Of a model that gives labels alone, the votes reach up to the largest label that came.
    known = labels < counts.shape[1]
    return np.where(known, counts[np.arange(len(labels)), np.where(known, labels, 0)], 0)
