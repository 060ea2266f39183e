from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_robustness.certificates import clopper_pearson_lower, l0_thresholds
from pytest_robustness.certificates.sequential import Plan, _giving_up, _planned, fewest_hopeless, plan_of_looks
from pytest_robustness.errors import ParameterError

THOUSANDTH = Fraction(1, 1000)
THRESHOLDS = l0_thresholds("0.8", 8)


def plan_for(radius: int, n: int = 100_000, **options: object) -> Plan:
    plan = plan_of_looks(THRESHOLDS[radius], error=THOUSANDTH, **{"n": n, "loss": Fraction(1, 20), **options})  # type: ignore[arg-type]
    assert plan is not None
    return plan


def exact_chances(plan: Plan, p: Fraction) -> tuple[Fraction, Fraction]:
    """The chances ever to say "exceeds", if one never gave up, and ever to give up, if one never said so."""
    ever = []
    for stops in (lambda look, e: e <= plan.most[look], lambda look, e: e >= plan.hopeless[look]):
        state, drawn, chance = {0: Fraction(1)}, 0, Fraction(0)
        for look, draws in enumerate(plan.looks):
            for _ in range(draws - drawn):
                after: dict[int, Fraction] = {}
                for failures, mass in state.items():
                    after[failures] = after.get(failures, Fraction(0)) + mass * p
                    after[failures + 1] = after.get(failures + 1, Fraction(0)) + mass * (1 - p)
                state = after
            chance += sum((mass for e, mass in state.items() if stops(look, e)), Fraction(0))
            state = {e: mass for e, mass in state.items() if not stops(look, e)}
            drawn = draws
        ever.append(chance)
    return ever[0], ever[1]


@pytest.mark.parametrize(
    ("threshold", "error", "n"),
    [
        (Fraction(1, 2), Fraction(1, 20), 60),
        (Fraction(7, 8), Fraction(1, 10), 100),
        (Fraction(2, 3), Fraction(1, 1000), 90),
        (Fraction(31, 32), Fraction(1, 5), 110),
    ],
)
def test_error_is_what_fractions_say(threshold: Fraction, error: Fraction, n: int) -> None:
    plan = plan_of_looks(threshold, error=error, n=n, loss=error)
    assert plan is not None
    said, _ = exact_chances(plan, threshold)
    assert said <= error
    assert said <= Fraction(plan.error)
    assert plan.error == pytest.approx(float(said), rel=2e-6)
    # Where fewer draws succeed, it is rarer still.
    assert exact_chances(plan, threshold - Fraction(1, 50))[0] < said


def test_loss_is_what_fractions_say() -> None:
    threshold, looks = Fraction(7, 8), (10, 25, 60, 90)
    hopeless, loss = _giving_up(looks, float(1 - threshold), [0.005, 0.01, 0.015, 0.02])
    plan = Plan(looks=looks, most=(-1, -1, -1, -1), hopeless=hopeless, error=0, worthwhile=0, loss=loss)
    _, lost = exact_chances(plan, threshold)
    assert lost <= Fraction(1, 50)
    assert loss == pytest.approx(float(lost), rel=2e-6)
    # Where more draws succeed, it is rarer still. One failure less at the last look would have been too many.
    assert exact_chances(plan, threshold + Fraction(1, 100))[1] < lost
    sooner = Plan(
        looks=looks, most=plan.most, hopeless=(*hopeless[:-1], hopeless[-1] - 1), error=0, worthwhile=0, loss=0
    )
    assert exact_chances(sooner, threshold)[1] > Fraction(1, 50)


@pytest.mark.parametrize(("threshold", "n", "loss"), [(Fraction(7, 8), 400, 0.2), (Fraction(2, 3), 300, 0.1)])
def test_what_is_lost_by_giving_up_is_within_the_bound(threshold: Fraction, n: int, loss: float) -> None:
    plan = plan_of_looks(threshold, error=Fraction(1, 10), n=n, loss=Fraction(str(loss)))
    assert plan is not None
    patient = replace(plan, hopeless=(plan.most[-1] + 1,) * len(plan.looks))
    assert plan.hopeless != patient.hopeless
    grid = np.linspace(float(threshold) - 0.1, 1, 60)
    lost = [patient.outlook(p)[0] - plan.outlook(p)[0] for p in grid]
    assert max(lost) <= loss
    assert max(lost) > 1e-4  # and giving up does cost something
    assert patient.outlook(plan.worthwhile)[0] <= loss


def test_without_a_loss_nothing_is_given_up_that_could_be_certified() -> None:
    plan = plan_of_looks(Fraction(7, 8), error=Fraction(1, 10), n=120)
    assert plan is not None
    assert plan.hopeless == (plan.most[-1] + 1,) * len(plan.looks)
    assert (plan.worthwhile, plan.loss) == (0, 0)


@pytest.mark.parametrize("radius", [1, 3, 5])
def test_error_of_long_plans_is_that_of_a_walk_draw_by_draw(radius: int) -> None:
    plan = plan_for(radius, n=20_000)
    failing = float(1 - THRESHOLDS[radius])
    state, drawn, said = np.zeros(plan.most[-1] + 2), 0, 0.0
    state[0] = 1
    for look, draws in enumerate(plan.looks):
        for _ in range(draws - drawn):
            state[1:-1] = state[1:-1] * (1 - failing) + state[:-2] * failing
            state[0] *= 1 - failing
        said += state[: plan.most[look] + 1].sum()
        state[: plan.most[look] + 1] = 0
        drawn = draws
    assert said <= 0.001
    assert plan.error == pytest.approx(said, rel=1e-5)


