"""What bounds can come to at the number of samples that they are measured with, before anything is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_robustness.datasets import describe
from pytest_robustness.evaluations import Measurement, judge
from pytest_robustness.gates.drops import samples_for_margin
from pytest_robustness.gates.familywise import family_of, has_sequential_test
from pytest_robustness.gates.suite import settings_for
from pytest_robustness.metrics import binomial_interval, paired_interval
from pytest_robustness.metrics.intervals import level_text
from pytest_robustness.metrics.power import samples_for_power, value_for_power
from pytest_robustness.scorecard.format import parameters_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_robustness.evaluations import Requirement, Threshold
    from pytest_robustness.gates.settings import Settings

SHARES = frozenset({"accuracy", "worst", "mean"})
"""Metrics whose interval is never narrower than that of a share of n samples which are all correct, or all wrong."""

_EXACT = frozenset({("accuracy", "accuracy"), ("adversarial", "accuracy"), ("saliency", "accuracy")})
"""Families and metrics that are such a share, so that their power is known."""


_PAIRED = ("accuracy", "adversarial", "certified", "corruption", "saliency")
"""Families whose main metric is compared with a baseline image by image."""

UNKNOWN = "-"
"""Where the interval depends on more than the value and n."""

ANY = "any"
"""Where as few samples as there may be do."""

AT_MOST = "<= "
"""Before a number that a sequential test may get by with less of."""


class Outlook(NamedTuple):
    """What a bound can come to, in words."""

    name: str
    op: str
    bound: float
    n: int | None
    needs: str
    samples: str
    problems: list[str]


def outlooks(requirements: Sequence[Requirement], settings: Settings, *, power: float, margin: float) -> list[Outlook]:
    """Return the outlook of every bound, in order.

    Parameters
    ----------
    requirements : sequence of Requirement
    settings : Settings
        Of the run.
    power : float
        Chance to pass that is asked for.
    margin : float
        How much better than its bound a model is thought to be.
    """
    family = family_of(requirements, settings)
    found = []
    for requirement in requirements:
        own = settings_for(requirement, settings)
        for threshold in requirement.thresholds:
            level = own.confidence if family is None else family.level(own.confidence)
            exact = (requirement.evaluation.family, threshold.metric) in _EXACT
            how = {"bound": threshold.bound, "power": power, "confidence": level}
            found.append(
                Outlook(
                    _label(requirement, threshold),
                    threshold.op,
                    threshold.bound,
                    own.n,
                    _needs(threshold, requirement, own, how) if exact else UNKNOWN,
                    _samples(threshold, margin, requirement, own, how) if exact else UNKNOWN,
                    list(dead_ends(requirement, threshold, own, level)),
                )
            )
    return found


def dead_ends(requirement: Requirement, threshold: Threshold, settings: Settings, level: float) -> Iterable[str]:
    """Say which verdicts a bound cannot come to at its n, whatever the model does.

    Parameters
    ----------
    requirement : Requirement
    threshold : Threshold
        One of its bounds.
    settings : Settings
        Those of the requirement.
    level : float
        Of the interval.

    Yields
    ------
    str
        Nothing where both verdicts are possible, and where it cannot be told without measuring: for metrics that are
        no shares, for a sequential test, and where the value itself decides.
    """
    n, population = settings.n, _population(requirement, settings)
    if n is None or (population is not None and n >= population and settings.verdict in (None, "point")):
        return
    if settings.familywise != "off" and settings.verdict == "point":
        yield f"the rule point leaves n = {n:,} to chance, which has no share in what holds together: take verify"
    if threshold.metric not in SHARES or not threshold.wants_high:
        return
    if settings.verdict == "point" or not isinstance(settings.early_stop, str):
        return
    how = f"{level_text(level)} interval"
    unless = "" if settings.verdict else f", unless there are no more than {n:,}"
    if settings.verdict != "regress" and _decision(n, n, threshold, settings, level) != "passed":
        low = binomial_interval(n, n, confidence=level).low
        yield (
            f"n = {n:,} is too few to pass {threshold.op} {threshold.bound:g}: with every sample correct the {how} "
            f"begins at {low:.4g}{unless}{_enough(threshold.bound, level)}"
        )
    if threshold.bound > 0 and _decision(0, n, threshold, settings, level) != "failed":
        high = binomial_interval(0, n, confidence=level).high
        yield (
            f"n = {n:,} is too few to fail {threshold.op} {threshold.bound:g}: with every sample wrong the {how} "
            f"ends at {high:.4g}{unless}"
        )


def margin_dead_ends(requirement: Requirement, settings: Settings) -> Iterable[str]:
    """Say of a margin that no changed model can be shown to keep it at its n, even where no image is lost.

    Nothing where the rule asks for no proof, where the values decide, and for metrics that are not compared image by
    image.
    """
    n, margin, population = settings.n, settings.max_drop, _population(requirement, settings)
    if not settings.baseline or not margin or n is None or settings.verdict not in (None, "verify"):
        return
    if settings.verdict is None and population is not None and n >= population:
        return
    main = not requirement.thresholds or any(one.metric == "accuracy" for one in requirement.thresholds)
    if requirement.evaluation.family not in _PAIRED or not main:
        return
    reach = paired_interval(0, 0, n, confidence=settings.confidence).high
    if reach > margin:
        needed = samples_for_margin(0, 0, n, margin, settings.confidence)
        takes = "" if needed is None else f"; it takes {needed:,}"
        yield (
            f"n = {n:,} is too few to pass max_drop = {margin:g} but for the same model: with no sample lost the drop"
            f" may still be {reach:.4g}{takes}"
        )


def _decision(count: int, n: int, threshold: Threshold, settings: Settings, level: float) -> str:
    low, high = binomial_interval(count, n, confidence=level)
    imagined = Measurement(
        family="",
        metric=threshold.metric,
        parameters={},
        value=count / n,
        low=low,
        high=high,
        confidence=level,
        n=n,
        population=n + 1,
        higher_is_better=True,
    )
    return judge(imagined, threshold, rule=settings.verdict).decision


def _enough(bound: float, level: float) -> str:
    needed = samples_for_power(bound=bound, value=1.0, power=0.5, confidence=level)
    return "; no number of samples is enough" if needed is None else f"; it takes {needed:,}"


def _population(requirement: Requirement, settings: Settings) -> int | None:
    """Return how many images there are, where that is known without loading them."""
    data = requirement.overrides.get("data", settings.data)
    return next((info.n for info in describe() if info.name == data), None) if isinstance(data, str) else None


def _is_sample(requirement: Requirement, settings: Settings) -> bool:
    population = _population(requirement, settings)
    whole = settings.n is None or (population is not None and settings.n >= population)
    return settings.verdict != "point" and not (settings.verdict is None and whole)


def _or_less(text: str, requirement: Requirement, settings: Settings) -> str:
    """Say of a number of the interval what it is where a sequential test comes before it."""
    if not has_sequential_test(requirement, settings):
        return text
    return AT_MOST + text if text[0].isdigit() else UNKNOWN


def _label(requirement: Requirement, threshold: Threshold) -> str:
    evaluation = requirement.evaluation
    words = " ".join(filter(None, [evaluation.family, parameters_label(evaluation.parameters())]))
    return words if threshold.metric == "accuracy" else f"{words} {threshold.metric}"


def _needs(threshold: Threshold, requirement: Requirement, settings: Settings, how: dict[str, float]) -> str:
    if not _is_sample(requirement, settings):
        return f"{threshold.bound:.4f}"
    if settings.n is None:
        return UNKNOWN
    value = value_for_power(settings.n, **how, rule=settings.verdict or "verify")
    return _or_less("never" if value is None else f"{value:.4f}", requirement, settings)


def _samples(
    threshold: Threshold, margin: float, requirement: Requirement, settings: Settings, how: dict[str, float]
) -> str:
    if threshold.bound + margin > 1:
        return UNKNOWN
    if settings.verdict == "regress":
        # On the good side of its bound a share is shown to miss it by half of the error at most.
        return ANY if margin >= 0 and how["power"] <= (1 + how["confidence"]) / 2 else UNKNOWN
    population = _population(requirement, settings)
    needed = samples_for_power(value=threshold.bound + margin, population=population, **how)
    return _or_less("all" if needed is None else f"{needed:,}", requirement, settings)
