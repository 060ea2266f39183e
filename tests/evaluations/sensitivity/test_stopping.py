"""Early stops: the verdict is that on all, each point is left as soon as its own question is settled."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from pytest_robustness import Evaluator
from pytest_robustness.datasets import as_dataset, load_dataset
from pytest_robustness.evaluations import EarlyStop, Sensitivity, Threshold, judge
from pytest_robustness.evaluations.base import Outcome, Subject
from pytest_robustness.evaluations.sensitivity.questions import Question, Seen

BOX = {"gamma": (0.5, 2.0), "brightness": (-0.4, 0.4)}


def worst(bound):
    return Threshold("worst", ">=", bound, family="sensitivity")


def drop(bound):
    return Threshold("max_drop", "<=", bound, family="sensitivity")


class Simulated(Sensitivity):
    """Classifies no images: each is right where its number, drawn at random, is below the accuracy of the point."""

    numbers = np.zeros(0)
    lowest = 0.8

    def run_block(self, subject, block):
        order = self.numbers[block.start : block.stop]
        if block.part == "identity":
            return {"correct": order < 0.97}
        return {"correct": np.stack([order < self.accuracy(*point) for point in block.points])}

    @classmethod
    def accuracy(cls, gamma, brightness):
        return 0.97 - (0.97 - cls.lowest) * min(1.0, 2.5 * abs(brightness) + 0.4 * abs(gamma - 1)) ** 2


def simulated(numbers, lowest):
    return type("Simulated", (Simulated,), {"numbers": numbers, "lowest": lowest})


def measured(evaluation, n, early=None):
    """Return the measurements by name, the verdict on the threshold's, and images classified."""
    data = as_dataset((np.zeros((n, 1, 2, 2), np.uint8), np.zeros(n, np.int64)))
    subject, outcomes = Subject(None, data, 0, 500, {}, early), {}
    while blocks := evaluation.plan(subject, outcomes):
        assert not set(blocks) & set(outcomes)
        outcomes |= {block: Outcome(evaluation.run_block(subject, block)) for block in blocks}
    found = {m.metric: m for m in evaluation.summarise(subject, outcomes, confidence=0.95)}
    return found, sum((block.stop - block.start) * max(1, len(block.points)) for block in outcomes)


@pytest.mark.parametrize("alpha", [None, 0.001])
def test_the_verdict_is_that_on_all(alpha):
    rng, decisions, costs = np.random.default_rng(0), Counter(), []
    for _ in range(60):
        n, lowest = int(rng.choice([50, 300, 1500])), rng.uniform(0.5, 0.96)
        near = float(np.clip(rng.normal(0, 0.06), -0.4, 0.4))
        threshold = worst(min(1.0, lowest + near)) if rng.random() < 0.5 else drop(max(0.0, 0.97 - lowest + near))
        rule = str(rng.choice(["point", "verify", "regress"]))
        made = simulated(rng.random(n), lowest)
        evaluation = made(**BOX, points=int(rng.choice([9, 30])), sampler=str(rng.choice(["tensor", "grid"])))
        full, all_passes = measured(evaluation, n)
        verdict = judge(full[threshold.metric], threshold, rule=rule)
        found, passes = measured(evaluation, n, EarlyStop(threshold=threshold, rule=rule, alpha=alpha))
        early = found[threshold.metric]
        assert judge(early, threshold, rule=rule).decision == verdict.decision
        assert passes <= all_passes
        decisions[verdict.decision, early.settled is not None] += 1
        costs.append(passes / all_passes)
        if early.settled is None:
            assert found.keys() == full.keys()
            assert early.value == full[threshold.metric].value
        else:
            assert found.keys() == {threshold.metric}
            assert early.low <= early.value <= early.high
    assert min(decisions["passed", True], decisions["failed", True], decisions["inconclusive", False]) > 3
    assert np.mean(costs) < (0.95 if alpha is None else 0.75)


@pytest.mark.parametrize("sampler", ["tensor", "learner2d"])
def test_what_is_certain_is_certain_for_every_sampler(sampler):
    # The sampler meets the points that it would have met: else another worst point could be found.
    numbers = np.random.default_rng(4).random(600)
    for bound in (0.70, 0.76, 0.80, 0.86):
        evaluation = simulated(numbers, 0.8)(**BOX, points=40, sampler=sampler)
        full, all_passes = measured(evaluation, 600)
        found, passes = measured(evaluation, 600, EarlyStop(threshold=worst(bound)))
        expected = judge(full["worst"], worst(bound)).decision
        assert judge(found["worst"], worst(bound)).decision == expected
        assert passes < all_passes or expected == "inconclusive"


