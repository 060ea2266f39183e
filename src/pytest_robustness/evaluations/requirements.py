"""Requirements: an evaluation with its thresholds, made alike from a marker, a table or a call."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import ConfigurationError, RobustnessError, unknown_name
from pytest_robustness.evaluations.families import FAMILIES
from pytest_robustness.evaluations.thresholds import Threshold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_robustness.evaluations.base import Evaluation
    from pytest_robustness.evaluations.measurement import Measurement

OVERRIDES = ("data", "n", "seed", "batch_size", "confidence", "verdict", "inconclusive", "early_stop", "max_drop")
"""Settings of a run that one requirement may set for itself."""

FROM_BASELINE = "max_drop_from_baseline"
"""Long name of the setting ``max_drop``, for the family that has a bound of that name."""


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """What must hold: an evaluation, bounds on its metrics, and the settings it brings along.

    A requirement without thresholds only measures.
    """

    evaluation: Evaluation
    thresholds: tuple[Threshold, ...] = ()
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def judged(self, measurement: Measurement) -> list[tuple[Measurement, Threshold | None]]:
        """Pair every metric of a measurement with its threshold, or with None where it is only measured.

        Raises
        ------
        ParameterError
            For a threshold on a metric that the measurement does not have: it would never be judged.
        """
        bounds = {threshold.metric: threshold for threshold in self.thresholds}
        for metric in bounds:
            measurement[metric]
        return [(m, bounds.get(m.metric)) for m in (measurement, *measurement.others)]


def make_requirement(family: str, keys: Mapping[str, Any]) -> Requirement:
    """Make a requirement from the keys of a marker or of a table.

    Parameters
    ----------
    family : str
        A name of `FAMILIES`.
    keys : mapping
        Parameters of the evaluation, thresholds such as ``min_accuracy``, and overrides such as ``n``.

    Raises
    ------
    ConfigurationError
        For a name or a value that is not allowed; the message names those that are.
    """
    if family not in FAMILIES:
        raise ConfigurationError(str(unknown_name("family", family, FAMILIES)))
    known = FAMILIES[family].thresholds
    keys = _with_short_name(family, keys)
    parameters = {key: value for key, value in keys.items() if key not in (*known, *OVERRIDES, FROM_BASELINE)}
    try:
        _refuse_near_thresholds(family, parameters)
        evaluation = FAMILIES[family].evaluation.build(**parameters)
        thresholds = tuple(Threshold(*known[key], keys[key], family=family) for key in keys if key in known)
        evaluation.check_bounds([threshold.metric for threshold in thresholds])
    except RobustnessError as error:
        text = str(error)
        if text.startswith("unknown parameter"):
            stop = "" if text.endswith((".", "?")) else "."
            text += f"{stop} Thresholds of {family}: {', '.join(known)}; settings: {', '.join(OVERRIDES)}."
        raise ConfigurationError(f"{family}: {text}") from error
    overrides = {key: keys[key] for key in OVERRIDES if key in keys and key not in known}
    if FROM_BASELINE in keys:
        overrides["max_drop"] = keys[FROM_BASELINE]
    return Requirement(evaluation=evaluation, thresholds=thresholds, overrides=overrides)


def _with_short_name(family: str, keys: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the keys with the margin beside a baseline by its short name, which only one family has for a bound."""
    if FROM_BASELINE not in keys or "max_drop" in FAMILIES[family].thresholds:
        return keys
    if "max_drop" in keys:
        raise ConfigurationError(f"{family}: max_drop and {FROM_BASELINE} are the same", mend="Give one of them.")
    return {"max_drop" if key == FROM_BASELINE else key: value for key, value in keys.items()}


def _refuse_near_thresholds(family: str, parameters: Mapping[str, Any]) -> None:
    """Refuse an unknown ``min_...`` or ``max_...`` by its own name: a mistyped threshold must never be ignored."""
    for key in parameters:
        if key.startswith(("min_", "max_")) and not FAMILIES[family].evaluation.knows(key):
            raise unknown_name(f"threshold of the family {family!r}", key, FAMILIES[family].thresholds)
