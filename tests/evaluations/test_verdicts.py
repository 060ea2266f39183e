from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations import RULES, Measurement, Threshold, judge
from pytest_robustness.evaluations.verdicts import default_rule

AT_LEAST = Threshold("accuracy", ">=", 0.85)


def decide(make, bound, rule, *, op=">=", **changes):
    measurement = make(**changes)
    return judge(measurement, Threshold(measurement.metric, op, bound), rule=rule).decision


@pytest.mark.parametrize("rule", RULES)
def test_a_doubt_makes_a_pass_inconclusive_and_leaves_a_failure(make, rule):
    doubted = make(doubts=("nothing was found",))
    verdict = judge(doubted, AT_LEAST, rule=rule)
    assert verdict.decision == "inconclusive"
    assert verdict.reason.endswith(", but nothing was found")
    assert judge(doubted, Threshold("accuracy", ">=", 0.99), rule=rule).decision == "failed"
    assert judge(make(doubts=("a",), faults=("b",)), AT_LEAST, rule=rule).decision == "failed"


@pytest.mark.parametrize(
    ("rule", "bound", "expected"),
    [
        # The value is 0.90 with the interval 0.88 to 0.92.
        ("point", 0.85, "passed"),
        ("point", 0.90, "passed"),
        ("point", 0.91, "failed"),
        ("verify", 0.85, "passed"),
        ("verify", 0.88, "passed"),
        ("verify", 0.89, "inconclusive"),
        ("verify", 0.91, "inconclusive"),
        ("verify", 0.92, "inconclusive"),
        ("verify", 0.93, "failed"),
        ("regress", 0.85, "passed"),
        ("regress", 0.89, "passed"),
        ("regress", 0.91, "passed"),
        ("regress", 0.93, "failed"),
    ],
)
def test_the_three_rules(make, rule, bound, expected):
    assert decide(make, bound, rule) == expected


@pytest.mark.parametrize(("rule", "bound"), [("point", 0.89), ("verify", 0.87), ("regress", 0.87)])
def test_an_upper_bound_fails_on_the_other_side(make, rule, bound):
    changes = {"metric": "ece", "higher_is_better": False}
    assert decide(make, bound, rule, op="<=", **changes) == "failed"
    assert decide(make, 0.95, rule, op="<=", **changes) == "passed"
    inside = {"point": "passed", "verify": "inconclusive", "regress": "passed"}[rule]
    assert decide(make, 0.91, rule, op="<=", **changes) == inside


@pytest.mark.parametrize("rule", RULES)
def test_a_strict_bound_is_not_met_by_equality(make, rule):
    exact = {"value": 0.9, "low": 0.9, "high": 0.9}
    assert decide(make, 0.9, rule, op=">", **exact) == "failed"
    assert decide(make, 0.9, rule, op=">=", **exact) == "passed"
    assert decide(make, 0.9, rule, op="<", **exact) == "failed"
    assert decide(make, 0.9, rule, op="<=", **exact) == "passed"


def test_point_where_all_was_measured_else_verify(make):
    assert default_rule(make()) == "verify"
    assert default_rule(make(n=10_000)) == "point"
    assert judge(make(), Threshold("accuracy", ">=", 0.89)).decision == "inconclusive"
    assert judge(make(n=10_000), Threshold("accuracy", ">=", 0.89)).decision == "passed"


def test_intervals_decide_where_all_of_the_data_is_but_a_sample(make):
    sampled = make(n=10_000, sampled=True)
    assert default_rule(sampled) == "verify"
    verdict = judge(sampled, Threshold("accuracy", ">=", 0.89))
    assert verdict.decision == "inconclusive"
    assert "is but a sample" in verdict.reason
    assert judge(sampled, Threshold("accuracy", ">=", 0.89), rule="point").decision == "passed"
    assert judge(sampled, AT_LEAST).decision == "passed"


@pytest.mark.parametrize("rule", [*RULES, None])
@pytest.mark.parametrize("op", [">=", ">", "<=", "<"])
def test_nan_never_passes(make, rule, op):
    threshold = Threshold("accuracy", op, 0.5)
    assert judge(make(value=math.nan), threshold, rule=rule).decision == "failed"
    if rule in {"verify", "regress"}:
        for end in ("low", "high"):
            assert judge(make(**{end: math.nan}), threshold, rule=rule).decision == "inconclusive"


SHARES = st.floats(0, 1) | st.just(math.nan)


def accuracy(value, low, high, **changes):
    fixed = {"family": "accuracy", "metric": "accuracy", "parameters": {}, "confidence": 0.95, "higher_is_better": True}
    return Measurement(value=value, low=low, high=high, **{"n": 10, "population": 10, **fixed, **changes})


