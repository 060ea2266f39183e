"""Attacks that are made on one model and tried on another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pytest_robustness.attacks.base import Attack, Result
from pytest_robustness.classifiers import Classifier, load_classifier
from pytest_robustness.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Transfer(Attack):
    """An attack on a surrogate, whose images are tried on the model (Papernot et al. 2016, arXiv:1605.07277).

    It asks the model for labels only, at most once an image: a model that hides its gradients is not helped by that
    here. A sample that the surrogate gets wrong to begin with counts as it is. The search of a sample ends where the
    surrogate is fooled. The passes of the surrogate are counted on its own `Classifier`.

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
    def norm(self) -> str:
        """The norm of the attack that is transferred."""
        return str(self.attack.norm)  # type: ignore[attr-defined]

    @property
    def eps(self) -> float:
        """The radius of the attack that is transferred."""
        return float(self.attack.eps)  # type: ignore[attr-defined]

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
        found = self.attack.run(self.surrogate, images, labels, seed=seed, ids=ids, batch_size=len(images))
        fooled = np.zeros(len(images), dtype=np.bool_)
        # What was not moved is still classified correctly.
        moved = np.flatnonzero((found != images).any(axis=(1, 2, 3)))
        if len(moved):
            with classifier.queries() as forward:
                scores = forward(torch.as_tensor(found[moved], device=forward.device))
            fooled[moved] = scores.argmax(dim=1).cpu().numpy() != labels[moved]
        return Result(found, fooled)
