"""Attacks of foolbox (Rauber et al. 2020, doi:10.21105/joss.02607)."""

from __future__ import annotations

import copy
import sys
from typing import TYPE_CHECKING, Any

from pytest_robustness.attacks.foreign.library import Library, Network, norm_name, public

if TYPE_CHECKING:
    from pytest_robustness.attacks.foreign.library import Task

_LABELS_ONLY = frozenset(
    (
        "BinarizationRefinementAttack",
        "BinarySearchContrastReductionAttack",
        "BoundaryAttack",
        "GaussianBlurAttack",
        "HopSkipJumpAttack",
        "InversionAttack",
        "L2AdditiveGaussianNoiseAttack",
        "L2AdditiveUniformNoiseAttack",
        "L2ClippingAwareAdditiveGaussianNoiseAttack",
        "L2ClippingAwareAdditiveUniformNoiseAttack",
        "L2ClippingAwareRepeatedAdditiveGaussianNoiseAttack",
        "L2ClippingAwareRepeatedAdditiveUniformNoiseAttack",
        "L2ContrastReductionAttack",
        "L2RepeatedAdditiveGaussianNoiseAttack",
        "L2RepeatedAdditiveUniformNoiseAttack",
        "LinearSearchBlendedUniformNoiseAttack",
        "LinearSearchContrastReductionAttack",
        "LinfAdditiveUniformNoiseAttack",
        "LinfRepeatedAdditiveUniformNoiseAttack",
        "PointwiseAttack",
        "SaltAndPepperNoiseAttack",
    )
)


def _is_attack(thing: Any) -> bool:
    return isinstance(thing, sys.modules["foolbox"].attacks.base.Attack)


def _norm(attack: Any) -> str | None:
    try:
        return norm_name(getattr(attack.distance, "p", None))
    except (AttributeError, ValueError):  # those for any distance have none before one is given; some never have one
        return None


def _needs(attack: Any) -> str:
    while type(attack).__name__ == "Repeated":
        attack = attack.attack
    return "labels" if type(attack).__name__ in _LABELS_ONLY else "gradients"


def _run(attack: Any, task: Task) -> Any:
    foolbox = sys.modules["foolbox"]
    if getattr(attack, "_distance", attack) is None:
        attack = copy.copy(attack)
        attack._distance = getattr(foolbox.distances, task.norm)  # noqa: SLF001
    model = foolbox.PyTorchModel(Network(task.forward), bounds=(0, 1), device=task.forward.device)
    criterion = foolbox.criteria.Misclassification(task.batch.labels)
    _, clipped, _ = attack(model, task.batch.images, criterion, epsilons=task.eps)
    return clipped


FOOLBOX = Library(
    is_attack=_is_attack,
    norm=_norm,
    needs=_needs,
    targeted=lambda _: False,  # whether it is targeted is not up to the attack but to the criterion
    options=public,
    models=lambda _: [],
    run=_run,
)