@given(st.tuples(SHARES, SHARES, SHARES), st.floats(0, 1), st.sampled_from([">=", ">", "<=", "<"]))
def test_a_fault_never_passes(figures, bound, op):
    for population in (10, 100):
        faulty = accuracy(*figures, population=population, faults=("the gradient is zero",))
        for rule in (*RULES, None):
            verdict = judge(faulty, Threshold("accuracy", op, bound), rule=rule)
            assert verdict.decision in {"failed", "inconclusive"}


@pytest.mark.parametrize("rule", RULES)
def test_the_reason_names_the_fault(make, rule):
    verdict = judge(make(value=1.0, low=0.99, high=1.0, faults=("masked gradients",)), AT_LEAST, rule=rule)
    assert verdict.decision == "failed"
    assert "cannot be relied on: masked gradients" in verdict.reason


def test_reasons_hold_the_figures(make):
    assert judge(make(), AT_LEAST, rule="point").reason == "0.9 >= 0.85"
    assert judge(make(value=0.8), AT_LEAST, rule="point").reason == "0.8 misses >= 0.85 by 0.05"
    assert judge(make(), AT_LEAST, rule="verify").reason == "95 % interval [0.88, 0.92] lies wholly >= 0.85"
    reason = judge(make(low=0.5, high=0.6), AT_LEAST, rule="verify").reason
    assert reason == "95 % interval [0.5, 0.6] lies wholly outside >= 0.85"


def samples_of(reason):
    return int(reason.split("about ")[1].split(" samples")[0].replace(",", ""))


def test_inconclusive_says_how_many_samples_would_settle_a_share(make):
    from scipy.stats import beta

    # Clopper and Pearson 1934, for 900 of 1,000.
    exact = {"low": beta.ppf(0.025, 900, 101), "high": beta.ppf(0.975, 901, 100)}
    n = samples_of(judge(make(**exact), Threshold("accuracy", ">=", 0.89), rule="verify").reason)
    assert beta.ppf(0.025, 0.9 * n, 0.1 * n + 1) >= 0.89
    assert beta.ppf(0.025, 0.9 * (n - 1), 0.1 * (n - 1) + 1) < 0.89
    n = samples_of(judge(make(**exact), Threshold("accuracy", ">=", 0.91), rule="verify").reason)
    assert beta.ppf(0.975, 0.9 * n + 1, 0.1 * n) < 0.91
    close = judge(make(**exact), Threshold("accuracy", ">=", 0.8999), rule="verify").reason
    assert close.endswith("; all 10,000 samples under the rule 'point' would settle it")


@pytest.mark.parametrize("metric", ["auroc", "worst", "accuracy"])
@pytest.mark.parametrize(("op", "bound", "n"), [(">=", 0.89, 4000), (">=", 0.91, 4000), ("<=", 0.892, 6250)])
def test_any_other_interval_shrinks_like_the_root_of_n(make, metric, op, bound, n):
    # Its ends are 0.02 from the value, the bound 0.01 or 0.008: four times as many samples, or 6.25 times.
    verdict = judge(make(metric=metric), Threshold(metric, op, bound), rule="verify")
    assert samples_of(verdict.reason) == pytest.approx(n, abs=1)


def test_what_would_settle_it_where_more_samples_do_not(make):
    def reason(bound, **changes):
        return judge(make(**changes), Threshold("accuracy", ">=", bound), rule="verify").reason

    assert reason(0.9).endswith("; all 10,000 samples under the rule 'point' would settle it")
    whole = reason(0.89, n=10_000)
    assert "; all the data is measured, so that only the rule 'point' would settle it: about 40,0" in whole
    assert whole.endswith(" samples would settle it, more than there are")
    assert reason(0.9, n=10_000).endswith("only the rule 'point' would settle it")
    assert "is but a sample of what this is about, of which about 40,0" in reason(0.89, n=10_000, sampled=True)
    assert "about" not in reason(0.89, low=-math.inf)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_regress_passes_whatever_verify_passes(a, b, c, bound):
    low, value, high = sorted((a, b, c))
    measurement, threshold = accuracy(value, low, high), Threshold("accuracy", ">=", bound)
    by_rule = {rule: judge(measurement, threshold, rule=rule).decision for rule in RULES}
    if by_rule["verify"] != "inconclusive":
        assert by_rule == dict.fromkeys(RULES, by_rule["verify"])
    else:
        assert by_rule["regress"] == "passed"


