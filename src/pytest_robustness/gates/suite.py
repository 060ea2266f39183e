"""From requirements to rows: measured, judged, and told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_robustness.datasets import size_of
from pytest_robustness.datasets.files import known_name
from pytest_robustness.datasets.loading import is_path
from pytest_robustness.errors import ConfigurationError, RobustnessError
from pytest_robustness.evaluations import EarlyStop, Measurement, Requirement, judge, make_requirement, save_samples
from pytest_robustness.gates.baseline import Baseline, hold_against
from pytest_robustness.gates.familywise import Family, judge_together
from pytest_robustness.scorecard.record import Payload, make_payload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_robustness.engine import Evaluator
    from pytest_robustness.evaluations import Threshold, Verdict
    from pytest_robustness.gates.evaluators import Evaluators
    from pytest_robustness.gates.settings import Settings


def settings_for(requirement: Requirement, settings: Settings) -> Settings:
    """Return the settings of a run with those that a requirement brings along.

    Raises
    ------
    ConfigurationError
        For a value that is not allowed, or a data set that is not known.
    """
    # Data may also be an object, which is not a setting but goes to the evaluator as it is.
    values = {key: value for key, value in requirement.overrides.items() if key != "data" or isinstance(value, str)}
    try:
        chosen = settings.replaced(values)
        if not is_path(chosen.data):
            known_name(chosen.data)
        if chosen.max_drop is not None and chosen.baseline is None:
            raise ConfigurationError(
                "max_drop needs a baseline to compare with",
                got=chosen.max_drop,
                mend="Give --robustness-baseline=PATH.",
            )
    except RobustnessError as error:
        raise ConfigurationError(f"{requirement.evaluation.family}: {error}") from error
    return chosen


def check_size(settings: Settings) -> None:
    """Refuse more samples than the named data has.

    Raises
    ------
    ConfigurationError
    """
    size = None if settings.n is None else size_of(settings.data)
    if size is not None and settings.n is not None and settings.n > size:
        raise ConfigurationError(
            f"n is more than {settings.data} has",
            got=settings.n,
            allowed=f"1 to {size}",
            mend="Leave n out to use all of them.",
        )


def measure_levels(
    requirement: Requirement,
    evaluators: Evaluators,
    settings: Settings,
    *,
    model: object,
    data: object,
    family: Family | None = None,
) -> tuple[Settings, Evaluator, Callable[[float], Measurement]]:
    """Measure a requirement with the settings that it brings along, and save the samples where it says so.

    Returns those settings, the evaluator, and the measurement as a function of the level of its intervals. As one of a
    family, an early end has its share of the error.

    Raises
    ------
    RobustnessError
        Where it cannot be evaluated.
    """
    settings = settings_for(requirement, settings)
    evaluator = evaluators.get(model, requirement.overrides.get("data", data), settings)
    at = evaluator.levels(requirement.evaluation, early=_early_stop(requirement, settings, family))
    if (path := getattr(requirement.evaluation, "save", None)) is not None:
        save_samples(at(settings.confidence), path)
    return settings, evaluator, at


def _early_stop(requirement: Requirement, settings: Settings, family: Family | None) -> EarlyStop | None:
    """Return the verdict that a measurement may end with: where one bound is all that is asked for."""
    if settings.baseline:
        return None  # a comparison wants all samples
    if settings.early_stop == "off" or len(requirement.thresholds) != 1:
        return None
    alpha, confidence = None if isinstance(settings.early_stop, str) else settings.early_stop, settings.confidence
    if family is not None:
        alpha = None if alpha is None else family.alpha(alpha, confidence)
        confidence = family.level(confidence)
    return EarlyStop(threshold=requirement.thresholds[0], rule=settings.verdict, confidence=confidence, alpha=alpha)


@dataclass(frozen=True, slots=True)
class Finding:
    """A metric of a requirement, with what was asked of it and the answer.

    Parameters
    ----------
    metric : Measurement
        With the interval that it is judged by.
    threshold, verdict
        None where it has no bound.
    held : Measurement
        The metric with the interval that it is compared with a baseline by.
    headline : bool
        Whether it is the main metric of the evaluation.
    gated : bool
        Whether it can fail the run: by its bound, or by a drop from the baseline.
    together : dict, optional
        What the verdict needs to hold together with others.
    """

    metric: Measurement
    threshold: Threshold | None
    verdict: Verdict | None
    held: Measurement
    headline: bool
    gated: bool
    together: dict[str, Any] | None = None


def judge_metrics(
    requirement: Requirement, at: Callable[[float], Measurement], settings: Settings, family: Family | None
) -> list[Finding]:
    """Judge each metric of a requirement, the main one first; as one of a family, at the level that it has in there."""
    family = family if requirement.thresholds else None
    plain = at(settings.confidence)
    measurement = plain if family is None else at(family.level(settings.confidence))
    found = []
    for metric, threshold in requirement.judged(measurement):
        headline = metric is measurement
        found.append(
            Finding(
                metric=metric,
                threshold=threshold,
                verdict=None if threshold is None else judge(metric, threshold, rule=settings.verdict),
                held=metric if family is None else plain[metric.metric],
                headline=headline,
                gated=threshold is not None or asks_for_drop(requirement, main=headline),
                together=None if threshold is None else judge_together(at, metric, threshold, family, settings),
            )
        )
    return found


def run_requirement(
    requirement: Requirement,
    evaluators: Evaluators,
    settings: Settings,
    *,
    model: object,
    data: object,
    family: Family | None = None,
    baseline: Baseline | None = None,
) -> list[Payload]:
    """Measure a requirement and judge each of its metrics; as one of a family, at the level that it has in there.

    Raises
    ------
    RobustnessError
        Where it cannot be evaluated.
    """
    settings, evaluator, at = measure_levels(requirement, evaluators, settings, model=model, data=data, family=family)
    payloads = []
    for found in judge_metrics(requirement, at, settings, family):
        payload = make_payload(
            found.metric, evaluator, threshold=found.threshold, verdict=found.verdict, headline=found.headline
        )
        payload = hold_against(payload, found.held, baseline, settings, gated=found.gated)
        if family is not None:
            payload["family"] = family.text(settings.confidence)
        if found.together:
            payload["familywise"] = found.together
        payloads.append(payload)
    return payloads


def tell_apart(payloads: Iterable[Payload]) -> None:
    """Put the bound into the id of a row where an earlier one asks for another bound on the same metric.

    Only further bounds show in the id, so that it stays the same where a bound is moved.
    """
    first: dict[tuple[str, str, str], dict[str, Any] | None] = {}
    for payload in payloads:
        row = payload["row"]
        threshold = row["threshold"]
        if threshold is not None and first.setdefault((row["id"], row["model"], row["data"]), threshold) != threshold:
            row["id"] += f" {threshold['op']} {threshold['bound']:.10g}"


def asks_for_drop(requirement: Requirement, *, main: bool) -> bool:
    """Return whether a metric without a bound must not drop all the same: the main one, where nothing else is asked."""
    return main and "max_drop" in requirement.overrides and not requirement.thresholds


def requirements_from_tables(tables: Iterable[Mapping[str, Any]]) -> list[Requirement]:
    """Make the requirements of ``[[...require]]`` tables.

    Raises
    ------
    ConfigurationError
        Naming the table by its number.
    """
    requirements = []
    for number, table in enumerate(tables, start=1):
        keys = {key: value for key, value in table.items() if key != "family"}
        try:
            requirements.append(make_requirement(str(table["family"]), keys))
        except (ConfigurationError, ValueError) as error:
            raise ConfigurationError(f"requirement {number}: {error}") from error
    return requirements


def overall(decisions: Sequence[str], *, inconclusive: str) -> bool:
    """Return whether a run passes: nothing failed, and nothing inconclusive where that counts as failure."""
    return "failed" not in decisions and (inconclusive != "fail" or "inconclusive" not in decisions)
