"""Keys: hashes of everything that an outcome depends on, so that equal keys mean equal outcomes."""

from __future__ import annotations

import hashlib
import json
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pytest_robustness import __version__
from pytest_robustness.classifiers.model_fingerprint import estimator_fingerprint, torch_fingerprint

if TYPE_CHECKING:
    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations import Block, Evaluation, Subject

_PACKAGE = __name__.partition(".")[0]
_SHOWING = frozenset({"plugin", "scorecard", "counterexamples", "strategies"})
"""Rooms whose code no outcome depends on; that of all others is part of every key."""

_LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn", "pillow", "onnxruntime")
_RUNS: WeakKeyDictionary[Dataset, dict[tuple[int, int], str]] = WeakKeyDictionary()
"""Fingerprints of runs of samples that were needed before."""


def evaluation_key(evaluation: Evaluation, subject: Subject, state: str) -> str:
    """Return the hash of all that the outcomes of an evaluation depend on, but for the samples of a block.

    Parameters
    ----------
    evaluation : Evaluation
    subject : Subject
    state : str
        The `model_state` of its classifier, as it is now.
    """
    return digest(
        {
            "code": code_version(),
            "classifier": subject.classifier.fingerprint,
            "device": str(subject.classifier.device),
            "state": state,
            "family": evaluation.family,
            "kinds": [f"{kind.__module__}.{kind.__qualname__}" for kind in _kinds(evaluation)],
            "parameters": evaluation.outcome_parameters(),
            "surrogates": [(s.fingerprint, model_state(s)) for s in _surrogates(evaluation)],
            "seed": subject.seed,
            "batch_size": subject.batch_size,
        }
    )


def block_key(evaluation: str, subject: Subject, block: Block) -> str:
    """Return the hash of a block: its evaluation, its place and the content of its samples."""
    return digest(
        {
            "evaluation": evaluation,
            "part": block.part,
            "points": block.points,
            "samples": _content(subject, block),
        }
    )


def is_ours(evaluation: Evaluation) -> bool:
    """Return whether all code of an evaluation is that of this package, which `code_version` covers."""
    return all(kind.__module__.partition(".")[0] == _PACKAGE for kind in _kinds(evaluation))


def is_identified(evaluation: Evaluation) -> bool:
    """Return whether the key of an evaluation says all that its outcomes depend on, the model aside."""
    attack = getattr(evaluation, "attack", None)
    return bool(getattr(evaluation, "identified", True)) and (attack is None or bool(attack.identified))


@cache
def code_version() -> str:
    """Return a hash of the code that computes outcomes, and the versions of the package and the libraries under it."""
    content = hashlib.sha256(f"{_PACKAGE}={__version__} python={sys.version_info[:2]}".encode())
    package = Path(__file__).parent.parent
    for path in sorted(package.glob("*/**/*.py")):
        place = path.relative_to(package)
        if place.parts[0] not in _SHOWING:
            content.update(place.as_posix().encode())
            content.update(path.read_bytes())
    for library in _LIBRARIES:
        content.update(f"{library}={_version_of(library)}".encode())
    return content.hexdigest()


def _version_of(library: str) -> str:
    """Return the version of a library; of an extra that is not installed, nothing."""
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def model_state(classifier: Classifier) -> str:
    """Return a hash of the model as it is now; empty for a model that cannot be looked into.

    `Classifier.fingerprint` is that of the model when it was loaded. A module that is trained further, or an estimator
    that is fitted again, is another model.
    """
    backend = classifier.backend
    if hasattr(backend, "module"):
        return torch_fingerprint(backend.module)[0]
    if hasattr(backend, "estimator"):
        return estimator_fingerprint(backend.estimator)[0]
    return ""


def digest(content: dict[str, Any]) -> str:
    """Return the SHA-256 of builtin values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _content(subject: Subject, block: Block) -> str:
    """Return the fingerprint of the samples of a block; the points of a surface come back to the same ones."""
    if block.rows:
        return subject.samples(block).fingerprint
    known = _RUNS.setdefault(subject.further.get(block.part, subject.dataset), {})
    if (run := (block.start, block.stop)) not in known:
        known[run] = subject.samples(block).fingerprint
    return known[run]


def _kinds(evaluation: Evaluation) -> list[type]:
    """Return the classes whose code runs: that of the evaluation, and those of its attack and what this one holds."""
    found: list[type] = [type(evaluation)]
    attack = getattr(evaluation, "attack", None)
    while attack is not None:
        found.append(type(attack))
        attack = getattr(attack, "attack", None)
    return found


def _surrogates(evaluation: Evaluation) -> tuple[Classifier, ...]:
    attack = getattr(evaluation, "attack", None)
    return () if attack is None else attack.surrogates
