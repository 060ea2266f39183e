"""What a library of attacks has to say of itself, and the clothes in which it gets to see a classifier."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from pytest_robustness.errors import EvaluationError, RobustnessError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from pytest_robustness.attacks.batch import Batch
    from pytest_robustness.classifiers import Forward


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a foreign attack is to do: the samples, the scores of the classifier, the ball.

    Attributes
    ----------
    forward : Asked
        Images (B, C, H, W) to scores (B, K), differentiable where the attack needs gradients.
    batch : Batch
    norm : {"linf", "l2"}
    eps : float
    classes : int
        K.
    """

    forward: Asked
    batch: Batch
    norm: str
    eps: float
    classes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What has to be known of a library of attacks; every callable but `run` takes an attack of the library.

    Attributes
    ----------
    is_attack : callable
        Whether any object of the library is an attack on images.
    norm : callable
        The name of the norm that an attack is bound to; None where it does not say.
    needs : callable
        "gradients", "scores" or "labels".
    targeted : callable
        Whether an attack aims at a class instead of away from the true one.
    options : callable
        Its public parameters, as they are.
    models : callable
        All models that it holds, in the library's own form, or the `Vacant` ones in their places.
    run : callable
        From an attack with vacant models, and a `Task`, to images (B, C, H, W), of any type that holds numbers.
    """

    is_attack: Callable[[Any], bool]
    norm: Callable[[Any], str | None]
    needs: Callable[[Any], str]
    targeted: Callable[[Any], bool]
    options: Callable[[Any], Mapping[str, Any]]
    models: Callable[[Any], list[Any]]
    run: Callable[[Any, Task], Any]


class Vacant:
    """Stands where the model of an attack was; keeps the loss that came with it, if any did."""

    def __init__(self, model: Any) -> None:
        self.loss = copy.deepcopy(getattr(model, "_loss", None))
        self.flags = {name: value for name, value in vars(model).items() if name in _LOSS_FLAGS}


_LOSS_FLAGS = frozenset({"_reduce_labels", "_int_labels", "_probability_labels"})
"""How an estimator of ART feeds labels to its loss."""


class Asked:
    """The scores of a classifier as a library gets to ask for them: an error that is the library's own is called that.

    Attributes
    ----------
    device : str
        Where images have to lie.
    """

    def __init__(self, forward: Forward, library: str) -> None:
        self.device = forward.device
        self._forward = forward
        self._library = library

    def __call__(self, images: Tensor) -> Tensor:
        """Return the scores (B, K) of images (B, C, H, W) in [0, 1]."""
        pixels = images.to(self.device, torch.float32)
        try:
            return self._forward(pixels)
        except RobustnessError as error:
            if bool(pixels.isfinite().all()):
                raise
            raise EvaluationError(
                f"an attack of {self._library} asked the model for images with NaN or infinity"
            ) from error


class Network(torch.nn.Module):
    """A classifier as a torch module without parts: whatever a library does to it does not reach the model."""

    def __init__(self, forward: Asked) -> None:
        super().__init__()
        self._scores = forward
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores (B, K) of images (B, C, H, W)."""
        return self._scores(images)


def with_models(attack: Any, models: Mapping[int, Any]) -> Any:
    """Return a copy of an attack in which each model is another one, by the id of the old one.

    The attack itself is left alone: it may be in use elsewhere, and a run that fails has nothing to restore.
    """
    return copy.deepcopy(attack, dict(models))


def public(attack: Any) -> dict[str, Any]:
    """Return the attributes of an object whose names do not begin with an underscore, by name."""
    return {name: value for name, value in sorted(vars(attack).items()) if name[0] != "_"}


def norm_name(p: object) -> str | None:
    """Return the name of a p-norm, "linf" for infinity; None for what is not a number."""
    if p == "inf":
        return "linf"
    if not isinstance(p, int | float):
        return None
    return "linf" if math.isinf(p) else f"l{p:g}"
