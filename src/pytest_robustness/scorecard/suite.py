"""Run a list of requirements outside pytest, and the requirements to run where none are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_robustness.classifiers import Classifier, load_classifier
from pytest_robustness.datasets import Dataset, as_dataset, mnist_c_corruptions, size_of
from pytest_robustness.datasets.files import known_name
from pytest_robustness.datasets.loading import is_path
from pytest_robustness.engine import Evaluator, Progress
from pytest_robustness.errors import ConfigurationError, DataUnavailableError, RobustnessError
from pytest_robustness.evaluations import EarlyStop, Measurement, Requirement, judge, make_requirement, save_samples
from pytest_robustness.scorecard.baseline import Baseline, hold_against
from pytest_robustness.scorecard.familywise import Family, judge_together
from pytest_robustness.scorecard.record import Payload, make_payload

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from pytest_robustness.evaluations import Threshold, Verdict
    from pytest_robustness.scorecard.settings import Settings


class Evaluators:
    """The evaluators of a run: one for each classifier, data set and group of settings, made when first asked for.

    Parameters
    ----------
    cache : str, optional
        Folder of stored outcomes.
    progress : callable, optional
        Handed to every evaluator.
    """

    def __init__(self, *, cache: str | None = None, progress: Callable[[Progress], None] | None = None) -> None:
        self._cache = cache
        self._progress = progress
        # The model is kept beside its evaluator: while it lives, no other object can have its identity.
        self._made: dict[tuple[Any, ...], tuple[object, Evaluator]] = {}
        self._classifiers: dict[tuple[Any, ...], Classifier] = {}
        self._datasets: dict[str, Dataset] = {}

    def get(self, model: object, data: object, settings: Settings) -> Evaluator:
        """Return the evaluator of a model (a source or an object) on data (a name or an object).

        Raises
        ------
        RobustnessError
            Where the model or the data cannot be loaded or evaluated.
        """
        classifier = self._classifier(model, settings)
        dataset = self._dataset(data).sample(settings.n, seed=settings.seed)
        # A callable may close over anything: its own identity is the only key that is surely not stale.
        identity = classifier.fingerprint if classifier.cacheable else id(model)
        place = (classifier.source, settings.device, dataset.fingerprint)
        key = (identity, *place, settings.seed, settings.batch_size, settings.executor, settings.cache)
        if key not in self._made:
            evaluator = Evaluator(
                classifier,
                dataset,
                seed=settings.seed,
                batch_size=settings.batch_size,
                executor=settings.executor,
                cache=self._cache if settings.cache else None,
                progress=self._progress,
            )
            self._made[key] = (model, evaluator)
        return self._made[key][1]

    def _classifier(self, model: object, settings: Settings) -> Classifier:
        """Load a classifier: from a source once, from an object each time, for the object may have changed."""
        options: dict[str, Any] = {
            "device": settings.device,
            "trusted": settings.trusted,
            "allow_pickle": settings.allow_pickle,
        }
        if not isinstance(model, str):
            return load_classifier(model, **options)
        key = (model, *options.values())
        if key not in self._classifiers:
            self._classifiers[key] = load_classifier(model, **options)
        return self._classifiers[key]

    def _dataset(self, data: object) -> Dataset:
        if not isinstance(data, str):
            return as_dataset(data)
        if data not in self._datasets:
            self._datasets[data] = as_dataset(data)
        return self._datasets[data]


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


def standard_suite(evaluator: Evaluator) -> tuple[list[Requirement], list[str]]:
    """Return what is measured where nothing is required, without thresholds, for what the classifier supports.

    Returns
    -------
    requirements : list of Requirement
        One or more for every family that the classifier supports.
    left_out : list of str
        What it does not support, and why.
    """
    offers = evaluator.classifier.offers
    suite = "mnist-c" if _has_mnist_c(evaluator.dataset.name) else "mnist-c-generated"
    planned: list[tuple[str, str, dict[str, Any]]] = [
        ("labels", "accuracy", {}),
        ("gradients", "adversarial", {"attack": "fgsm", "norm": "linf", "eps": 0.1}),
        ("gradients", "adversarial", {"attack": "pgd", "norm": "linf", "eps": 0.1}),
        ("gradients", "adversarial", {"attack": "pgd", "norm": "l2", "eps": 1.0}),
        # Of those without gradients: a few queries only, since each is an image through the model.
        *([] if "gradients" in offers else [("labels", "adversarial", _without_gradients(offers))]),
        ("labels", "corruption", {"suite": suite}),
        *(_outliers(name, offers) for name in ("letters", "photo-patches", "uniform-noise")),
        ("probabilities", "calibration", {}),
        ("labels", "sensitivity", {}),
        ("logits" if "logits" in offers else "probabilities", "saliency", {}),
    ]
    chosen = [make_requirement(family, keys) for need, family, keys in planned if need in offers]
    covered = {requirement.evaluation.family for requirement in chosen}
    lacking = dict.fromkeys((f, need) for need, f, _ in planned if need not in offers and f not in covered)
    return chosen, [f"{family}: {evaluator.classifier.name} offers no {need}" for family, need in lacking]


def _without_gradients(offers: Container[str]) -> dict[str, Any]:
    """Plan an attack on scores or labels."""
    if "probabilities" in offers or "logits" in offers:
        return {"attack": "square", "norm": "linf", "eps": 0.1, "queries": 300}
    return {"attack": "hopskipjump", "norm": "linf", "eps": 0.1, "steps": 4, "max_queries": 600}


def _outliers(name: str, offers: Container[str]) -> tuple[str, str, dict[str, Any]]:
    """Plan an outlier set with the score that the outputs allow."""
    if "logits" in offers and "probabilities" not in offers:
        return "logits", "ood", {"outliers": name, "score": "max-logit"}
    return "probabilities", "ood", {"outliers": name, "score": "msp"}


def _has_mnist_c(dataset: str) -> bool:
    if dataset != "mnist":
        return False
    try:
        return bool(mnist_c_corruptions())
    except DataUnavailableError:
        return False


def overall(decisions: Sequence[str], *, inconclusive: str) -> bool:
    """Return whether a run passes: nothing failed, and nothing inconclusive where that counts as failure."""
    return "failed" not in decisions and (inconclusive != "fail" or "inconclusive" not in decisions)
