"""Do verdicts flip where nothing has changed? The same suite again and again, each time on other samples.

Of plain shares of images the chance of that is known exactly, and stands beside what was counted.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from tabulate import tabulate

from pytest_robustness import Evaluator, load_classifier, load_dataset
from pytest_robustness.evaluations import (
    Accuracy,
    AdversarialAccuracy,
    Calibration,
    CorruptionAccuracy,
    OutOfDistribution,
    Threshold,
    judge,
)
from pytest_robustness.metrics.power import chances_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_robustness import Dataset, Measurement
    from pytest_robustness.evaluations import Evaluation

RUNS = 1000
N = 1000
DISTANCE = 0.02
RULES = ("point", "verify", "regress")


class Check(NamedTuple):
    """An evaluation and the metric of it that has a bound."""

    evaluation: Evaluation
    metric: str


class Gate(NamedTuple):
    """A bound at some distance from the truth, and how often each verdict was given of it under each rule.

    The distance is positive where the model is better than the bound.
    """

    check: Check
    truth: float
    distance: float
    verdicts: dict[str, Counter[str]]

    def counts(self, rule: str) -> tuple[int, int, int]:
        """Return how many runs passed, were inconclusive and failed under a rule."""
        found = self.verdicts[rule]
        return found["passed"], found["inconclusive"], found["failed"]

    def flips(self, rule: str) -> int:
        """Return how many runs contradict the others: one says passed where another says failed."""
        passed, _, failed = self.counts(rule)
        return min(passed, failed)

    def expected(self, rule: str, *, runs: int, n: int, population: int) -> float:
        """Return how many runs are to be expected to contradict the others; NaN where that is not known."""
        exact = isinstance(self.check.evaluation, Accuracy | AdversarialAccuracy) and rule != "point"
        if not exact:
            return math.nan
        bound = self.truth - self.distance
        return runs * chance_of_flip(rule, bound=bound, value=self.truth, n=n, population=population)


def chance_of_flip(rule: str, *, bound: float, value: float, n: int, population: int | None = None) -> float:
    """Return the chance of the rarer one of the verdicts passed and failed under ``verify`` or ``regress``."""
    passes, fails = chances_of(n, bound=bound, value=value, population=population)
    return min(1 - fails if rule == "regress" else passes, fails)


CHECKS = (
    Check(Accuracy(), "accuracy"),
    Check(AdversarialAccuracy("fgsm", eps=0.02), "accuracy"),
    Check(AdversarialAccuracy("fgsm", eps=0.08), "accuracy"),
    Check(CorruptionAccuracy("mnist-c-generated", corruptions=("shot_noise", "translate")), "accuracy"),
    Check(OutOfDistribution("uniform-noise"), "auroc"),
    Check(Calibration(), "ece"),
    Check(Calibration(), "brier"),
)


def table() -> str:
    """Return how often each verdict was given in 1,000 runs with other seeds, 2 points to either side of the truth."""
    data = load_dataset("mnist-5k")
    gates = simulate(_linear(data), data, CHECKS, runs=RUNS, n=N, distances=(DISTANCE, -DISTANCE))
    rows = [
        [_name(gate.check), gate.truth, f"{gate.distance:+.2f}"]
        + [" / ".join(map(str, gate.counts(rule))) for rule in RULES]
        + [_flips(gate, rule, len(data)) for rule in RULES]
        for gate in gates
    ]
    headers = ["check", "truth", "better by", *RULES, *(f"flips: {rule}" for rule in RULES)]
    note = (
        f"{RUNS:,} runs of {N:,} of {len(data):,} images; passed / inconclusive / failed. A flip is a run that passed\n"
        "where others failed, or the other way round; in brackets, how many are to be expected of a share of images.\n"
        "The rule regress passes what is not shown to be bad: a model that is slightly worse than its bound passes on\n"
        "some samples and fails on others, by design; one that is better fails as seldom as under verify."
    )
    return f"{note}\n\n{tabulate(rows, headers=headers, floatfmt='.4f')}"


def _flips(gate: Gate, rule: str, population: int) -> str:
    expected = gate.expected(rule, runs=RUNS, n=N, population=population)
    if math.isnan(expected):
        return f"{gate.flips(rule)}"
    digits = ".0f" if expected >= 10 else ".2g"
    return f"{gate.flips(rule)} ({expected:{digits}})"


def simulate(
    model: object, data: Dataset, checks: Sequence[Check], *, runs: int, n: int, distances: Iterable[float]
) -> list[Gate]:
    """Measure `checks` on `n` samples drawn with each of the seeds 1 .. `runs`, and judge them under every rule.

    The bounds lie at `distances` from what all of the data shows.
    """
    classifier = load_classifier(model)
    everything = Evaluator(classifier, data, seed=0)
    truths = [_metric(everything.measure(check.evaluation), check.metric).value for check in checks]
    gates = [
        Gate(check, truth, distance, {rule: Counter() for rule in RULES})
        for check, truth in zip(checks, truths, strict=True)
        for distance in distances
    ]
    for seed in range(1, runs + 1):
        evaluator = Evaluator(classifier, data.sample(n, seed=seed), seed=seed)
        found = {evaluation: evaluator.measure(evaluation) for evaluation, _ in checks}
        for gate in gates:
            metric = _metric(found[gate.check.evaluation], gate.check.metric)
            for rule, verdicts in gate.verdicts.items():
                verdicts[judge(metric, _bound(gate, metric), rule=rule).decision] += 1
    return gates


def _metric(measurement: Measurement, name: str) -> Measurement:
    return next(metric for metric in (measurement, *measurement.others) if metric.metric == name)


def _bound(gate: Gate, metric: Measurement) -> Threshold:
    if metric.higher_is_better:
        return Threshold(metric.metric, ">=", gate.truth - gate.distance, family=metric.family)
    return Threshold(metric.metric, "<=", gate.truth + gate.distance, family=metric.family)


def _name(check: Check) -> str:
    evaluation = check.evaluation
    eps = f" eps={evaluation.parameters()['eps']}" if isinstance(evaluation, AdversarialAccuracy) else ""
    return f"{evaluation.family}{eps} · {check.metric}"


def _linear(data: Any) -> torch.nn.Module:
    """Return a linear model, fitted to every fifth image."""
    from sklearn.linear_model import LogisticRegression

    images, labels = data.images[::5].reshape(-1, data.images[0].size) / 255, data.labels[::5]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it need not have converged
        fitted = LogisticRegression(C=0.05, max_iter=30).fit(images, labels)
    layer = torch.nn.Linear(images.shape[1], len(fitted.classes_))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(fitted.coef_))
        layer.bias.copy_(torch.from_numpy(fitted.intercept_))
    return torch.nn.Sequential(torch.nn.Flatten(), layer)
