"""The smallest failing changes, for the fixture ``robustness``: its model, its data and its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_robustness.counterexamples import (
    Counterexample,
    Counterexamples,
    Origin,
    find_counterexamples,
    smallest_failure,
)
from pytest_robustness.errors import unknown_name
from pytest_robustness.evaluations import FAMILIES, Evaluation, Requirement, make_requirement
from pytest_robustness.gates.suite import settings_for
from pytest_robustness.plugin.rooted import rooted
from pytest_robustness.strategies.table import NAMED

if TYPE_CHECKING:
    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.plugin.facade import Robustness

_SETTINGS = ("n", "seed", "batch_size")

CHANGING = ("adversarial", "corruption", "sensitivity")
"""Families that change images."""


def smallest(facade: Robustness, transform: object, image: object, options: dict[str, Any]) -> Counterexample | None:
    """Search for the smallest change that one image fails under.

    The image is one of all the data, also where the run measures some only.
    """
    data = options.pop("data", facade.data)
    settings = facade.settings.replaced({"n": None, **_taken(options, ("seed", "batch_size"))})
    evaluator = facade.evaluators.get(facade.model, data, settings)
    return smallest_failure(
        evaluator.classifier,
        transform,
        image=image,
        data=evaluator.dataset,
        seed=settings.seed,
        origin=_origin(evaluator.classifier, data),
        **options,
    )


def collected(facade: Robustness, what: object, limit: int, options: dict[str, Any]) -> Counterexamples:
    """Look for samples that fail a requirement, or under a transform, and for the smallest change of each."""
    if isinstance(what, str) and what not in FAMILIES and what not in NAMED:
        raise unknown_name("transform or family", what, [*NAMED, *CHANGING])
    if isinstance(what, str) and what in FAMILIES:
        what, options = make_requirement(what, rooted(what, options, facade.item.config.rootpath)), {}
    elif isinstance(what, Evaluation):
        what = Requirement(evaluation=what, overrides=_taken(options, ("data", *_SETTINGS)))
    if isinstance(what, Requirement):
        data = what.overrides.get("data", facade.data)
        settings = settings_for(what, facade.settings)
    else:
        data = options.pop("data", facade.data)
        settings = facade.settings.replaced(_taken(options, _SETTINGS))
    evaluator = facade.evaluators.get(facade.model, data, settings)
    return find_counterexamples(
        evaluator.classifier,
        evaluator.dataset,
        what,
        limit=limit,
        seed=settings.seed,
        batch_size=evaluator.batch_size,
        origin=_origin(evaluator.classifier, data),
        **options,
    )


def _taken(options: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: options.pop(name) for name in names if name in options}


def _origin(classifier: Classifier, data: object) -> Origin:
    """Return what the line that reproduces a failure loads: what has a text that stands for it."""
    model = classifier.source if classifier.reload is not None else None
    return Origin(model, data if isinstance(data, str) else None)