def test_one_bad_point_ends_it_all():
    made = simulated(np.random.default_rng(0).random(5000), 0.3)
    found, passes = measured(made(**BOX, points=100), 5000, EarlyStop(threshold=worst(0.9), alpha=0.001))
    settled = found["worst"].settled
    assert settled.decision == "failed"
    assert passes <= 64 * 10
    assert "at gamma=" in settled.reason
    assert "by the first 64 images" in settled.reason
    assert "sequential test of error 0.001 over all points" in settled.reason
    assert found["worst"].n == 64
    found, passes = measured(made(**BOX, points=100), 5000, EarlyStop(threshold=worst(0.9)))
    assert "certain" in found["worst"].settled.reason
    assert passes <= 1000 * 10


def test_good_points_are_left_early():
    made = simulated(np.random.default_rng(0).random(5000), 0.9)
    stop = EarlyStop(threshold=worst(0.7), alpha=0.001)
    found, passes = measured(made(**BOX, points=100), 5000, stop)
    assert found["worst"].settled.decision == "passed"
    assert passes < 0.1 * 5000 * 100
    assert 0.7 <= found["worst"].low < 0.9 < found["worst"].high
    found, passes = measured(made(**BOX, points=100), 5000, EarlyStop(threshold=drop(0.3), alpha=0.001))
    assert found["max_drop"].settled.decision == "passed"
    assert passes < 0.1 * 5000 * 100
    assert found["max_drop"].high <= 0.3


@pytest.mark.parametrize(("lowest", "wrong"), [(0.798, "passed"), (0.804, "failed")])
def test_the_error_is_that_of_the_whole_verdict(lowest, wrong):
    """At the edge of the bound, at several points at once, at most one verdict in twenty may be wrong."""
    count = 0
    for seed in range(150):
        made = simulated(np.random.default_rng(seed).random(1000), lowest)
        stop = EarlyStop(threshold=worst(0.8), rule="verify", alpha=0.05)
        found, _ = measured(made(**BOX, points=16, sampler="grid"), 1000, stop)
        count += judge(found["worst"], worst(0.8), rule="verify").decision == wrong
    assert count <= 14  # P(Binomial(150, 0.05) > 14) < 0.01


def test_the_whole_population_is_no_proof_where_intervals_decide():
    # 806 of 1,000: all that there are, but the interval holds 0.8. Only the rule "point" asks for these images alone.
    stop = EarlyStop(threshold=worst(0.8), alpha=0.05)
    question = Question(early=stop, n=1000, population=1000, fewest=9, most=9)
    assert question.finding(Seen(1000, 194, 0)).decision == "inconclusive"
    point = Question(early=EarlyStop(threshold=worst(0.8), rule="point"), n=1000, population=1000, fewest=9, most=9)
    assert point.finding(Seen(1000, 194, 0)).decision == "passed"


@pytest.mark.parametrize("metric", ["mean", "area", "robust_box"])
def test_other_metrics_want_all(metric):
    made = simulated(np.random.default_rng(0).random(200), 0.9)
    stop = EarlyStop(threshold=Threshold(metric, ">=", 0.1, family="sensitivity"), alpha=0.05)
    (full, all_passes), (found, passes) = (measured(made(points=9), 200, early) for early in (None, stop))
    assert (passes, found.keys()) == (all_passes, full.keys())
    assert found[metric].settled is None
    stop = EarlyStop(threshold=worst(0.1), alpha=0.05)
    assert len(measured(made(points=9, seconds=100), 200, stop)[0]) == 5


def test_passes_are_saved_on_digits(data_dir):
    """A perceptron on 10,000 digits at 100 points: the worst is at 0.85."""
    del data_dir
    from example_models.mlp_adam import load

    data = load_dataset("mnist")
    evaluation = Sensitivity(gamma=(0.5, 2.0), brightness=(-0.1, 0.1), points=100)
    full = Evaluator(load(), data).measure(evaluation)
    for bound, alpha, most in ((0.75, 0.001, 0.05), (0.75, None, 0.99), (0.9, 0.001, 0.05), (0.9, None, 0.2)):
        stop = EarlyStop(threshold=worst(bound), alpha=alpha)
        found = Evaluator(load(), data).measure(evaluation, early=stop)
        assert judge(found, worst(bound)).decision == judge(full["worst"], worst(bound)).decision
        assert found.forwards < most * full.forwards
