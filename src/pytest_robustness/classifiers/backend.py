"""What stands behind a Classifier: the protocol of a backend, the count of passes, the differentiable map."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from pytest_robustness.classifiers import outputs as checks

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_robustness.classifiers.base import Classifier
    from pytest_robustness.classifiers.pytorch import TorchBackend


class Backend(Protocol):
    """What a kind of model has to bring along to become a Classifier."""

    @property
    def kind(self) -> str:
        """One of ``"torch"``, ``"scikit-learn"``, ``"onnx"``, ``"callable"``."""

    @property
    def device(self) -> str:
        """Where differentiable tensors have to lie."""

    @property
    def outputs(self) -> str:
        """What `scores` returns: ``"logits"``, ``"probabilities"`` or ``"labels"``."""

    @property
    def link(self) -> str | None:
        """How logits become probabilities, a key of `outputs.LINKS`; None where the model defines no probabilities."""

    @property
    def has_gradients(self) -> bool:
        """Whether `differentiable` may be called."""

    @property
    def flattens(self) -> bool:
        """Whether only the number of pixels matters, not their arrangement."""

    @property
    def first_layer(self) -> str:
        """What the model itself says about the images it takes, for error messages; may be empty."""

    def scores(self, pixels: NDArray[np.float32], /) -> NDArray[Any]:
        """Return (N, K) scores or (N,) labels of images (N, C, H, W) in [0, 1]."""

    def differentiable(self) -> AbstractContextManager[Callable[[Tensor], Tensor]]:
        """Yield the map from images (B, C, H, W) in [0, 1] to logits (B, K)."""

    def relabelled(self) -> Backend:
        """Return this backend with `outputs` set to ``"labels"``."""


def on_torch(backend: Backend) -> TypeGuard[TorchBackend]:
    """Return whether a backend is a torch module or a twin, without importing torch where none is."""
    module = sys.modules.get("pytest_robustness.classifiers.pytorch")
    return module is not None and isinstance(backend, module.TorchBackend)


@dataclass(slots=True)
class Passes:
    """How many images went through a model, forwards and backwards. It only grows, but for `reset`."""

    forwards: int = 0
    backwards: int = 0

    def snapshot(self) -> Passes:
        """Return a copy, to be subtracted from a later one."""
        return Passes(self.forwards, self.backwards)

    def __sub__(self, earlier: Passes) -> Passes:
        """Return what was added since `earlier`."""
        return Passes(self.forwards - earlier.forwards, self.backwards - earlier.backwards)

    def reset(self) -> None:
        """Start again from zero."""
        self.forwards = self.backwards = 0


class Forward:
    """The differentiable map that `Classifier.differentiable` yields; counts its passes, refuses NaN.

    Attributes
    ----------
    device : str
        Where images have to lie.
    """

    __slots__ = ("_classifier", "_function", "device")

    def __init__(self, classifier: Classifier, function: Callable[[Tensor], Tensor]) -> None:
        self._classifier = classifier
        self._function = function
        self.device = classifier.device

    def __call__(self, images: Tensor) -> Tensor:
        """Return the logits (B, K) of float32 images (B, C, H, W) in [0, 1]."""
        logits: Tensor = self._classifier.guarded(self._function, images)
        passes = self._classifier.passes
        passes.forwards += len(images)
        if logits.ndim != 2 or logits.shape[1] < 2 or len(logits) != len(images):
            raise checks.wrong_shape(tuple(logits.shape), len(images), "logits")
        if bool(logits.isnan().any()):
            raise checks.not_finite(int(logits.isnan().any(dim=1).nonzero()[0]))
        if logits.requires_grad:
            # A hook on the logits fires once for each walk back through the model, also where an attack asks for the
            # gradients of several classes from one forward pass.
            logits.register_hook(lambda _: self._count_backward(len(images)))  # type: ignore[no-untyped-call]
        return logits

    def _count_backward(self, images: int) -> None:
        self._classifier.passes.backwards += images
