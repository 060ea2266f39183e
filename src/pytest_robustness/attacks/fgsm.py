"""The fast gradient sign method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_robustness.attacks.base import Attack
from pytest_robustness.attacks.pgd import climb

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_robustness.attacks.balls import Ball
    from pytest_robustness.classifiers import Forward


@dataclass(frozen=True, kw_only=True)
class FGSM(Attack):
    """One step of length `eps` along the sign (linf) or the direction (l2) of the gradient of the cross-entropy.

    Goodfellow, Shlens and Szegedy 2015, arXiv:1412.6572, section 4.
    """

    name = "fgsm"

    def _perturb(
        self, forward: Forward, images: Tensor, labels: Tensor, ball: Ball, *, ids: NDArray[np.int64], seed: int
    ) -> Tensor:
        del ids, seed  # the method draws nothing
        ends, _ = climb(forward, images, labels, ball, steps=1, size=self.eps)
        return ends
