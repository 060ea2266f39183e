"""Reference models for the mean corruption error: a scorecard written before, or one of the bundled baselines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import ConfigurationError, EvaluationError, unknown_name
from pytest_robustness.evaluations.corruption.baselines import BASELINES
from pytest_robustness.evaluations.corruption.error import NOTHING
from pytest_robustness.evaluations.corruption.suites import suite_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SCHEMA, _VERSION = "pytest-robustness/scorecard", 1


@dataclass(frozen=True, eq=False)
class Reference:
    """The errors of a reference model.

    Parameters
    ----------
    name, data : str
        Of the model, and of the images that it was measured on.
    errors : ndarray, shape (C,)
        Under each corruption, over the levels of severity, in (0, 1].
    clean : float or None
        Without corruption; None where it is not known.
    n : int or None
        Images that it was measured on.
    fingerprint : str or None
        Of these images, where it is known.
    """

    name: str
    data: str
    errors: NDArray[np.float64]
    clean: float | None
    n: int | None = None
    fingerprint: str | None = None


def check_reference(reference: str) -> None:
    """Raise ParameterError unless a reference is the name of a baseline, or the path of a JSON file."""
    if reference not in BASELINES and not reference.endswith(".json"):
        raise unknown_name(
            "reference model", reference, BASELINES, mend="A path must be that of a scorecard, with the suffix .json."
        )


def load_reference(reference: str, suite: str, corruptions: Sequence[str], severities: Sequence[int]) -> Reference:
    """Return the errors of a reference model under some corruptions of a suite.

    Parameters
    ----------
    reference : str
        One of `BASELINES`, or the path of a scorecard (.json) with a row of the same suite that has these corruptions,
        at these severities. Its clean accuracy, needed for the relative error alone, is that of the row of the same
        model and data.
    suite, corruptions, severities
        As of `CorruptionAccuracy`; no severities where the suite has none.

    Raises
    ------
    ConfigurationError
        If the file cannot be read or has no such row, rows of several models or data sets, two rows that differ, or one
        with faults.
    EvaluationError
        If the reference makes no error at all under a corruption, or the baseline was not measured on the suite.
    """
    check_reference(reference)
    found = (
        _bundled(reference, suite, corruptions, severities)
        if reference in BASELINES
        else _from_scorecard(reference, suite, corruptions, severities)
    )
    if free := [name for name, error in zip(corruptions, found.errors, strict=True) if not error > NOTHING]:
        raise EvaluationError(
            f"the reference {found.name} makes no error under {', '.join(free)}, so that nothing can be divided by it",
            mend="Measure the reference on more images, or leave these corruptions out.",
        )
    return found


def _bundled(name: str, suite: str, corruptions: Sequence[str], severities: Sequence[int]) -> Reference:
    baseline = BASELINES[name]
    if suite not in baseline.errors:
        raise EvaluationError(
            f"the bundled baseline {name!r} was not measured on the suite {suite!r}",
            allowed=baseline.errors,
            mend="Give the path of a scorecard of a reference model instead.",
        )
    places = [suite_of(suite).levels.index(level) for level in severities] or [0]
    errors = [np.mean([baseline.errors[suite][corruption][at] for at in places]) for corruption in corruptions]
    return Reference(name, baseline.data, np.array(errors) / baseline.n, baseline.clean / baseline.n, baseline.n)


def _from_scorecard(path: str, suite: str, corruptions: Sequence[str], severities: Sequence[int]) -> Reference:
    rows = _rows(path)
    try:
        return _read(path, rows, suite, corruptions, severities)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"the reference {path} is damaged",
            got=f"{type(error).__name__}: {error}",
            allowed="a scorecard as it was written",
        ) from error


def _read(
    path: str, rows: list[dict[str, Any]], suite: str, corruptions: Sequence[str], severities: Sequence[int]
) -> Reference:
    found = _corruption_row(path, rows, suite, corruptions, severities)
    subject = _subject(found)
    clean_rows = [row for row in rows if _kind(row) == ("accuracy", "accuracy") and _subject(row) == subject]
    clean = [row["value"] for row in clean_rows]
    _check_reliable(path, "clean accuracies", clean_rows, clean)
    under = {part["name"]: part["value"] for part in found["parts"]}
    accuracies = [*(under[name] for name in corruptions), *clean[:1]]
    if not all(isinstance(value, int | float) and 0 <= value <= 1 for value in accuracies):
        raise ConfigurationError(f"the reference {path} has an accuracy that is no share", got=accuracies)
    errors = np.array([1 - under[name] for name in corruptions])
    key = found["data_key"].partition(":")[0] if "data_key" in found else None
    return Reference(str(subject[2]), str(subject[3]), errors, 1 - clean[0] if clean else None, int(found["n"]), key)


def _corruption_row(
    path: str, rows: list[dict[str, Any]], suite: str, corruptions: Sequence[str], severities: Sequence[int]
) -> dict[str, Any]:
    """Return the row that has the accuracies under these corruptions of the suite, at these severities."""
    levels = list(suite_of(suite).levels)
    fitting = [
        row
        for row in rows
        if _kind(row) == ("corruption", "accuracy")
        and row["parameters"].get("suite") == suite
        and (row["parameters"].get("severities") or levels) == list(severities)
        and set(corruptions) <= {part["name"] for part in row["parts"]}
    ]
    wanted = f"row of the suite {suite!r} with the corruptions {', '.join(corruptions)}"
    wanted += f" at the severities {', '.join(map(str, severities))}" if severities else ""
    if not fitting:
        have = [row["id"] for row in rows if row["family"] == "corruption"] or "no row of the family corruption"
        raise ConfigurationError(f"the reference {path} has no {wanted}", got=have)
    if len({_subject(row) for row in fitting}) > 1:
        raise ConfigurationError(
            f"the reference {path} has more than one model or data set with a {wanted}",
            got=sorted({" on ".join(map(str, _subject(row)[2:])) for row in fitting}),
            mend="Write a scorecard of the reference model alone.",
        )
    values = [
        [part["value"] for name in corruptions for part in row["parts"] if part["name"] == name] for row in fitting
    ]
    _check_reliable(path, f"rows of the suite {suite!r}", fitting, values)
    return fitting[0]


def _check_reliable(path: str, what: str, rows: Sequence[dict[str, Any]], values: Sequence[object]) -> None:
    """Refuse rows with faults, and rows of the same model and data that say different things."""
    if faults := [fault for row in rows for fault in row.get("faults") or ()]:
        raise ConfigurationError(
            f"{what} of the reference {path} cannot be relied on", got=faults, mend="Measure the reference again."
        )
    if any(value != values[0] for value in values):
        raise ConfigurationError(
            f"the reference {path} has two {what} of the same model and data that differ",
            got=[row["id"] for row in rows],
            mend="Write a scorecard of one measurement of the reference model.",
        )


def _rows(path: str) -> list[dict[str, Any]]:
    """Read the rows of a scorecard (the keys are those of its JSON schema)."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            "a reference scorecard that cannot be read", got=path, mend=f"{error.strerror}."
        ) from error
    except ValueError as error:
        raise ConfigurationError("a reference scorecard that is not JSON", got=path, mend=f"{error}.") from error
    if not isinstance(document, dict) or document.get("schema") != _SCHEMA or document.get("version") != _VERSION:
        raise ConfigurationError(
            "a reference that is no scorecard", got=path, allowed=f'"schema": "{_SCHEMA}", "version": {_VERSION}'
        )
    rows: list[dict[str, Any]] = document.get("rows", [])
    needed = {"id", "family", "metric", "parameters", "value", "parts"}
    if not isinstance(rows, list) or not all(isinstance(row, dict) and needed <= set(row) for row in rows):
        raise ConfigurationError(f"a reference scorecard whose rows lack one of {', '.join(sorted(needed))}", got=path)
    return rows


def _subject(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return which model and data a row is of: their keys, then their names."""
    names = row.get("model", "reference"), row.get("data", "")
    return row.get("model_fingerprint", names[0]), row.get("data_key", names[1]), *names


def _kind(row: dict[str, Any]) -> tuple[str, str]:
    return row["family"], row["metric"]
