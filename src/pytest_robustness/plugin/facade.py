"""The object behind the fixture ``robustness``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

from pytest_robustness.errors import (
    EvaluationError,
    ParameterError,
    RobustnessError,
)
from pytest_robustness.evaluations import (
    Curve,
    Measurement,
    Requirement,
    ScoreTable,
    Threshold,
    Verdict,
    curve_of,
    judge,
    score_table,
)
from pytest_robustness.gates.baseline import Baseline, hold_against
from pytest_robustness.gates.familywise import decision_after
from pytest_robustness.gates.suite import Finding, judge_metrics, measure_levels
from pytest_robustness.plugin.asking import asked
from pytest_robustness.plugin.causes import own_cause
from pytest_robustness.plugin.familywise import UNCOUNTED
from pytest_robustness.plugin.outcomes import UNAVAILABLE, Judged, leave, leave_if_worse
from pytest_robustness.plugin.rooted import rooted
from pytest_robustness.plugin.session import record
from pytest_robustness.plugin.summary import SKIP_PREFIX
from pytest_robustness.scorecard.record import explain, make_payload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from pytest_robustness.counterexamples import Counterexample, Counterexamples
    from pytest_robustness.engine import Evaluator
    from pytest_robustness.gates.evaluators import Evaluators
    from pytest_robustness.gates.familywise import Family
    from pytest_robustness.gates.settings import Settings
    from pytest_robustness.plugin.familywise import Membership

Answer = TypeVar("Answer")

METHODS = (
    "accuracy",
    "adversarial_accuracy",
    "adversarial_curve",
    "corruption_accuracy",
    "ood",
    "calibration",
    "brier",
    "sensitivity",
    "certified_accuracy",
    "saliency",
    "smallest_failure",
    "counterexamples",
)
"""What can be asked of the fixture."""


@dataclass(frozen=True, eq=False, repr=False)
class Robustness:
    """Measures the model of a test, records what was measured, and judges what is compared.

    Every method takes the parameters of its family and the settings ``data``, ``n``, ``seed``, ``batch_size``,
    ``confidence``, ``verdict`` and ``inconclusive``. It returns a `Measurement`, which compares like a number:
    a comparison is recorded as a threshold and is true where the verdict is "passed".
    """

    model: object
    data: object
    settings: Settings
    evaluators: Evaluators
    item: pytest.Item
    baseline: Baseline | None = None
    membership: Membership | None = None
    _bounds: dict[str, str] = field(default_factory=dict)
    _compared: dict[tuple[str, Threshold], int] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Name the model and the data."""
        return f"<robustness of {self.model!r} on {self.data!r}>"

    def __getattr__(self, name: str) -> NoReturn:
        """Say of a method that is not there which ones are."""
        methods = ", ".join(METHODS)
        message = f"the fixture 'robustness' has no method {name!r}; it has {methods}"
        raise AttributeError(message)

    def accuracy(self, **settings: Any) -> Measurement:
        """Measure the clean accuracy."""
        __tracebackhide__ = True
        return self._call("accuracy", settings)

    def adversarial_accuracy(
        self, attack: object = "autoattack", *, norm: str | None = None, **options: Any
    ) -> Measurement:
        """Measure the accuracy under an attack: its name and options, ``eps`` among them; linf where it has that."""
        __tracebackhide__ = True
        chosen = {} if norm is None else {"norm": norm}
        return self._call("adversarial", {"attack": attack, **chosen, **options})

    def adversarial_curve(
        self,
        attack: object = "autoattack",
        *,
        eps: Sequence[float] | None = None,
        norm: str | None = None,
        **options: Any,
    ) -> Curve:
        """Measure the accuracy under an attack at several radii, and return it as a `Curve` with a plot."""
        __tracebackhide__ = True
        if isinstance(eps, (int, float)) or eps is None:
            raise ParameterError(
                "a curve needs several radii", got=eps, mend="Give eps=[0.05, 0.1, 0.2], for instance."
            )
        return curve_of(self.adversarial_accuracy(attack, norm=norm, eps=eps, **options))

    def corruption_accuracy(self, suite: str = "mnist-c", corruptions: Any = None, **settings: Any) -> Measurement:
        """Measure the mean accuracy over the corruptions of a suite; ``["worst"]`` has the smallest.

        With ``reference=...``, ``["mce"]`` and ``["relative_mce"]`` have the errors beside those of that model.
        """
        __tracebackhide__ = True
        return self._call("corruption", {"suite": suite, "corruptions": corruptions, **settings})

    @overload
    def ood(self, outliers: Any = ..., score: str = ..., *, fit: Any = ..., **settings: Any) -> Measurement: ...

    @overload
    def ood(self, outliers: Any = ..., *, scores: Any, fit: Any = ..., **settings: Any) -> ScoreTable: ...

    def ood(
        self, outliers: Any = "fashion-mnist", score: str | None = None, *, scores: Any = None, **settings: Any
    ) -> Measurement | ScoreTable:
        """Measure the AUROC of an anomaly score; ``["fpr95"]``, ``["aupr_out"]`` and so on have the others.

        With ``scores="all"``, or a list of names, measure several in one go, and return a `ScoreTable`. ``fit`` is the
        data that scores are fitted on.
        """
        __tracebackhide__ = True
        if scores is None:
            return self._call("ood", {"outliers": outliers, "score": "msp" if score is None else score, **settings})
        if score is not None:
            raise ParameterError("score and scores exclude each other", got={"score": score, "scores": scores})
        measurement = self._call("ood", {"outliers": outliers, "scores": scores, **settings})
        return score_table([measurement, *measurement.others])

    def calibration(self, bins: int = 15, **settings: Any) -> Measurement:
        """Measure the ECE; ``["rms"]``, ``["brier"]``, ``["nll"]``, ``["ace"]``, ``["mce"]`` have the others."""
        __tracebackhide__ = True
        return self._call("calibration", {"bins": bins, **settings})

    def brier(self, **settings: Any) -> Measurement:
        """Measure the Brier score."""
        __tracebackhide__ = True
        return self._call("calibration", settings)["brier"]

    def sensitivity(self, gamma: Any = ..., brightness: Any = ..., **options: Any) -> Measurement:
        """Measure the area-weighted mean accuracy over a box of one or two parameters, by default gamma and brightness.

        ``["worst"]``, ``["area"]``, ``["max_drop"]`` and ``["robust_box"]`` have the others, and `surface_of` the
        points. Other parameters come by keyword, ``rotation=(-0.5, 0.5)``; those of an own function, or of one that a
        text names, ``"shifts.py:wash"``, with ``transform=...``.
        """
        __tracebackhide__ = True
        pair = {name: ends for name, ends in (("gamma", gamma), ("brightness", brightness)) if ends is not ...}
        return self._call("sensitivity", {**pair, **options})

    def certified_accuracy(self, norm: str = "l0", radius: Any = 1, **options: Any) -> Measurement:
        """Measure the share of the samples that no change within a radius turns into another class, with certainty.

        For several radii, ``radius=[0, 1, 2]``, each sample gets its largest one: ``["mean_radius"]`` and
        ``["median_radius"]`` have their mean and median. The noise has options of its own: ``alpha`` and ``levels`` in
        L0, ``sigma`` in L2, and ``noise_n``, the draws for each sample.
        """
        __tracebackhide__ = True
        return self._call("certified", {"norm": norm, "radius": radius, **options})

    def saliency(self, fraction: float = 0.15, **options: Any) -> Measurement:
        """Measure the accuracy with a fraction of the pixels masked, the most salient first.

        ``["random_ink"]`` has the same of as many random pixels that masking changes, without which it says little;
        ``["deletion_area"]`` and ``["insertion_area"]`` the areas under the curves over all fractions. The options of
        the map come by keyword, ``map="integrated-gradients", steps=64``.
        """
        __tracebackhide__ = True
        return self._call("saliency", {"fraction": fraction, **options})

    def smallest_failure(self, transform: object, *, image: object, **options: Any) -> Counterexample | None:
        """Search for the smallest change that one image fails under; None where nothing that was tried fails.

        `transform` is a name (``"rotation"``), a function with ranges (``shift=(0, 3)``), several of them, or a
        strategy of `pytest_robustness.strategies`; `image` an index in the data, or ``(image, label)``.
        """
        __tracebackhide__ = True
        from pytest_robustness.plugin.failures import smallest

        return self._answer(lambda: smallest(self, transform, image, options))

    def counterexamples(self, what: object, *, limit: int = 10, **options: Any) -> Counterexamples:
        """Look for samples that fail, and for the smallest change of each.

        `what` is a family with its parameters (``"adversarial", attack="pgd", eps=0.1``; ``"corruption"``,
        ``"sensitivity"``), a requirement, an evaluation or a measurement of those, or a transform as
        `smallest_failure` takes it. The samples are those of the run, unless ``n``, ``seed`` or ``data`` say otherwise.
        """
        __tracebackhide__ = True
        from pytest_robustness.plugin.failures import collected

        return self._answer(lambda: collected(self, what, limit, options))

    def check(self, requirement: Requirement) -> list[Judged]:
        """Measure a requirement, record every metric, and return those with a threshold.

        Raises
        ------
        RobustnessError
            Where it cannot be evaluated.
        """
        family = self.membership.family if self.membership and requirement.thresholds else None
        settings, evaluator, at = self._levels(requirement, family)
        findings = judge_metrics(requirement, at, settings, family)
        judged = []
        for found in findings:
            row = self.record(found, evaluator, settings)
            if row["verdict"] != "measured":
                final = Verdict(row["verdict"], row["reason"])
                later = None if found.together is None else decision_after(row, found.together)
                judged.append(
                    Judged(found.metric, found.threshold, final, settings.inconclusive, row["baseline"], later)
                )
        measurement = findings[0].metric
        if measurement.faults and not requirement.thresholds:
            raise EvaluationError(f"{measurement.name} cannot be relied on: {measurement.faults[0]}")
        return judged

    def record(self, found: Finding, evaluator: Evaluator, settings: Settings) -> dict[str, Any]:
        """Record a metric, and what was asked of it, for the scorecard; return its row, held against the baseline."""
        name = found.metric.name + _own_settings(settings, self.settings)
        bound = "" if found.threshold is None else f" {found.threshold.op} {found.threshold.bound:.10g}"
        # Only further bounds show in the id, so that it stays the same where a bound is moved.
        again = found.threshold is not None and self._bounds.setdefault(name, bound) != bound
        payload = make_payload(
            found.metric,
            evaluator,
            headline=found.headline,
            id=name + bound if again else name,
            threshold=found.threshold,
            verdict=found.verdict,
            test=self.item.nodeid,
        )
        payload = hold_against(payload, found.held, self.baseline, settings, gated=found.gated)
        if self.membership is not None:
            payload["family"] = self.membership.family.text(self.settings.confidence)
        record(self.item, payload if found.together is None else {**payload, "familywise": found.together})
        row: dict[str, Any] = payload["row"]
        return row

    def number(self, metric: Measurement, threshold: Threshold) -> int:
        """Return the number of a comparison among those of the test, from 1; the same one again has the same."""
        return self._compared.setdefault((metric.name, threshold), len(self._compared) + 1)

    def _call(self, family: str, keys: dict[str, Any]) -> Measurement:
        __tracebackhide__ = True
        root = self.item.config.rootpath
        requirement = self._answer(lambda: asked(family, rooted(family, keys, root)))
        settings, evaluator, at = self._answer(lambda: self._levels(requirement))
        findings = self._answer(lambda: judge_metrics(requirement, at, settings, None))
        for found in findings:
            row = self.record(found, evaluator, settings)
            if found.gated:
                leave_if_worse(found.metric, row, settings.inconclusive)
        measurement = findings[0].metric
        return measurement.with_hook(Comparison(self, evaluator, settings, measurement.metric, at))

    def _answer(self, ask: Callable[[], Answer]) -> Answer:
        __tracebackhide__ = True
        try:
            return ask()
        except UNAVAILABLE as error:
            leave(f"{SKIP_PREFIX}{error}", fail=self.settings.strict)
        except RobustnessError as error:
            # The traceback ends in the user's own line; the message says the rest.
            raise error.with_traceback(None) from own_cause(error)

    def _levels(
        self, requirement: Requirement, family: Family | None = None
    ) -> tuple[Settings, Evaluator, Callable[[float], Measurement]]:
        return measure_levels(
            requirement, self.evaluators, self.settings, model=self.model, data=self.data, family=family
        )


