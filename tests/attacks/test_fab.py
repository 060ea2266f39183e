from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from pytest_robustness.attacks.fab import FAB, FABT
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import load_dataset

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torchattacks

EVERY = {"linf": 1.0, "l2": 6.0}


def lengths(moved, images, norm):
    difference = (moved.astype(np.float64) - images).reshape(len(images), -1)
    return np.abs(difference).max(axis=1) if norm == "linf" else np.linalg.norm(difference, axis=1)


def searched(attack, net, images, labels):
    right = net.predict(images) == labels
    before = net.passes.snapshot()
    result = attack.search(net, images[right], labels[right], ids=np.flatnonzero(right), seed=0)
    return result, images[right], net.passes - before


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_one_run_answers_for_every_radius(net, images, labels, norm):
    whole, clean, _ = searched(FABT(eps=EVERY[norm], norm=norm, steps=20), net, images, labels)
    assert whole.fooled.all()
    distances = lengths(whole.images, clean, norm)
    for radius in np.quantile(distances, [0.2, 0.5, 0.8]) * (1 + 1e-5):
        result, *_ = searched(FABT(eps=radius, norm=norm, steps=20), net, images, labels)
        assert np.array_equal(result.fooled, distances <= radius)


def test_the_cost_of_a_hopeless_sample_is_exact(net, images, labels):
    # Each of three targets: three steps, then the boundary is known to be too far. One pass more ranks the targets.
    attack = FABT(eps=1e-6, targets=3, patience=1.0, stop_at_eps=True)
    result, clean, spent = searched(attack, net, images, labels)
    assert not result.fooled.any()
    assert spent.backwards == 9 * len(clean)
    # What was found outside the ball is pulled back, by at most five passes, and looked at once more at its edge.
    assert 10 * len(clean) <= spent.forwards <= 16 * len(clean)


def test_a_step_costs_one_pass_and_one_gradient_a_target(net, images, labels):
    result, clean, spent = searched(FABT(eps=1.0, steps=7, targets=2), net, images, labels)
    assert result.fooled.all()
    assert spent.backwards == 14 * len(clean)
    assert spent.forwards == (1 + 2 * 8 + 5) * len(clean)


def test_without_targets_a_step_costs_the_gradients_of_all_classes(net, images, labels):
    _, clean, spent = searched(FAB(eps=1.0, steps=7), net, images, labels)
    assert spent.backwards == 4 * 7 * len(clean)
    assert spent.forwards == (1 + 8 + 5) * len(clean)


def test_patience_saves_passes_and_loses_next_to_nothing(net, images, labels):
    attacks = [FABT(eps=0.08, stop_at_eps=True, patience=patience) for patience in (None, 1.05)]
    (all_of_them, _, cost), (patient, _, less) = (searched(attack, net, images, labels) for attack in attacks)
    assert 0 < all_of_them.fooled.sum() < len(all_of_them.fooled)
    assert patient.fooled.sum() >= all_of_them.fooled.sum() - 1
    assert less.forwards < 0.5 * cost.forwards


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_more_targets_and_restarts_never_lengthen_the_way(net, images, labels, norm):
    """By a percent at most: the points of the last search on the line depend on where it starts."""
    found = []
    for options in ({"targets": 1}, {"targets": 9}, {"targets": 9, "restarts": 2}):
        result, clean, _ = searched(FAB(eps=EVERY[norm], norm=norm, steps=10, **options), net, images, labels)
        found.append(lengths(result.images, clean, norm))
    assert (found[1] <= found[0] * 1.01).all()
    assert (found[2] <= found[1] * 1.01).all()
    assert (found[1] < 0.9 * found[0]).any()


def test_restarts_follow_the_seed(net, images, labels):
    attack = FABT(eps=1.0, steps=3, restarts=2)
    first, again, other = (attack.run(net, images, labels, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_no_farther_than_torchattacks_at_equal_steps(norm):
    from example_models.lenet5 import load

    module = load()
    data = load_dataset("mnist-5k", n=30)
    images, labels = data.pixels(), data.labels.copy()
    classifier = load_classifier(module)
    right = classifier.predict(images) == labels
    images, labels = images[right], labels[right]
    ours = FAB(eps=EVERY[norm], norm=norm, steps=10).run(classifier, images, labels)
    name, largest = {"linf": ("Linf", 1.0), "l2": ("L2", 6.0)}[norm]
    theirs = torchattacks.FAB(module, norm=name, eps=largest, steps=10)(
        torch.from_numpy(images), torch.from_numpy(labels)
    ).numpy()
    assert (classifier.predict(ours) != labels).all()
    assert np.median(lengths(ours, images, norm)) <= 1.01 * np.median(lengths(theirs, images, norm))
