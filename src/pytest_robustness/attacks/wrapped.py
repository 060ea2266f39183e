"""What attacks share that change how another one sees the model."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_robustness.attacks.base import Attack, Reach
from pytest_robustness.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from pytest_robustness.classifiers import Classifier


@dataclass(frozen=True, kw_only=True)
class Wrapped(Attack):
    """An attack around another one, of the same norm, radius and target.

    Parameters
    ----------
    attack : Attack
        One stage that follows gradients, for instance ``PGD(eps=0.1)``.
    """

    attack: Attack

    def __post_init__(self) -> None:
        """Refuse what follows no gradient; take over what it aims at."""
        if not isinstance(self.attack, Attack) or self.attack.needs != "gradients":
            raise ParameterError("not an attack that follows gradients", got=self.attack, allowed="PGD(eps=0.1)")
        object.__setattr__(self, "target", self.attack.target)
        object.__setattr__(self, "minimal", self.attack.minimal)

    @property
    def reach(self) -> Reach:
        """That of the attack inside."""
        return self.attack.reach

    def at(self, eps: float) -> Attack:
        """Return this attack at another radius."""
        return replace(self, attack=self.attack.at(eps))

    def stages(self, classifier: Classifier) -> Sequence[Attack]:
        """Return this attack; raise CapabilityError where the classifier has no gradients."""
        self.attack.stages(classifier)
        return (self,)


class ChangedBackend:
    """The backend of a classifier, but for the map that attacks follow.

    Parameters
    ----------
    classifier : Classifier
    change : callable
        From the map of images to logits to the map that takes its place.
    """

    def __init__(
        self, classifier: Classifier, change: Callable[[Callable[[Tensor], Tensor]], Callable[[Tensor], Tensor]]
    ) -> None:
        self._backend = classifier.backend
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    @contextmanager
    def differentiable(self) -> Iterator[Callable[[Tensor], Tensor]]:
        """Yield the changed map."""
        with self._backend.differentiable() as function:
            yield self._change(function)
