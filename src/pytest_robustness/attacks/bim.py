"""The basic iterative method."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_robustness.attacks.base import NormAttack
from pytest_robustness.attacks.pgd import climb
from pytest_robustness.errors import check_number

if TYPE_CHECKING:
    from pytest_robustness.attacks.batch import Batch, Found
    from pytest_robustness.classifiers import Forward


@dataclass(frozen=True, kw_only=True)
class BIM(NormAttack):
    """Small steps along the sign (linf) or the direction (l2) of the gradient, from the image itself.

    Kurakin, Goodfellow and Bengio 2017, arXiv:1607.02533, section 2.2.

    Parameters
    ----------
    norm, eps, target
        See `NormAttack`.
    steps : int
        Gradient steps.
    step_size : float, optional
        Length of a step in the units of `eps`; by default ``eps / steps``, with which the edge is just reached.
    """

    name = "bim"

    steps: int = 10
    step_size: float | None = field(default=None, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("steps", self.steps, minimum=1, whole=True)
        if self.step_size is not None:
            check_number("step_size", self.step_size, minimum=0.0, above=True)

    def _perturb(self, forward: Forward, batch: Batch) -> Found:
        size = self.eps / self.steps if self.step_size is None else self.step_size
        return climb(forward, batch, batch.images, steps=self.steps, size=size)
