"""Any attack on gradients, with slopes for the steps of a model that rounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_robustness.attacks.base import Attack, Result
from pytest_robustness.attacks.straight_through import straight_through
from pytest_robustness.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from pytest_robustness.classifiers import Classifier


@dataclass(frozen=True, kw_only=True)
class StraightThrough(Attack):
    """An attack whose gradients pass straight through rounding, casts and comparisons, see `straight_through`.

    On a model without such steps it is the attack itself, to the bit.

    Parameters
    ----------
    attack : Attack
        One stage that follows gradients, for instance ``PGD(eps=0.1)``.
    """

    name = "straight-through"

    attack: Attack

    def __post_init__(self) -> None:
        """Refuse what follows no gradient; take over what it aims at."""
        if not isinstance(self.attack, Attack) or self.attack.needs != "gradients":
            raise ParameterError("not an attack that follows gradients", got=self.attack, allowed="PGD(eps=0.1)")
        object.__setattr__(self, "target", self.attack.target)
        object.__setattr__(self, "minimal", self.attack.minimal)

    @property
    def norm(self) -> str:
        """The norm of the attack."""
        return str(getattr(self.attack, "norm", "linf"))

    @property
    def eps(self) -> float:
        """The radius of the attack."""
        return float(getattr(self.attack, "eps", 1.0))

    def at(self, eps: float) -> Attack:
        """Return this attack at another radius."""
        return replace(self, attack=self.attack.at(eps))

    def slopes(self) -> AbstractContextManager[object]:
        """Return the context in which steps have slopes."""
        return straight_through()

    def stages(self, classifier: Classifier) -> Sequence[Attack]:
        """Return this attack; raise CapabilityError where the classifier has no gradients."""
        self.attack.stages(classifier)
        return (self,)

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
