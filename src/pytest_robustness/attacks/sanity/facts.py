"""Cheap facts about the work of an attack: pure functions of the images that went in and came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def outside(
    images: NDArray[np.float32], adversarial: NDArray[np.float32], *, norm: str | None = None, eps: float = 0.0
) -> NDArray[np.bool_]:
    """Return which adversarial images lie outside [0, 1] or, computed in float64, outside the ball.

    Parameters
    ----------
    images, adversarial : ndarray of float32, shape (N, C, H, W)
    norm : {"linf", "l2", "l0"}, optional
        Without it only the bounds count.
    eps : float
        Radius of the ball; for l0 the number of pixels, each with all its channels.

    Returns
    -------
    ndarray of bool, shape (N,)
        A NaN counts as outside.
    """
    inside = ((adversarial >= 0) & (adversarial <= 1)).all(axis=(1, 2, 3))
    difference = adversarial.astype(np.float64) - images
    if norm == "linf":
        inside &= np.abs(difference).max(axis=(1, 2, 3)) <= eps
    elif norm == "l2":
        inside &= np.sqrt((difference**2).sum(axis=(1, 2, 3))) <= eps
    elif norm == "l0":
        inside &= (difference != 0).any(axis=1).sum(axis=(1, 2)) <= eps
    return np.asarray(~inside)


def unmoved(
    images: NDArray[np.float32], adversarial: NDArray[np.float32], resisted: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which samples resisted an attack that left them as they were, (N,) bool."""
    return np.asarray(resisted & (images == adversarial).all(axis=(1, 2, 3)))


def unconfirmed(fooled: NDArray[np.bool_], correct: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which samples the attack reported as fooled and the classifier gets right when asked again, (N,) bool."""
    return np.asarray(fooled & correct)


def work_faults(samples: Mapping[str, NDArray[np.bool_]], *, moves: bool) -> list[str]:
    """Return what is wrong with the work of an attack on N samples, one line each.

    Parameters
    ----------
    samples : mapping of str to ndarray of bool, shape (N,)
        ``outside``, ``unmoved`` and ``unconfirmed`` as the functions of these names find them, and ``fooled``.
    moves : bool
        Whether this attack moves every sample that resists, as one with steps of fixed length does.
    """
    found = []
    n, fooled = len(samples["fooled"]), int(samples["fooled"].sum())
    if count := int(samples["outside"].sum()):
        found.append(f"{count} of {n} adversarial images lie outside the ball or [0, 1]: a defect of the attack")
    if moves and (still := int(samples["unmoved"].sum())) > MOST_UNMOVED * n:
        found.append(
            f"the attack left {still} of {n - fooled} samples that resisted exactly as they were: it had no gradient to"
            ' follow: "square" and "hopskipjump" need none'
        )
    # An image at the very boundary may be rounded to the other side in another batch.
    if (count := int(samples["unconfirmed"].sum())) > max(2, MOST_UNCONFIRMED * fooled):
        found.append(
            f"{count} images that fooled the model, beside {fooled}, are classified correctly when asked again: its"
            " outputs are random or depend on the batch"
        )
    return found


MOST_UNMOVED = 0.01
"""Share of all samples that may resist without having been moved."""

MOST_UNCONFIRMED = 0.02
"""Share of those that were fooled that may not be so when asked again."""
