"""Any attack, on the average of several answers of a model that changes from call to call."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from pytest_robustness.attacks.base import Attack, Result
from pytest_robustness.errors import ParameterError, check_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_robustness.classifiers import Classifier


@dataclass(frozen=True, kw_only=True)
class Averaged(Attack):
    """An attack on the mean logits of several calls (Athalye et al. 2018, arXiv:1707.07397, section 2.1).

    For models that draw noise when they predict: the gradient is then that of an expectation.

    Parameters
    ----------
    attack : Attack
        One stage that follows gradients, for instance ``APGDCE(eps=0.1)``.
    calls : int
        Calls of the model for each step.
    """

    name = "averaged"

    attack: Attack
    calls: int = 20

    def __post_init__(self) -> None:
        """Refuse what follows no gradient; take over what it aims at."""
        if not isinstance(self.attack, Attack) or self.attack.needs != "gradients":
            raise ParameterError("not an attack that follows gradients", got=self.attack, allowed="PGD(eps=0.1)")
        check_number("calls", self.calls, minimum=1, whole=True)
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

    def stages(self, classifier: Classifier) -> Sequence[Attack]:
        """Return this attack; raise CapabilityError where the classifier has no gradients."""
        self.attack.stages(classifier)
        return (self,)

    def parameters(self) -> dict[str, Any]:
        """Return the name and the parameters of the attack, and the number of calls."""
        return {"averaged": self.attack.name, "calls": self.calls, **self.attack.parameters()}

    def _attack(
        self,
        classifier: Classifier,
        images: NDArray[np.float32],
        labels: NDArray[np.int64],
        ids: NDArray[np.int64],
        seed: int,
    ) -> Result:
        mean = replace(classifier, backend=_MeanBackend(classifier, self.calls))
        return self.attack._attack(mean, images, labels, ids, seed)  # noqa: SLF001


class _MeanBackend:
    """The backend of a classifier, but for a map to logits that is the mean of several calls."""

    def __init__(self, classifier: Classifier, calls: int) -> None:
        self._classifier = classifier
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._classifier.backend, name)

    @contextmanager
    def differentiable(self) -> Iterator[Callable[[Tensor], Tensor]]:
        """Yield the map from images to mean logits; whoever calls it counts one pass, the others are counted here."""
        further, passes = self._calls - 1, self._classifier.passes
        with self._classifier.backend.differentiable() as function:

            def mean(images: Tensor) -> Tensor:
                logits = torch.stack([function(images) for _ in range(self._calls)]).mean(dim=0)
                passes.forwards += further * len(images)
                if logits.requires_grad:
                    logits.register_hook(lambda _: _add_backwards(passes, further * len(images)))  # type: ignore[no-untyped-call]
                return logits

            yield mean


def _add_backwards(passes: Any, images: int) -> None:
    passes.backwards += images
