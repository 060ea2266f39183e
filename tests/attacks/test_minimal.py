"""What holds for every attack that looks for the nearest adversarial image."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.attacks.carlini_wagner import CarliniWagner
from pytest_robustness.attacks.deepfool import DeepFool
from pytest_robustness.attacks.fab import FAB, FABT
from pytest_robustness.attacks.fmn import FMN
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import ParameterError

if TYPE_CHECKING:
    from pytest_robustness.attacks.base import NormAttack

BOTH = [(FAB, {"steps": 20}), (FABT, {"steps": 20}), (DeepFool, {}), (FMN, {"steps": 100})]
WEAK_CW = {"steps": 60, "learning_rate": 0.05, "binary_search_steps": 5, "initial_const": 0.1}


class Case(NamedTuple):
    """An attack but for its radius."""

    kind: type[NormAttack]
    norm: str
    options: dict[str, float]

    def attack(self, eps, **more):
        return self.kind(eps=eps[self.norm], norm=self.norm, **{**self.options, **more})

    def __repr__(self):
        return f"{self.kind.name}-{self.norm}"


CASES = [Case(kind, norm, options) for kind, options in BOTH for norm in ("linf", "l2")]
CASES.append(Case(CarliniWagner, "l2", WEAK_CW))
EVERY = {"linf": 1.0, "l2": 6.0}
"""Radii that hold the whole cube of 6 x 6 pixels."""
SMALL = {"linf": 0.06, "l2": 0.3}
TWICE = {"linf": 0.12, "l2": 0.6}

every_attack = pytest.mark.parametrize("case", CASES, ids=repr)


def lengths(moved, images, norm):
    difference = (moved.astype(np.float64) - images).reshape(len(images), -1)
    return np.abs(difference).max(axis=1) if norm == "linf" else np.linalg.norm(difference, axis=1)


@every_attack
def test_the_boundary_of_a_linear_classifier_is_met_within_a_percent(case, linear):
    attack = case.attack(EVERY)
    if case.kind is CarliniWagner:
        attack = CarliniWagner(eps=6.0, steps=300, learning_rate=0.0005)  # some boundaries are a thousandth away
    moved = attack.run(linear.classifier, linear.images, linear.labels)
    assert (linear.classifier.predict(moved) != linear.labels).all()
    reached = lengths(moved, linear.images, case.norm) / linear.needed[case.norm]
    assert reached.min() > 1 - 1e-3
    assert reached.max() < 1.01


@every_attack
def test_images_lie_in_the_ball_and_fooled_means_fooled(case, net, images, labels):
    attack = case.attack(SMALL)
    right = net.predict(images) == labels
    rows = np.flatnonzero(right)
    result = attack.search(net, images[right], labels[right], ids=rows, seed=0)
    assert result.images.dtype == np.float32
    assert result.images.min() >= 0
    assert result.images.max() <= 1
    assert lengths(result.images, images[right], case.norm).max() <= attack.eps
    assert 0 < result.fooled.sum() < len(rows)
    assert np.array_equal(net.predict(result.images) != labels[right], result.fooled)


@every_attack
def test_batches_and_order_make_no_difference(case, net, images, labels):
    attack = case.attack(EVERY)
    whole = lengths(attack.run(net, images, labels), images, case.norm)
    in_parts = lengths(attack.run(net, images, labels, batch_size=40), images, case.norm)
    order = np.random.default_rng(0).permutation(len(images))
    shuffled = attack.run(net, images[order], labels[order], ids=order)
    back = lengths(shuffled[np.argsort(order)], images, case.norm)
    # The rounding of the model differs from batch to batch, and may send a sample to another class.
    for other in (in_parts, back):
        assert (np.abs(other - whole) > 1e-3 * whole + 1e-6).mean() <= 0.05


@every_attack
def test_stopping_at_the_radius_saves_passes_and_loses_no_sample(case, net, images, labels):
    spent, fooled = [], []
    for stop in (False, True):
        before = net.passes.snapshot()
        attack = case.attack(TWICE, stop_at_eps=stop)
        moved = attack.run(net, images, labels)
        spent.append((net.passes - before).forwards)
        fooled.append((net.predict(moved) != labels).mean())
    assert spent[1] < spent[0]
    assert fooled[1] == pytest.approx(fooled[0], abs=0.04)


@every_attack
def test_a_target_is_reached(case, net, images, labels):
    more = {"targets": 0} if case.kind is FABT else {}
    attack = case.attack(EVERY, target=3, **more)
    right = (net.predict(images) == labels) & (labels != 3)
    moved = attack.run(net, images[right], labels[right])
    hit = net.predict(moved) == 3
    assert hit.mean() > 0.9
    free = case.attack(EVERY, **more).run(net, images[right], labels[right])
    nearer = lengths(free, images[right], case.norm)[hit] <= 1.05 * lengths(moved, images[right], case.norm)[hit]
    assert nearer.mean() > 0.9


class Cut(nn.Module):
    """A network behind a step that lets no gradient through."""

    def __init__(self, inside):
        super().__init__()
        self.inside = inside

    def forward(self, images):
        return self.inside(images.detach() + 0 * images)


class Scaled(nn.Module):
    """A network with its logits times a factor."""

    def __init__(self, inside, factor):
        super().__init__()
        self.inside = inside
        self.factor = factor

    def forward(self, images):
        return self.factor * self.inside(images)


@every_attack
def test_a_model_without_slopes_resists(case, make_net, images):
    classifier = load_classifier(Cut(make_net()))
    labels = classifier.predict(images)
    moved = case.attack(SMALL).run(classifier, images, labels)
    assert np.isfinite(moved).all()
    # Adam makes steps of its rounding, and one sample lies at the boundary.
    assert (classifier.predict(moved) != labels).sum() <= (case.kind is CarliniWagner)


@pytest.mark.parametrize("factor", [1e-15, 1e4])
@pytest.mark.parametrize("case", CASES[:-1], ids=repr)
def test_the_scale_of_the_logits_does_not_matter(case, factor, make_net, images):
    plain, scaled = load_classifier(make_net()), load_classifier(Scaled(make_net(), factor))
    labels = plain.predict(images)
    attack = case.attack(EVERY)
    medians = [np.median(lengths(attack.run(model, images, labels), images, case.norm)) for model in (plain, scaled)]
    assert medians[1] == pytest.approx(medians[0], rel=0.02)


@every_attack
def test_global_random_state_is_not_touched(case, net, images, labels):
    before = torch.get_rng_state()
    attack = case.attack(SMALL)
    first, second = (attack.run(net, images[:8], labels[:8]) for _ in range(2))
    assert np.array_equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (FAB, {"steps": 0}, "steps"),
        (FAB, {"restarts": 0}, "restarts"),
        (FAB, {"targets": -1}, "targets"),
        (FAB, {"targets": 2.5}, "targets"),
        (FAB, {"eta": 0.9}, "eta"),
        (FAB, {"alpha_max": 1.5}, "alpha_max"),
        (FAB, {"beta": -0.1}, "beta"),
        (FAB, {"patience": 0}, "patience"),
        (FABT, {"target": 3}, "exclude"),
        (DeepFool, {"steps": 0}, "steps"),
        (DeepFool, {"overshoot": -1}, "overshoot"),
        (DeepFool, {"candidates": 1}, "candidates"),
        (FMN, {"steps": True}, "steps"),
        (FMN, {"alpha_init": 0}, "alpha_init"),
        (FMN, {"gamma_init": -1}, "gamma_init"),
        (CarliniWagner, {"steps": 0}, "steps"),
        (CarliniWagner, {"binary_search_steps": 0}, "binary_search_steps"),
        (CarliniWagner, {"learning_rate": 0}, "learning_rate"),
        (CarliniWagner, {"initial_const": 0}, "initial_const"),
        (CarliniWagner, {"confidence": -1}, "confidence"),
        (CarliniWagner, {"norm": "linf"}, "norm"),
    ],
)
def test_impossible_options_are_refused(kind, options, message):
    with pytest.raises(ParameterError, match=message):
        kind(eps=0.1, **options)
