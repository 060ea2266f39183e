"""What is certified of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
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
    """

    labels: NDArray[np.int64]
    p_lower: NDArray[np.float64]
    radius: NDArray[Any]
    counts: NDArray[np.int64]


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
