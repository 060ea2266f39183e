"""torch modules: evaluation mode and frozen parameters while in use, both restored afterwards."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pytest_robustness.classifiers.preprocessing import Preprocessing
from pytest_robustness.errors import ClassifierError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from pytest_robustness.classifiers.estimators import EstimatorBackend


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchBackend:
    """A torch module, or the differentiable twin of a scikit-learn estimator.

    Parameters
    ----------
    module : torch.nn.Module
        From (B, C, H, W) to (B, K), already on `device`.
    outputs : {"logits", "probabilities", "labels"}
    layer : str, optional
        The layer whose output is the features, in place of what enters the last linear layer.
    origin : EstimatorBackend, optional
        The estimator of which this is the twin.
    """

    module: nn.Module
    device: str
    outputs: str
    prepare: Preprocessing = field(default_factory=Preprocessing)
    kind: str = "torch"
    link: str | None = "softmax"
    flattens: bool = False
    layer: str | None = None
    origin: EstimatorBackend | None = None

    @property
    def has_gradients(self) -> bool:
        """Labels have none."""
        return self.outputs != "labels"

    @property
    def first_layer(self) -> str:
        """The first layer with weights, as torch prints it."""
        for layer in self.module.modules():
            if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):  # noqa: SLF001
                return f"whatever its first layer takes: {layer}"
        return ""

    def scores(self, pixels: NDArray[np.float32], /) -> NDArray[Any]:
        """Return the outputs of images (N, C, H, W) in [0, 1] as they are; torch keeps no graph."""
        # Laid out as in `differentiable`, so that both round alike.
        with evaluating(self.module), _laid_out(self.module), torch.no_grad():
            result = self._raw(torch.from_numpy(pixels).to(self.device)).detach().cpu()
        return np.asarray(result.float().numpy() if result.dtype in _HALVES else result.numpy())

    @contextmanager
    def differentiable(self) -> Iterator[Callable[[Tensor], Tensor]]:
        """Yield the map from images to logits; parameters do not require gradients inside."""
        _keep_freed_memory()
        with evaluating(self.module), _frozen(self.module), _laid_out(self.module):
            yield self._logits

    def relabelled(self) -> TorchBackend:
        """Return this backend with outputs that are labels."""
        return replace(self, outputs="labels")

    def _logits(self, images: Tensor) -> Tensor:
        # The clone keeps a model that works in place on its input from changing the attacker's images.
        raw = self._raw(images.clone())
        if self.outputs == "logits":
            return raw
        # Logarithms of probabilities are logits; the clamp keeps an exact 0 finite.
        return raw.clamp_min(torch.finfo(raw.dtype).tiny).log()

    def _raw(self, images: Tensor) -> Tensor:
        result = self.module(self.prepare.tensor(images).to(_dtype(self.module)))
        if not isinstance(result, Tensor):
            keys = f" with the keys {sorted(map(str, result))}" if isinstance(result, dict) else ""
            raise ClassifierError(
                "the module does not return a tensor",
                got=f"{type(result).__name__}{keys}",
                allowed="one tensor (N, K)",
                mend="Wrap the module in one whose forward picks out the logits.",
            )
        return result


_HALVES = {torch.float16, torch.bfloat16}


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Hold a module in evaluation mode; give each submodule its own training flag back afterwards."""
    training = [part for part in module.modules() if part.training]
    try:
        if training:
            # Exported programs have no modes, and refuse.
            with suppress(NotImplementedError):
                module.eval()
        yield
    finally:
        for part in training:
            part.training = True


def to_device(module: nn.Module, device: str) -> nn.Module:
    """Move a module, in place as torch does, and return it.

    Raises
    ------
    ParameterError
        Where torch does not know the device or this machine does not have it.
    ClassifierError
        Where the module has lazy parameters that were never initialised.
    """
    for name, tensor in chain(module.named_parameters(), module.named_buffers()):
        if nn.parameter.is_lazy(tensor):
            raise ClassifierError(
                "the module has a lazy parameter without a shape",
                got=name,
                mend="Call the module once on a batch of images before handing it over.",
            )
    try:
        return module.to(torch.device(device))
    except _NO_DEVICE as error:
        raise _unusable(device) from error


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises
    ------
    ParameterError
        Where torch does not know the device or this machine does not have it.
    """
    try:
        torch.zeros(1, device=device)
    except _NO_DEVICE as error:
        raise _unusable(device) from error


_NO_DEVICE = (RuntimeError, AssertionError, NotImplementedError, TypeError)


def _unusable(device: str) -> ParameterError:
    names = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    names += ["mps"] if torch.backends.mps.is_available() else []
    return ParameterError("the device cannot be used", got=device, allowed=names)


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    wanting = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in wanting:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in wanting:
            parameter.requires_grad_(True)


@contextmanager
def _laid_out(module: nn.Module) -> Iterator[None]:
    """Keep the weights of convolutions with their channels last, which CPUs are up to twice as fast with.

    Where all of them skip pixels, as in small or patchwise networks, there is less to win than the change costs.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d) and layer.weight.device.type == "cpu"]
    if all(max(layer.stride) > 1 for layer in layers):
        layers = []
    weights = [(layer.weight, layer.weight.data) for layer in layers]
    for weight, _ in weights:
        weight.data = weight.data.to(memory_format=torch.channels_last)
    try:
        yield
    finally:
        for weight, before in reversed(weights):
            weight.data = before


@cache
def _keep_freed_memory() -> None:
    """Have the C library keep what is freed between two steps, instead of fetching it anew page by page.

    The allocator of glibc hands the top of its heap back to the system above a threshold, which it raises to twice the
    largest block (of at most 32 MiB) that was ever mapped on its own and freed. A block that nobody writes to costs
    nothing; the steps of an attack on a small network get up to a third faster. Elsewhere it has no effect.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


def _dtype(module: nn.Module) -> torch.dtype:
    for tensor in chain(module.parameters(), module.buffers()):
        if tensor.is_floating_point():
            return tensor.dtype
    return torch.float32
