"""Attacks that are made on one model and tried on another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_robustness.attacks.base import Attack, Reach, Result
from pytest_robustness.attacks.wrapped import ChangedBackend
from pytest_robustness.classifiers import Classifier, load_classifier
from pytest_robustness.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_robustness.classifiers import Forward


@dataclass(frozen=True, kw_only=True, eq=False)
class Transfer(Attack):
    """An attack along the gradients of a surrogate, tried on the model (Papernot et al. 2016, arXiv:1605.07277).

    It asks the model for its prediction at every step, and ends where the model, not the surrogate, is fooled: a model
    that hides its gradients is not helped by that here. The passes of the surrogate are counted on its own
    `Classifier`.

    Parameters
    ----------
    attack : Attack
        What is run on the surrogate; not a targeted one.
    surrogate : Classifier or model source
        Anything that `load_classifier` takes, for the same images and classes.

    Raises
    ------
    CapabilityError
        Where the surrogate lacks what the attack needs.
    """

    name = "transfer"
    needs = "labels"
    targetable = False

    attack: Attack
    surrogate: Any

    def __post_init__(self) -> None:
        """Load the surrogate; refuse an attack that cannot be run on it."""
        super().__post_init__()
        if not isinstance(self.attack, Attack):
            allowed = "an attack object, for instance PGD(eps=0.1)"
            raise ParameterError("not an attack to be transferred", got=self.attack, allowed=allowed)
        if self.attack.target is not None:
            got = f"target={self.attack.target!r}"
            raise ParameterError("an attack that is transferred cannot be targeted", got=got)
        object.__setattr__(self, "surrogate", load_classifier(self.surrogate))
        self.attack.stages(self.surrogate)

    def __eq__(self, other: object) -> bool:
        """Return whether the other makes the same attack on the same surrogate."""
        return isinstance(other, Transfer) and self._content == other._content

    def __hash__(self) -> int:
        """Return a hash of the attack and the surrogate."""
        return hash(self._content)

    @property
    def reach(self) -> Reach:
        """That of the attack that is transferred."""
        return self.attack.reach

    @property
    def norm(self) -> str:
        """The norm of the attack that is transferred."""
        return str(self.attack.norm)  # type: ignore[attr-defined]

    @property
    def eps(self) -> float:
        """The radius of the attack that is transferred."""
        return float(self.attack.eps)  # type: ignore[attr-defined]

    def at(self, eps: float) -> Attack:
        """Return this attack at another radius."""
        return replace(self, attack=self.attack.at(eps))

    @property
    def surrogates(self) -> tuple[Classifier, ...]:
        """The model that lends its gradients."""
        return (self.surrogate, *self.attack.surrogates)

    def examined(self, classifier: Classifier) -> tuple[Attack, Classifier]:
        """Return the attack on the surrogate: it is the gradients there that may lead nowhere."""
        del classifier
        return self.attack, self.surrogate

    def parameters(self) -> dict[str, Any]:
        """Return the name and the parameters of the attack that is transferred, and the surrogate."""
        classifier: Classifier = self.surrogate
        surrogate = f"{classifier.name}:{classifier.fingerprint[:12]}"
        return {"of": self.attack.name, **self.attack.parameters(), "surrogate": surrogate}

    @property
    def _content(self) -> tuple[Attack, str]:
        return self.attack, self.surrogate.fingerprint

    def _attack(
        self,
        classifier: Classifier,
        images: NDArray[np.float32],
        labels: NDArray[np.int64],
        ids: NDArray[np.int64],
        seed: int,
    ) -> Result:
        with classifier.queries() as asked:
            by_labels = classifier.backend.outputs == "labels"
            aimed = replace(
                self.surrogate, backend=ChangedBackend(self.surrogate, _aimed_at(asked, by_labels=by_labels))
            )
            return self.attack.search(aimed, images, labels, ids=ids, seed=seed, batch_size=len(images))


def _aimed_at(asked: Forward, *, by_labels: bool) -> Callable[[Callable[[Tensor], Tensor]], Callable[[Tensor], Tensor]]:
    """Return what puts the prediction of the model that is attacked in front of the scores of a surrogate."""
    from pytest_robustness.classifiers.twins import pointed_at  # brings scikit-learn along

    def change(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def aimed(images: Tensor) -> Tensor:
            scores, answers = function(images), asked(images.detach())
            if scores.shape[1] != answers.shape[1] and not by_labels:
                raise ParameterError(
                    "the surrogate has other classes than the model",
                    got=f"{scores.shape[1]} classes",
                    allowed=f"{answers.shape[1]}, as the model",
                )
            return pointed_at(scores, answers.argmax(dim=1).to(scores.device))

        return aimed

    return change
