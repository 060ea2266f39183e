"""What all attacks share: checked inputs, no work on samples that are already wrong, exact projection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from pytest_robustness.attacks.balls import BALLS, Ball
from pytest_robustness.errors import ClassifierError, ParameterError, check_number, unknown_name

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from pytest_robustness.classifiers import Classifier, Forward


@dataclass(frozen=True, kw_only=True)
class Attack(ABC):
    """An untargeted attack that maximises the loss inside a ball.

    Parameters
    ----------
    norm : {"linf", "l2"}
        Norm of the ball.
    eps : float
        Radius of the ball, in units of pixels in [0, 1]; at most 1 for linf.
    """

    name: ClassVar[str]

    norm: str = "linf"
    eps: float

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        if self.norm not in tuple(BALLS):
            raise unknown_name("norm", self.norm, BALLS)
        check_number("eps", self.eps, minimum=0.0)
        if self.norm == "linf" and self.eps > 1:
            raise ParameterError(
                "eps is out of range",
                got=self.eps,
                allowed="0 to 1 for linf: pixels lie in [0, 1]",
                mend=f"A radius of {self.eps:g} grey levels of 256 is eps={self.eps:g}/255.",
            )

    def run(
        self,
        classifier: Classifier,
        images: ArrayLike,
        labels: ArrayLike,
        *,
        seed: int = 0,
        ids: ArrayLike | None = None,
        batch_size: int = 500,
    ) -> NDArray[np.float32]:
        """Return adversarial images.

        Parameters
        ----------
        classifier : Classifier
            Must offer gradients.
        images : array_like of shape (N, C, H, W)
            uint8, or floats in [0, 1].
        labels : array_like of int, shape (N,)
            True labels.
        seed : int
            Seed of the run.
        ids : array_like of int, shape (N,), optional
            Identity of each sample, the key of its noise; by default its position.
        batch_size : int
            Images in a forward pass.

        Returns
        -------
        ndarray of float32, shape (N, C, H, W)
            Inside the ball and inside [0, 1], exactly. A sample that the classifier got wrong to begin with is returned
            as it was; one that resisted is returned as the attack left it.

        Raises
        ------
        CapabilityError
            Where the classifier has no gradients.
        ParameterError
            Where shapes, values or labels do not fit together.
        """
        check_number("batch_size", batch_size, minimum=1, whole=True)
        clean, truth, keys = _checked(images, labels, ids)
        adversarial = np.empty_like(clean)
        with classifier.differentiable() as forward:
            for start in range(0, len(clean), batch_size):
                rows = slice(start, start + batch_size)
                adversarial[rows] = self._attack_batch(forward, clean[rows], truth[rows], keys[rows], seed)
        return adversarial

    def _attack_batch(
        self, forward: Forward, clean: NDArray[np.float32], truth: NDArray[np.int64], ids: NDArray[np.int64], seed: int
    ) -> NDArray[np.float32]:
        device = forward.device
        images = torch.tensor(clean, device=device)
        labels = torch.as_tensor(truth, device=device)
        with torch.no_grad():
            right = forward(images).argmax(dim=1) == labels
        if right.any():
            ball = BALLS[self.norm].around(images[right], self.eps)
            keys = ids[right.cpu().numpy()]
            images[right] = self._perturb(forward, images[right], labels[right], ball, ids=keys, seed=seed)
        return images.cpu().numpy()

    @abstractmethod
    def _perturb(
        self, forward: Forward, images: Tensor, labels: Tensor, ball: Ball, *, ids: NDArray[np.int64], seed: int
    ) -> Tensor:
        """Return allowed images (B, C, H, W) for B samples that are all classified correctly."""


def odds_against(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the logarithm of the odds against the true class, ``log sum_{k != y} exp(z_k) - z_y``, shape (B,).

    The cross-entropy is ``log(1 + exp(.))`` of it. Their gradients have the same direction, so that a step along the
    sign or the unit vector of either is the same step; but that of the cross-entropy rounds to zero for a confident
    sample, and that of the odds never does.
    """
    truth = labels[:, None]
    others = logits.scatter(1, truth, -torch.inf)
    return others.logsumexp(dim=1) - logits.gather(1, truth)[:, 0]


def input_gradient(values: Tensor, points: Tensor) -> Tensor:
    """Return the gradient of each sample's value in its own point; zero where the model has cut the path between them.

    Raises
    ------
    ClassifierError
        Where the gradient is NaN or infinite.
    """
    if not values.requires_grad:
        return torch.zeros_like(points)
    (gradient,) = torch.autograd.grad(values.sum(), points, allow_unused=True)
    if gradient is None:
        return torch.zeros_like(points)
    if not bool(gradient.isfinite().all()):
        raise ClassifierError(
            "the gradient of the model is not finite",
            got="NaN or infinity",
            mend="Look for a square root or a norm of zero, or an overflow: their slopes are infinite.",
        )
    return gradient


def _checked(
    images: ArrayLike, labels: ArrayLike, ids: ArrayLike | None
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
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
