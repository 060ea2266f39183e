"""Any attack on gradients, with slopes for the steps of a model that rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_robustness.attacks.straight_through import straight_through
from pytest_robustness.attacks.wrapped import Wrapped

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from pytest_robustness.attacks.base import Result
    from pytest_robustness.classifiers import Classifier


@dataclass(frozen=True, kw_only=True)
class StraightThrough(Wrapped):
    """An attack whose gradients pass straight through rounding, casts and comparisons, see `straight_through`.

    On a model without such steps it is the attack itself; a comparison that is cast to numbers is one of them.

    Parameters
    ----------
    attack : Attack
        One stage that follows gradients, for instance ``PGD(eps=0.1)``.
    """

    name = "straight-through"

    def slopes(self) -> AbstractContextManager[object]:
        """Return the context in which steps have slopes."""
        return straight_through()

    def parameters(self) -> dict[str, Any]:
        """Return the name and the parameters of the attack."""
        return {"through": self.attack.name, **self.attack.parameters()}

    def _attack(
        self,
        classifier: Classifier,
        images: NDArray[np.float32],
        labels: NDArray[np.int64],
        ids: NDArray[np.int64],
        seed: int,
    ) -> Result:
        with straight_through():
            return self.attack._attack(classifier, images, labels, ids, seed)  # noqa: SLF001
