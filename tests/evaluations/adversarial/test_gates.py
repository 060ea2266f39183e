"""Gates under attack on real classifiers: what must be red is red, and what must not be is not."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from pytest_robustness import Evaluator, load_dataset
from pytest_robustness.attacks import FGSM, PGD, Averaged, NormAttack, StraightThrough, Transfer
from pytest_robustness.attacks.batch import Found
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import EvaluationError, ParameterError
from pytest_robustness.evaluations import AdversarialAccuracy, EarlyStop, Threshold, curve_of, judge

DIGITS = load_dataset("digits").sample(120, seed=1)


def fitted(estimator):
    train = load_dataset("digits")
    return estimator.fit(train.pixels().reshape(len(train), -1)[:1200], train.labels[:1200])


@pytest.fixture(scope="module")
def mlp():
    return load_classifier(fitted(MLPClassifier((32,), max_iter=60, random_state=0, tol=1e-2, n_iter_no_change=3)))


class Stepped(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, pixels):
        return self.inner((pixels * 63).round() / 63)


@pytest.fixture(scope="module")
def masked(mlp):
    return load_classifier(Stepped(mlp.backend.module))


def measured(model, attack, **options):
    return Evaluator(model, DIGITS).measure(AdversarialAccuracy(attack, **options))


def test_a_faulty_value_answers_no_comparison(masked):
    found = measured(masked, "pgd", eps=[0.05, 0.1], steps=5)
    assert found.faults
    for compare in (
        lambda m: m >= 0.1,
        lambda m: m < 0.9,
        lambda m: m >= Evaluator(masked, DIGITS).measure(AdversarialAccuracy("fgsm", eps=0.3)),
    ):
        with pytest.raises(EvaluationError, match="cannot be relied on"):
            compare(found)
    curve = curve_of(found)
    for ask in (curve.area, lambda: curve.at(0.1)):
        with pytest.raises(EvaluationError, match="cannot be relied on"):
            ask()
    assert "cannot be relied on" in str(curve)


def test_behind_steps_the_strongest_stands(masked, mlp):
    found = measured(masked, "strongest", eps=0.1)
    assert found.faults == ()
    assert found.value <= measured(mlp, "strongest", eps=0.1).value + 0.1


@pytest.mark.parametrize("wrapper", [StraightThrough, Averaged])
def test_what_sees_the_model_differently_keeps_its_radius(mlp, wrapper):
    found = measured(mlp, wrapper(attack=PGD(eps=0.05, steps=5)))
    assert found.faults == ()
    curve = curve_of(measured(mlp, wrapper(attack=PGD(eps=0.05, steps=5)), eps=[0.02, 0.1]))
    assert curve.at(0.1) < curve.at(0.02)


@pytest.mark.parametrize(
    ("estimator", "attack"),
    [
        (SVC(), "pgd"),
        (DecisionTreeClassifier(random_state=0), "autoattack-fast"),
        (
            VotingClassifier([("a", LogisticRegression(max_iter=100)), ("b", DecisionTreeClassifier())]),
            "autoattack-fast",
        ),
        (VotingClassifier([("a", LogisticRegression(max_iter=50)), ("b", SVC())]), "fgsm"),
    ],
    ids=["svc", "tree", "votes of a tree", "votes"],
)
@pytest.mark.filterwarnings("ignore:.*converge")
def test_honest_estimators_are_not_blamed(estimator, attack):
    found = Evaluator(fitted(estimator), DIGITS.sample(40, seed=0)).measure(AdversarialAccuracy(attack, eps=0.05))
    assert found.faults == ()
    assert 0 < found.value < 1


def test_samples_of_the_target_class_are_not_held_against_the_attack(mlp):
    found = measured(mlp, "pgd", eps=0.05, target=3, steps=10)
    assert found.faults == ()
    assert found.value > measured(mlp, "pgd", eps=0.05, steps=10).value


@dataclass(frozen=True, kw_only=True)
class Idle(NormAttack):
    """Shakes the image and calls it an attack."""

    name = "idle"

    def _perturb(self, forward, batch):
        images = batch.ball.random(batch.ids, seed=batch.seed, stream="idle", index=0)
        with torch.no_grad():
            return Found(images, batch.fooled(forward(images)))


@pytest.mark.parametrize("attack", [Idle(eps=0.3), PGD(eps=0.3, steps=1, step_size=1e-4, random_start=False)])
def test_an_attack_that_does_nothing_is_no_evidence(mlp, attack):
    found = measured(mlp, attack)
    assert found.value > 0.5
    assert any("fall to a short gradient attack" in fault for fault in found.faults)


def test_the_size_of_batches_does_not_hide_a_fault(masked):
    found = Evaluator(masked, DIGITS.sample(40, seed=0), batch_size=1).measure(
        AdversarialAccuracy("pgd", eps=0.1, steps=3)
    )
    assert found.faults


def test_a_surrogate_that_leads_nowhere_is_no_evidence(mlp, masked):
    assert measured(mlp, "pgd", eps=0.1, steps=5, surrogate=masked).faults
    wrong = load_classifier(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))
    found = measured(mlp, "pgd", eps=0.02, steps=2, surrogate=wrong)
    assert any("samples right" in fault for fault in found.faults)


def test_a_surrogate_is_part_of_what_is_stored(mlp, tmp_path):
    surrogate = copy.deepcopy(mlp.backend.module)
    attack = Transfer(attack=FGSM(eps=0.05), surrogate=surrogate)
    evaluation = AdversarialAccuracy(attack)
    first = Evaluator(mlp, DIGITS, cache=tmp_path).measure(evaluation)
    with torch.no_grad():
        next(surrogate.buffers()).neg_()
    again = Evaluator(mlp, DIGITS, cache=tmp_path).measure(evaluation)
    assert not again.cached
    assert again.value != first.value
    assert Evaluator(mlp, DIGITS, cache=tmp_path).measure(evaluation).cached


def test_code_inside_a_wrapper_is_not_stored(mlp, tmp_path):
    evaluation = AdversarialAccuracy(StraightThrough(attack=Idle(eps=0.1)))
    for _ in range(2):
        assert not Evaluator(mlp, DIGITS, cache=tmp_path).measure(evaluation).cached


def test_curves_of_all_sorts(mlp):
    few = AdversarialAccuracy("sparse-rs", eps=[1, 3], queries=50)
    assert few.parameters()["eps"] == [1, 3]
    assert curve_of(Evaluator(mlp, DIGITS).measure(few)).norm == "l0"
    assert curve_of(measured(mlp, "fgsm", eps=[0.1])).eps == (0.1,)
    assert curve_of(measured(mlp, PGD(eps=1.0, steps=3), eps=[0.02, 0.1])).eps == (0.02, 0.1)
    own = curve_of(measured(mlp, "pgd", eps=[0.02, 0.1], steps=3, surrogate=mlp))
    assert own.at(0.1) < own.at(0.02)


def test_an_attack_that_stops_at_a_radius_runs_for_each(mlp):
    radii = [0.01, 0.03, 0.1]
    whole = curve_of(measured(mlp, "fab-t", eps=radii, steps=20))
    stopping = curve_of(measured(mlp, "fab-t", eps=radii, steps=20, stop_at_eps=True))
    assert np.abs(np.array(whole.accuracy) - np.array(stopping.accuracy)).max() <= 0.02


def test_saved_images_want_all_samples(mlp):
    stop = EarlyStop(threshold=Threshold("accuracy", ">=", 0.99), rule="point")
    options = {"eps": 0.1, "steps": 3}
    partial = Evaluator(mlp, DIGITS).measure(AdversarialAccuracy("pgd", **options), early=stop)
    assert partial.settled is not None
    assert partial.parts == ()
    whole = Evaluator(mlp, DIGITS).measure(AdversarialAccuracy("pgd", save="x.npz", **options), early=stop)
    assert whole.settled is None
    assert len(whole.samples["images"]) == len(DIGITS)


def test_a_bound_that_always_holds_is_measured_all_the_same(mlp):
    bound = Threshold("accuracy", ">=", 0.0)
    stop = EarlyStop(threshold=bound, rule="point")
    found = Evaluator(mlp, DIGITS).measure(AdversarialAccuracy("fgsm", eps=0.1), early=stop)
    assert judge(found, bound).decision == "passed"


@pytest.mark.parametrize("wrong", [None, 5, ["pdg"], [3]])
def test_trained_on_must_name_attacks(wrong):
    with pytest.raises(ParameterError, match="trained_on"):
        AdversarialAccuracy("pgd", eps=0.1, trained_on=wrong)


def test_a_grid_of_nothing_is_refused():
    for options in ({"rotations": 1, "translations": 1}, {"max_rotation": 0, "max_translation": 0}):
        with pytest.raises(ParameterError, match="nothing but the image itself"):
            AdversarialAccuracy("spatial", **options)