def test_unknown_rules_and_other_metrics_are_refused(make):
    with pytest.raises(ParameterError, match="allowed: point, verify, regress"):
        judge(make(), AT_LEAST, rule="verfy")
    with pytest.raises(ParameterError, match="another metric"):
        judge(make(), Threshold("worst", ">=", 0.5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("accuracy", "=>", 0.5), "allowed: >=, >, <=, <"),
        (("accuracy", ">=", "0.5"), "finite number"),
        (("accuracy", ">=", math.nan), "finite number"),
        (("accuracy", ">=", math.inf), "finite number"),
        (("accuracy", ">=", True), "finite number"),
        (("accuracy", ">=", None), "finite number"),
        (("accuracy", ">=", 85), r"out of range.*85 % is 0\.85"),
        (("fpr95", "<=", 30), r"30 % is 0\.3"),
        (("ece", "<=", 2), r"2 % is 0\.02"),
        (("mce", "<=", 2), "allowed: 0 to 1"),
        (("max_drop", "<=", 5), r"5 % is 0\.05"),
        (("brier", "<=", 3), "allowed: 0 to 2"),
        (("accuracy", ">=", -0.1), "out of range"),
        (("mean_radius", ">=", -1), "out of range: got -1; allowed: 0 to inf"),
    ],
)
def test_impossible_bounds_are_refused(arguments, message):
    with pytest.raises(ParameterError, match=message):
        Threshold(*arguments)


def test_metrics_beyond_one_may_have_bounds_beyond_one():
    assert [Threshold(metric, "<=", 1.5).bound for metric in ("nll", "brier")] == [1.5] * 2


def test_scalars_of_numpy_are_numbers():
    assert Threshold("ece", "<=", np.float32(0.5)).bound == 0.5


def below_the_noise(make, op, bound, rule, **changes):
    """An ECE of .004 in [.002, .006] of 1,000 samples, where chance alone shows up to .0093."""
    usual = {"value": 0.004, "low": 0.002, "high": 0.006, "metric": "ece", "higher_is_better": False}
    measurement = make(**{**usual, "noise_floor": 0.0093, **changes})
    return judge(measurement, Threshold("ece", op, bound), rule=rule)


@pytest.mark.parametrize(
    ("rule", "bound", "expected"),
    [
        ("point", 0.005, "inconclusive"),
        ("point", 0.0092, "inconclusive"),
        ("point", 0.0093, "passed"),
        ("point", 0.003, "inconclusive"),
        ("point", 0.0019, "failed"),
        ("verify", 0.007, "inconclusive"),
        ("verify", 0.0093, "passed"),
        ("verify", 0.0019, "failed"),
        ("regress", 0.003, "passed"),
        ("regress", 0.007, "passed"),
        ("regress", 0.0019, "failed"),
        (None, 0.007, "inconclusive"),
    ],
)
@pytest.mark.parametrize("op", ["<=", "<"])
def test_a_bound_below_what_chance_shows_is_never_passed(make, rule, bound, expected, op):
    assert below_the_noise(make, op, bound, rule).decision == expected
    assert below_the_noise(make, op, bound, rule, population=1000).decision == expected


def test_at_the_low_end_a_strict_bound_is_missed(make):
    assert below_the_noise(make, "<=", 0.002, "point").decision == "inconclusive"
    assert below_the_noise(make, "<", 0.002, "point").decision == "failed"


def test_the_reason_names_the_band_and_what_would_settle_it(make):
    reason = below_the_noise(make, "<=", 0.0031, "point").reason
    assert reason == (
        "0.0031 lies below 0.0093, up to which a perfectly calibrated model shows ece by chance at n = 1,000; the band "
        "shrinks like 1 / sqrt(n): at least 9,000 samples would settle it"
    )
    beyond = below_the_noise(make, "<=", 0.0025, "point", population=5000).reason
    assert beyond.endswith("at least 13,839 samples would settle it, more than the 5,000 that there are")
    assert below_the_noise(make, "<=", 0, "point", low=0.0).reason.endswith("no number of samples would settle it")


def test_the_noise_floor_is_for_upper_bounds_and_leaves_nan_and_faults_alone(make):
    assert below_the_noise(make, ">=", 0.003, "point").decision == "passed"
    assert below_the_noise(make, "<=", 0.007, "point", value=math.nan).decision == "failed"
    assert below_the_noise(make, "<=", 0.007, "verify", low=math.nan).decision == "inconclusive"
    assert below_the_noise(make, "<=", 0.007, "point", low=math.nan).decision == "inconclusive"
    assert below_the_noise(make, "<=", 0.007, "point", faults=("masked",)).decision == "failed"