@dataclass(frozen=True)
class Comparison:
    """Answers the comparisons of a Measurement with its verdict, and records them."""

    facade: Robustness
    evaluator: Evaluator
    settings: Settings
    main: str
    at: Callable[[float], Measurement]

    def seen(self, metric: Measurement, threshold: Threshold) -> Measurement:
        """Return a metric with the interval that it is judged by."""
        membership = self.facade.membership
        if membership is None or not membership.compares:
            return metric
        number = self.facade.number(metric, threshold)
        return self.at(membership.family.level_of_comparison(self.settings.confidence, number))[metric.metric]

    def verdict(self, metric: Measurement, threshold: Threshold) -> Verdict:
        """Judge a metric under the settings that it was measured with."""
        verdict = judge(self.seen(metric, threshold), threshold, rule=self.settings.verdict)
        if self.settings.familywise == "off" or (self.facade.membership and self.facade.membership.compares):
            return verdict
        return Verdict("inconclusive", f"{verdict.reason}, but {UNCOUNTED}")

    def __call__(self, metric: Measurement, op: str, bound: float) -> bool:
        """Return whether the comparison holds: whether its verdict is "passed", or inconclusive where that passes."""
        __tracebackhide__ = True
        try:
            threshold = Threshold(metric.metric, op, bound, family=metric.family)
        except RobustnessError as error:
            raise error.with_traceback(None) from None
        held, verdict = metric, self.verdict(metric, threshold)
        metric = self.seen(metric, threshold)
        found = Finding(metric, threshold, verdict, held, headline=metric.metric == self.main, gated=True)
        row = self.facade.record(found, self.evaluator, self.settings)
        leave_if_worse(metric, row, self.settings.inconclusive)
        undecided = verdict.decision == "inconclusive" and self.settings.inconclusive != "pass"
        if metric.faults or undecided:
            # Neither true nor false: an answer could pass a test that asks for the opposite.
            lines = explain(metric, threshold, verdict)
            if undecided and self.settings.inconclusive == "skip" and not metric.faults:
                leave(f"{SKIP_PREFIX}inconclusive: {lines[0]}", fail=False)
            leave("\n".join(lines), fail=True)
        return verdict.decision != "failed"


def _own_settings(own: Settings, run: Settings) -> str:
    """Return the settings of a requirement that are not those of the run, as they show in the id of a row."""
    names = ("seed", "confidence", "verdict", "early_stop")
    return "".join(f" {name}={getattr(own, name)}" for name in names if getattr(own, name) != getattr(run, name))
