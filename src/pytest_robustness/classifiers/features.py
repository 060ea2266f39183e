"""Features: what enters the last linear layer of a torch module or of a twin, or what a layer named by the user gives.

The last linear layer is found on images, not by name: the last `torch.nn.Linear` that ran, and whose output is what
the model returned, or what it returned the softmax or its logarithm of.
"""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pytest_robustness.classifiers import outputs as checks
from pytest_robustness.classifiers.backend import on_torch
from pytest_robustness.errors import CapabilityError, ClassifierError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from pytest_robustness.classifiers.backend import Backend
    from pytest_robustness.classifiers.base import Classifier

_PROBE = 4
_TOLERANCE = 1e-4


class LinearHead(NamedTuple):
    """The last linear layer: ``logits = features @ weight.T + bias``, but for a constant a row.

    Attributes
    ----------
    weight : ndarray of float64, shape (K, D)
    bias : ndarray of float64, shape (K,)
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]


class LastLayer(NamedTuple):
    """Where the last linear layer is in its module, and what it computes."""

    name: str
    head: LinearHead


class _Call(NamedTuple):
    """What went into a layer and what came out, (B, ...) each."""

    name: str
    entered: Tensor
    left: Tensor


def last_layer(backend: Backend, pixels: NDArray[np.float32]) -> LastLayer | None:
    """Return the last linear layer of a model, looked for by a pass of images (N, C, H, W) in [0, 1]; None without."""
    if not on_torch(backend) or backend.outputs == "labels":
        return None
    kinds: tuple[type[nn.Module], ...] = (nn.Linear,)
    if backend.origin is not None:
        from pytest_robustness.classifiers.twins.transforms import Affine

        kinds = (nn.Linear, Affine)
    layers: dict[str, nn.Module] = {
        name: part for name, part in backend.module.named_modules() if isinstance(part, kinds)
    }
    with _recorded(layers) as calls:
        raw = np.asarray(backend.scores(pixels), dtype=np.float64)
    for call in reversed(calls):
        if call.entered.ndim == call.left.ndim == 2 and len(call.entered) == len(raw):
            head = _fitting_head(layers[call.name], _array(call.entered), _array(call.left), raw)
            if head is not None:
                return LastLayer(call.name, head)
    return None


def feature_function(classifier: Classifier, images: NDArray[Any]) -> Callable[[NDArray[np.float32]], NDArray[Any]]:
    """Return the map from images (N, C, H, W) in [0, 1] to features (N, D), in the type of the layer.

    Parameters
    ----------
    classifier : Classifier
    images : ndarray of shape (N, C, H, W)
        Some images, to look for the last layer with where `Classifier.bound` has not done so.

    Raises
    ------
    CapabilityError
        Where the model has no last linear layer and no other was named.
    """
    backend = classifier.backend
    name = backend.layer if on_torch(backend) else None
    entered = name is None
    if name is None:
        name = classifier.last_layer
    if name is None:
        name = required_layer(classifier, checks.to_unit_floats(images[:_PROBE])).name
    layer = name
    return lambda pixels: _features_of(backend, layer, pixels, entered=entered)


def head_of(classifier: Classifier) -> LinearHead:
    """Return the last linear layer of a classifier whose input shape is known.

    Raises
    ------
    CapabilityError
        Where there is none, features are taken from a layer that was named, or the shape is not known.
    """
    if classifier.input_shape is None:
        raise CapabilityError(
            f"the last layer of {classifier.name} is looked for with images, and their shape is not known",
            got="input_shape=None",
            mend="Call bound first, or load the model with input_shape=(C, H, W).",
        )
    if on_torch(classifier.backend) and classifier.backend.layer is not None:
        raise CapabilityError(
            "features of a layer named by hand have no head",
            got=f"features={classifier.backend.layer!r}",
            mend="Load the model without features= for the scores that need its last layer.",
        )
    pixels = np.random.default_rng(0).random((_PROBE, *classifier.input_shape), dtype=np.float32)
    return required_layer(classifier, pixels).head


def required_layer(classifier: Classifier, pixels: NDArray[np.float32]) -> LastLayer:
    """Return the last linear layer; raise CapabilityError, which says what to do, where there is none."""
    found: LastLayer | None = classifier.guarded(lambda images: last_layer(classifier.backend, images), pixels)
    classifier.passes.forwards += len(pixels) if on_torch(classifier.backend) else 0
    if found is None:
        raise CapabilityError(
            f"{classifier.name} offers no features: it does not end in a linear layer",
            got=f"{classifier.kind} model of type {_type_of(classifier.backend)}",
            allowed="a torch module that returns what its last nn.Linear gives, or the softmax of that; MLPClassifier "
            "and linear models of scikit-learn that have a differentiable twin",
            mend="For a torch module, name the layer whose outputs are the features: "
            "load_classifier(..., features='layer.name').",
        )
    return found


def _features_of(backend: Backend, name: str, pixels: NDArray[np.float32], *, entered: bool) -> NDArray[Any]:
    """Return what entered a layer, or else what left it, as rows (N, D)."""
    module: nn.Module = backend.module  # type: ignore[attr-defined]
    with _recorded({name: module.get_submodule(name)}) as calls:
        backend.scores(pixels)
    if not calls:
        raise ClassifierError("the layer of the features did not run", got=name, mend="Name another layer.")
    found = calls[-1].entered if entered else calls[-1].left
    if len(found) != len(pixels):
        raise ClassifierError(
            f"the layer {name} does not give one row an image", got=tuple(found.shape), allowed=f"({len(pixels)}, ...)"
        )
    rows = found.flatten(1) if found.ndim > 1 else found[:, None]
    return _array(rows) if rows.dtype == torch.float64 else rows.cpu().float().numpy()


def check_layer(module: nn.Module, name: str | None) -> None:
    """Raise ParameterError where a module has no layer of this name."""
    if name is None:
        return
    names = [known for known, _ in module.named_modules() if known]
    if not isinstance(name, str) or name not in names:
        near = difflib.get_close_matches(str(name), names, n=3) or names[-6:]
        raise ParameterError("the module has no such layer for features", got=name, allowed=near)


def checked_features(features: NDArray[Any], *, offset: int) -> NDArray[Any]:
    """Return features; raise ClassifierError for NaN and infinity."""
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        raise checks.not_finite(offset + int(finite.argmin()))
    return features


@contextmanager
def _recorded(layers: Mapping[str, nn.Module]) -> Iterator[list[_Call]]:
    """Note the calls of layers, in the order in which they end."""
    calls: list[_Call] = []

    def noting(name: str) -> Any:
        def note(_: nn.Module, entered: tuple[Any, ...], left: Any) -> None:
            if entered and isinstance(entered[0], Tensor) and isinstance(left, Tensor):
                # Cloned, because what follows may work in place.
                calls.append(_Call(name, entered[0].detach().clone(), left.detach().clone()))

        return note

    handles = [layer.register_forward_hook(noting(name)) for name, layer in layers.items()]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _fitting_head(
    layer: nn.Module, entered: NDArray[np.float64], left: NDArray[np.float64], raw: NDArray[np.float64]
) -> LinearHead | None:
    """Return weight and bias in the order of the model's outputs, if the layer is where these come from."""
    weight, bias = _parameters(layer)
    if weight.shape[1] != entered.shape[1] or not _close(entered @ weight.T + bias, left):
        return None
    if left.shape[1] == 1 and raw.shape[1] == 2:
        # A decision d for two classes became the logits (0, d).
        weight, bias, left = (
            np.concatenate([np.zeros_like(one), one], axis=-1 if one is left else 0) for one in (weight, bias, left)
        )
    if left.shape != raw.shape:
        return None
    logs = checks.LINKS["softmax"](left)
    if any(_close(form, raw) for form in (left, logs, np.exp(logs))):
        return LinearHead(weight, bias)
    # A twin may put the classes into another order.
    order = np.abs(raw[:, :, None] - left[:, None, :]).max(axis=0).argmin(axis=1)
    return LinearHead(weight[order], bias[order]) if _close(left[:, order], raw) else None


def _parameters(layer: nn.Module) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    weight = _array(layer.weight)  # type: ignore[arg-type]
    weight = weight if isinstance(layer, nn.Linear) else weight.T
    bias = np.zeros(len(weight)) if layer.bias is None else _array(layer.bias)  # type: ignore[arg-type]
    return weight, bias.reshape(-1)


def _array(tensor: Tensor) -> NDArray[np.float64]:
    return np.asarray(tensor.detach().cpu().double().numpy())


def _close(some: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    return bool(np.allclose(some, other, rtol=_TOLERANCE, atol=_TOLERANCE * max(1e-6, float(np.abs(other).max()))))


def _type_of(backend: Backend) -> str:
    return type(getattr(backend, "module", getattr(backend, "estimator", backend))).__name__
