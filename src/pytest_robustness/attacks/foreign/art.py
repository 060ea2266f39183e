"""Attacks of the Adversarial Robustness Toolbox (Nicolae et al. 2018, arXiv:1807.01069)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import torch

from pytest_robustness.attacks.foreign.library import Library, Network, Vacant, norm_name, with_models

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_robustness.attacks.foreign.library import Task

_WANT_PROBABILITIES = frozenset({"SimBA"})
_BLACK_BOX = {
    **dict.fromkeys(("PixelAttack", "SimBA", "SquareAttack", "ThresholdAttack", "ZooAttack"), "scores"),
    **dict.fromkeys(("BoundaryAttack", "GeoDA", "HopSkipJump", "SignOPTAttack", "SpatialTransformation"), "labels"),
}


def _is_attack(thing: Any) -> bool:
    return isinstance(thing, importlib.import_module("art.attacks").EvasionAttack)


def _norm(attack: Any) -> str | None:
    return norm_name(getattr(attack, "norm", None))


def _targeted(attack: Any) -> bool:
    kind = type(attack).__name__
    if kind == "AutoAttack":  # there the option only adds attacks at every wrong class
        return False
    return getattr(attack, "targeted", False) is True or kind.startswith("Targeted")


def _options(attack: Any) -> dict[str, Any]:
    names = [name for name in attack.attack_params if name != "estimator_orig" and hasattr(attack, name)]
    loss = type(getattr(attack.estimator, "loss", None)).__name__
    own = {} if loss in {"NoneType", "CrossEntropyLoss"} else {"estimator_loss": loss}
    return {name: getattr(attack, name) for name in sorted(names)} | own


def _models(attack: Any) -> list[Any]:
    """Return all estimators in an attack and in those that it is made of; some make estimators of their own."""
    estimator = importlib.import_module("art.estimators").BaseEstimator
    found: dict[int, Any] = {}
    waiting, seen = [attack], set()
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, estimator | Vacant):
            found[id(thing)] = thing
        elif isinstance(thing, list | tuple):
            waiting += thing
        elif _is_attack(thing) and id(thing) not in seen:
            seen.add(id(thing))
            waiting += vars(thing).values()
    return list(found.values())


def _run(attack: Any, task: Task) -> Any:
    kind = type(attack).__name__
    if kind in _BLACK_BOX:
        estimator = _black_box(task, probabilities=kind in _WANT_PROBABILITIES)
        estimators = {id(old): estimator for old in _models(attack)}
    else:
        estimators = {id(old): _network(old, task) for old in _models(attack)}
    labels = np.eye(task.classes, dtype=np.float32)[task.batch.labels.cpu().numpy()]
    with mock.patch.object(np.random, "RandomState", _Repeatable):
        return with_models(attack, estimators).generate(task.batch.images.cpu().numpy(), y=labels)


class _Repeatable(np.random.RandomState):
    """A generator that takes its seed from the global state, where some attacks of ART ask the system for one."""

    def __init__(self, seed: Any = None) -> None:
        super().__init__(np.random.randint(2**31) if seed is None else seed)  # noqa: NPY002


def _network(old: Vacant, task: Task) -> Any:
    estimator = importlib.import_module("art.estimators.classification").PyTorchClassifier(
        model=Network(task.forward),
        loss=torch.nn.CrossEntropyLoss() if old.loss is None else old.loss,
        input_shape=tuple(task.batch.images.shape[1:]),
        nb_classes=task.classes,
        clip_values=(0.0, 1.0),
        device_type="cpu" if task.forward.device == "cpu" else "gpu",
    )
    for name, value in old.flags.items():
        setattr(estimator, name, value)
    return estimator


def _black_box(task: Task, *, probabilities: bool) -> Any:
    def scores(pixels: NDArray[np.float32]) -> NDArray[Any]:
        found = task.forward(torch.as_tensor(pixels))
        return np.asarray((found.softmax(dim=1) if probabilities else found).cpu().numpy())

    # The one for networks satisfies the attacks that ask for a network as well as those that do not.
    kind = importlib.import_module("art.estimators.classification").BlackBoxClassifierNeuralNetwork
    return kind(scores, tuple(task.batch.images.shape[1:]), task.classes, clip_values=(0.0, 1.0))


ART = Library(
    is_attack=_is_attack,
    norm=_norm,
    needs=lambda attack: _BLACK_BOX.get(type(attack).__name__, "gradients"),
    targeted=_targeted,
    options=_options,
    models=_models,
    run=_run,
)
