"""What attacks are given: whether it fits, and how a classifier is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.errors import ParameterError, check_number, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import ArrayLike, NDArray

    from pytest_robustness.classifiers import Classifier, Forward

NEEDS = ("gradients", "scores", "labels")
"""What an attack may need of a classifier, from the most to the least."""


def check_ball(attack: str, norm: str, eps: float, norms: Sequence[str]) -> None:
    """Raise ParameterError for a norm that the attack does not know, or a radius out of its range."""
    if norm not in norms:
        raise unknown_name(f"norm of the attack {attack!r}", norm, norms)
    check_number("eps", eps, minimum=0.0, whole=norm == "l0")
    if norm == "linf" and eps > 1:
        raise ParameterError(
            "eps is out of range",
            got=eps,
            allowed="0 to 1 for linf: pixels lie in [0, 1]",
            mend=f"A radius of {eps:g} grey levels of 256 is eps={eps:g}/255.",
        )


def can_attack(classifier: Classifier, needs: str) -> bool:
    """Return whether a classifier offers what an attack needs: "gradients", "scores" or "labels"."""
    offers = classifier.offers
    if needs == "scores":
        return bool(offers & {"logits", "probabilities"})
    return needs in offers


def opened(classifier: Classifier, needs: str) -> AbstractContextManager[Forward]:
    """Return the map from images to scores that an attack works with: differentiable only where it needs gradients."""
    return classifier.differentiable() if needs == "gradients" else classifier.queries()


def checked(
    images: ArrayLike, labels: ArrayLike, ids: ArrayLike | None
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Return images as float32 in [0, 1], labels and ids as int64; raise ParameterError where they do not fit."""
    pixels, truth = np.asarray(images), np.asarray(labels)
    if pixels.ndim != 4 or len(pixels) == 0:
        raise ParameterError("images must have the shape (N, C, H, W) with N > 0", got=pixels.shape)
    clean = pixels.astype(np.float32) / np.float32(255) if pixels.dtype == np.uint8 else pixels.astype(np.float32)
    if not (clean.min() >= 0 and clean.max() <= 1):
        raise ParameterError("pixels must lie in [0, 1]", got=f"{clean.min()} .. {clean.max()}")
    if truth.shape != (len(pixels),) or not np.issubdtype(truth.dtype, np.integer):
        raise ParameterError(f"labels must be {len(pixels)} integers", got=f"{truth.dtype} of shape {truth.shape}")
    keys = np.arange(len(pixels)) if ids is None else np.asarray(ids)
    if keys.shape != truth.shape:
        raise ParameterError("ids must be as many as images", got=keys.shape, allowed=str(truth.shape))
    return clean, truth.astype(np.int64), keys.astype(np.int64)