def test_draws_of_an_image_without_a_failure() -> None:
    # (127/128)^881 < 0.001 < (127/128)^880: with all of the error at the first look.
    single = plan_for(3, first=1.0)
    assert (single.looks[-1], single.most[-1]) == (881, 0)
    looks = [n for n, most in zip(plan_for(3).looks, plan_for(3).most, strict=True) if most >= 0]
    assert 881 < looks[0] <= 970
    assert plan_for(3).outlook(1.0) == (pytest.approx(1), pytest.approx(looks[0]))


@pytest.mark.parametrize(("radius", "pardoned"), [(1, 12177), (2, 2955), (3, 696), (5, 248)])
def test_one_look_pardons_as_many_failures_as_clopper_and_pearson(radius: int, pardoned: int) -> None:
    threshold = THRESHOLDS[radius]
    single = _planned((100_000,), float(1 - threshold), 0.001, 0.0, 1.0)
    assert single.most == (pardoned,)
    assert Fraction(clopper_pearson_lower(100_000 - pardoned, 100_000)) > threshold
    assert Fraction(clopper_pearson_lower(100_000 - pardoned - 1, 100_000)) <= threshold
    # Many looks cost little of it at the last.
    assert 0.97 * pardoned < plan_for(radius).most[-1] < pardoned


def test_clear_and_hopeless_images_take_few_draws() -> None:
    plan, failing = plan_for(3), float(1 - THRESHOLDS[3])
    assert plan.outlook(1 - failing / 4)[1] < 3_000
    assert plan.outlook(1 - failing / 2)[1] < 8_000
    assert plan.outlook(1 - 2 * failing)[1] < 3_000
    assert plan.outlook(0.9)[1] < 100
    # At the threshold it is certified as rarely as was promised, and what is clear nearly always.
    assert plan.outlook(1 - failing)[0] <= 0.001
    assert plan.outlook(1 - 0.75 * failing)[0] > 0.998
    assert plan.outlook(1 - 0.5 * failing)[0] > 0.9998


@given(
    st.fractions(Fraction(1, 2), Fraction(99, 100), max_denominator=500),
    st.sampled_from([Fraction(1, 20), THOUSANDTH, Fraction(1, 10**6)]),
    st.integers(1, 5000),
)
def test_plans_are_sound(threshold: Fraction, error: Fraction, n: int) -> None:
    plan = plan_of_looks(threshold, error=error, n=n, loss=error)
    if plan is None:
        assert float(threshold) ** n >= float(error) * (1 - 1e-5)
        return
    assert list(plan.looks) == sorted(set(plan.looks))
    assert plan.looks[-1] <= n
    assert list(plan.most) == sorted(plan.most)
    assert plan.most[-1] >= 0
    assert plan.hopeless[-1] == plan.most[-1] + 1
    assert all(most < hopeless for most, hopeless in zip(plan.most, plan.hopeless, strict=True))
    assert plan.error <= float(error)
    assert plan.loss <= float(error)
    assert plan.outlook(float(threshold))[0] <= float(error)
    assert all(plan.verdict(i, e) is True for i, e in enumerate(plan.most) if e >= 0)
    assert all(plan.verdict(i, e) is False for i, e in enumerate(plan.hopeless))


def test_outlook_is_what_draws_do() -> None:
    plan = plan_for(2, n=2000)
    p, trials = 0.98, 4000
    failed = np.random.default_rng(0).random((trials, 2000)) >= p
    failures = failed.cumsum(axis=1)[:, np.array(plan.looks) - 1]
    exceeded, drawn = np.zeros(trials, dtype=bool), np.full(trials, plan.looks[-1])
    for row in range(trials):
        for look, draws in enumerate(plan.looks):
            verdict = plan.verdict(look, int(failures[row, look]))
            if verdict is not None:
                exceeded[row], drawn[row] = verdict, draws
                break
    chance, expected = plan.outlook(p)
    assert stats.binomtest(int(exceeded.sum()), trials, chance).pvalue > 1e-3
    assert drawn.mean() == pytest.approx(expected, abs=4 * drawn.std() / math.sqrt(trials))


@pytest.mark.parametrize("radius", [1, 2, 3, 5])
def test_what_is_lost_of_long_plans_is_less_than_a_hundredth(radius: int) -> None:
    plan, failing = plan_for(radius), float(1 - THRESHOLDS[radius])
    patient = replace(plan, hopeless=(plan.most[-1] + 1,) * len(plan.looks))
    lost = [patient.outlook(1 - q)[0] - plan.outlook(1 - q)[0] for q in failing * np.linspace(0.7, 1, 13)]
    assert 1e-3 < max(lost) < 1e-2


def test_what_no_number_of_failures_shows() -> None:
    assert plan_of_looks(THRESHOLDS[3], error=THOUSANDTH, n=880) is None
    plan = plan_for(3, n=881)
    assert (plan.looks[-1], plan.most[-1]) == (881, 0)


def test_plans_of_more_draws_than_can_be_made_are_refused() -> None:
    with pytest.raises(ParameterError, match="n is out of range: got 100000000; allowed: 1 to 10,000,000 draws"):
        plan_of_looks(THRESHOLDS[3], error=THOUSANDTH, n=10**8)


def test_failures_of_the_selection_that_leave_no_hope() -> None:
    limit = fewest_hopeless(127 / 128, 100, THOUSANDTH / 2)
    chances = stats.binom.sf(np.array([limit - 1, limit - 2]), 100, 1 / 128)
    assert chances[0] <= 0.0005 < chances[1]
    assert fewest_hopeless(127 / 128, 1, THOUSANDTH) == 2  # one draw refutes nothing
    assert fewest_hopeless(0.0, 100, THOUSANDTH) == 101
