"""Where counterexamples are looked for: under a transform, an attack, corruptions, or over a box of parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pytest_robustness.counterexamples.searching import LineSearch, Search
from pytest_robustness.counterexamples.smallest import search_of
from pytest_robustness.datasets import load_mnist_c
from pytest_robustness.errors import ParameterError, RobustnessError
from pytest_robustness.evaluations import (
    FAMILIES,
    AdversarialAccuracy,
    CorruptionAccuracy,
    Evaluation,
    Measurement,
    Requirement,
    Sensitivity,
)
from pytest_robustness.evaluations.corruption.suites import made_images, suite_of
from pytest_robustness.strategies import towards
from pytest_robustness.strategies.drawing import position_of
from pytest_robustness.strategies.table import searched
from pytest_robustness.transforms.parametric import function_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pytest_robustness.attacks import Attack
    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.datasets import Dataset

CHUNK = 100
"""Samples that are changed and classified together."""


class Suspect(NamedTuple):
    """A sample that fails under some change: its position among those looked at, and the searches that find which."""

    position: int
    searches: list[Search]


class Source(ABC):
    """A kind of change, and which samples fail under it."""

    name: str
    chunk: int = CHUNK

    @property
    @abstractmethod
    def budget(self) -> str:
        """What is tried on each sample, in words."""

    @abstractmethod
    def suspects(self, classifier: Classifier, samples: Dataset, batch_size: int) -> list[Suspect]:
        """Return those of some samples, all right as they are, that fail."""


@dataclass(frozen=True)
class UnderSearch(Source):
    """Everything that a search tries, on all samples at once."""

    name: str
    search: Search
    chunk: int = CHUNK

    @property
    def budget(self) -> str:
        """What is tried on each sample, in words."""
        return self.search.budget

    def suspects(self, classifier: Classifier, samples: Dataset, batch_size: int) -> list[Suspect]:
        """Return the samples that fail under one of the trials."""
        pixels, fallen = samples.pixels(), np.zeros(len(samples), np.bool_)
        for trial in self.search.trials:
            rows = np.flatnonzero(~fallen)
            if not len(rows):
                break
            changed = trial(pixels[rows], ids=samples.ids[rows])
            fallen[rows] = classifier.predict(changed, batch_size=batch_size) != samples.labels[rows]
        return [Suspect(int(row), [self.search]) for row in np.flatnonzero(fallen)]


@dataclass(frozen=True)
class UnderAttack(Source):
    """On the way from each sample to what an attack made of it."""

    name: str
    attack: Attack
    seed: int
    chunk: int = 20

    @property
    def budget(self) -> str:
        """What is tried on each sample, in words."""
        return f"{self.attack.name}, then {_line(0).budget} on the way to the attacked image"

    def suspects(self, classifier: Classifier, samples: Dataset, batch_size: int) -> list[Suspect]:
        """Return the samples that the attack fools the classifier on."""
        attacked = self.attack.run(
            classifier, samples.pixels(), samples.labels, seed=self.seed, ids=samples.ids, batch_size=batch_size
        )
        rows = np.flatnonzero(classifier.predict(attacked, batch_size=batch_size) != samples.labels)
        lines = [_line(attacked[row], self._code(int(samples.ids[row])), self.attack.name) for row in rows]
        return [Suspect(int(row), [line]) for row, line in zip(rows, lines, strict=True)]

    def _code(self, index: int) -> str:
        mask = f"data.ids == {index}"
        arguments = f"model, data.pixels({mask}), data.labels[{mask}], seed={self.seed}, ids=[{index}]"
        return f"attacks.{_code_of(self.attack)}.run({arguments})"


@dataclass(frozen=True)
class UnderCorruption(Source):
    """On the way from each sample to its corrupted images."""

    name: str
    evaluation: CorruptionAccuracy
    published: dict[str, Dataset]
    seed: int
    chunk: int = CHUNK

    @property
    def budget(self) -> str:
        """What is tried on each sample, in words."""
        return f"{len(self._parts())} corruptions, then {_line(0).budget} on the way to those that fail"

    def suspects(self, classifier: Classifier, samples: Dataset, batch_size: int) -> list[Suspect]:
        """Return the samples that fail under one of the corruptions, with a search for each of those."""
        searches: dict[int, list[Search]] = {}
        for part in self._parts():
            corrupted = self._images(part, samples)
            wrong = classifier.predict(corrupted, batch_size=batch_size) != samples.labels
            for row in np.flatnonzero(wrong).tolist():
                code = self._code(part, int(samples.ids[row]), samples.images.dtype)
                searches.setdefault(row, []).append(_line(corrupted[row], code, part))
        return [Suspect(row, searches[row]) for row in sorted(searches)]

    def _parts(self) -> list[str]:
        return [part for name in self.evaluation.names() for part in self.evaluation.parts_of(name)]

    def _images(self, part: str, samples: Dataset) -> NDArray[Any]:
        if part in self.published:
            published = self.published[part]
            return published.images[[position_of(published, index) for index in samples.ids]]
        return made_images(samples, self.evaluation.suite, part, seed=self.seed)

    def _code(self, part: str, index: int, kind: np.dtype[Any]) -> str:
        mask = f"data.ids == {index}"
        if part in self.published:
            return f"load_mnist_c({part!r}, like=data).pixels({mask})"
        name, _, level = part.partition(":")
        images = f"data.images[{mask}]" if kind == np.uint8 else f"(data.pixels({mask}) * 255).round().astype('uint8')"
        where = f"{images}, {name!r}, seed={self.seed}, ids=[{index}]"
        return f"corrupt_common({where}, severity={level})" if level else f"corrupt({where})"


def source_of(what: object, dataset: Dataset, *, seed: int, **options: Any) -> Source:
    """Return where counterexamples are looked for.

    Parameters
    ----------
    what : Requirement, Evaluation, Measurement, or a transform as `smallest_failure` takes it
    dataset : Dataset
    seed : int
    **options
        Those of `smallest_failure`, for a transform.

    Raises
    ------
    ParameterError
        For a family without changes, such as calibration, and options that do not go with `what`.
    """
    evaluation = _evaluation(what)
    if evaluation is None:
        name = function_name(what) if callable(what) else what if isinstance(what, str) else repr(what)
        return UnderSearch(str(name), search_of(what, seed=seed, **options))
    if options:
        mend = "They belong to the evaluation."
        raise ParameterError("a requirement takes no further options", got=sorted(options), mend=mend)
    builders: dict[type[Evaluation], Callable[[Any, Dataset, int], Source]] = {
        AdversarialAccuracy: _under_attack,
        CorruptionAccuracy: _under_corruption,
        Sensitivity: _over_box,
    }
    for kind, build in builders.items():
        if isinstance(evaluation, kind):
            return build(evaluation, dataset, seed)
    families = [kind.family for kind in builders]
    raise ParameterError("this family changes no images", got=evaluation.family, allowed=families)


def _evaluation(what: object) -> Evaluation | None:
    """Return the evaluation that is meant, or None for a transform."""
    if isinstance(what, Requirement):
        return what.evaluation
    if isinstance(what, Evaluation):
        return what
    if not isinstance(what, Measurement):
        return None
    try:
        return FAMILIES[what.family].evaluation.build(**what.parameters)
    except (RobustnessError, TypeError) as error:
        mend = "Give the evaluation itself, or the family with its parameters."
        raise ParameterError("no evaluation can be made of this measurement", got=what.name, mend=mend) from error


def _under_attack(evaluation: AdversarialAccuracy, dataset: Dataset, seed: int) -> Source:
    del dataset
    return UnderAttack(_name(evaluation), evaluation.attack, seed)


def _under_corruption(evaluation: CorruptionAccuracy, dataset: Dataset, seed: int) -> Source:
    published = {}
    if suite_of(evaluation.suite).published:
        published = {name: load_mnist_c(name, like=dataset) for name in evaluation.names()}
    return UnderCorruption(_name(evaluation), evaluation, published, seed)


def _over_box(evaluation: Sensitivity, dataset: Dataset, seed: int) -> Source:
    """Search the box of a surface, widened to hold the identity: a change is small or large beside that."""
    ranges = dict(evaluation.ranges)
    changes = []
    for transform in evaluation.transforms():
        transform.check_shape(dataset.images.shape)
        changes.append(searched(transform, {name: ranges[name] for name in transform.parameters if name in ranges}))
    what: object = changes if len(changes) > 1 else changes[0]
    return UnderSearch(_name(evaluation), search_of(what, seed=seed))


def _name(evaluation: Evaluation) -> str:
    shown = {key: value for key, value in evaluation.parameters().items() if key != "transform_code"}
    inside = ", ".join(f"{key}={value}" for key, value in shown.items() if value is not None)
    return f"{evaluation.family}({inside})"


def _code_of(attack: Attack) -> str:
    """Return the code that makes an attack, without what is at its default where that is enough."""
    code = ", ".join(f"{name}={value!r}" for name, value in attack.parameters().items())
    try:
        enough = type(attack)(**attack.parameters()) == attack
    except (TypeError, RobustnessError):
        enough = False
    return f"{type(attack).__name__}({code})" if enough else repr(attack)


def _line(target: Any, code: str = "", label: str = "") -> LineSearch:
    return LineSearch(towards(target, text=code, label=f"towards {label}"), "strength", (0.0, 1.0, 0.0), tolerance=1e-3)
