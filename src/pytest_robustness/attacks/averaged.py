"""Any attack, on the average of several answers of a model that changes from call to call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from pytest_robustness.attacks.wrapped import ChangedBackend, Wrapped
from pytest_robustness.errors import check_number

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_robustness.attacks.base import Result
    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.classifiers.backend import Passes


@dataclass(frozen=True, kw_only=True)
class Averaged(Wrapped):
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

    calls: int = 20

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("calls", self.calls, minimum=1, whole=True)

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
        mean = replace(classifier, backend=ChangedBackend(classifier, _mean_of(self.calls, classifier.passes)))
        return self.attack._attack(mean, images, labels, ids, seed)  # noqa: SLF001


def _mean_of(calls: int, passes: Passes) -> Callable[[Callable[[Tensor], Tensor]], Callable[[Tensor], Tensor]]:
    """Return what makes a map the mean of several calls. Whoever calls it counts one; the others are counted here."""

    def change(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def mean(images: Tensor) -> Tensor:
            further = (calls - 1) * len(images)
            logits = torch.stack([function(images) for _ in range(calls)]).mean(dim=0)
            passes.forwards += further
            if logits.requires_grad:
                logits.register_hook(lambda _: _add_backwards(passes, further))  # type: ignore[no-untyped-call]
            return logits

        return mean

    return change


def _add_backwards(passes: Passes, images: int) -> None:
    passes.backwards += images
