"""The fast gradient sign method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_robustness.attacks.base import NormAttack
from pytest_robustness.attacks.pgd import climb

if TYPE_CHECKING:
    from pytest_robustness.attacks.batch import Batch, Found
    from pytest_robustness.classifiers import Forward


@dataclass(frozen=True, kw_only=True)
class FGSM(NormAttack):
    """One step of length `eps` along the sign (linf) or the direction (l2) of the gradient of the cross-entropy.

    Goodfellow, Shlens and Szegedy 2015, arXiv:1412.6572, section 4.
    """

    name = "fgsm"

    def _perturb(self, forward: Forward, batch: Batch) -> Found:
        return climb(forward, batch, batch.images, steps=1, size=self.eps)
