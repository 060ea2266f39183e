"""Attacks of torchattacks (Kim 2020, arXiv:2010.01950)."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import torch

from pytest_robustness.attacks.foreign.library import Library, Network, public, with_models

if TYPE_CHECKING:
    from pytest_robustness.attacks.foreign.library import Task

_ABOUT_THE_MODEL = frozenset(
    {"attack", "attack_mode", "device", "model", "model_name", "normalization_used", "supported_mode", "targeted"}
)
_BLACK_BOX = {"GN": "labels", "OnePixel": "scores", "Pixle": "scores", "SPSA": "scores", "Square": "scores"}


def _is_attack(thing: Any) -> bool:
    return isinstance(thing, sys.modules["torchattacks"].attack.Attack)


def _norm(attack: Any) -> str | None:
    """Read the norm off the object, else off the docstring of its class, where that names one and no more."""
    said = getattr(attack, "norm", None)
    if said is None:
        found = re.search(r"Distance Measure : (\w+) *$", type(attack).__doc__ or "", re.MULTILINE)
        said = found[1] if found else None
    return None if said is None else str(said).lower()


def _options(attack: Any) -> dict[str, Any]:
    return {name: value for name, value in public(attack).items() if name not in _ABOUT_THE_MODEL}


def _parts(attack: Any) -> list[Any]:
    """Return an attack and all those that it is made of."""
    return [attack, *attack._attacks.values()]  # noqa: SLF001


def _models(attack: Any) -> list[Any]:
    return list({id(part.model): part.model for part in _parts(attack)}.values())


def _run(attack: Any, task: Task) -> Any:
    network = Network(task.forward)
    attack = with_models(attack, {id(model): network for model in _models(attack)})
    for part in _parts(attack):
        part.device = torch.device(task.forward.device)
        # A classifier takes pixels in [0, 1] and normalises them for itself.
        part.normalization_used = part._normalization_applied = None  # noqa: SLF001
        if isinstance(getattr(part, "seed", None), float):  # the time of day when the attack was made
            part.seed = torch.initial_seed() % 2**31
    return attack(task.batch.images, task.batch.labels)


TORCHATTACKS = Library(
    is_attack=_is_attack,
    norm=_norm,
    needs=lambda attack: _BLACK_BOX.get(type(attack).__name__, "gradients"),
    targeted=lambda attack: any(part.targeted for part in _parts(attack)),
    options=_options,
    models=_models,
    run=_run,
)
