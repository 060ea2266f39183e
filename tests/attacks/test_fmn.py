from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from pytest_robustness.attacks.fmn import FMN
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import load_dataset

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import foolbox

EVERY = {"linf": 1.0, "l2": 28.0}


def lengths(moved, images, norm):
    difference = (moved.astype(np.float64) - images).reshape(len(images), -1)
    return np.abs(difference).max(axis=1) if norm == "linf" else np.linalg.norm(difference, axis=1)


def test_a_step_costs_one_pass_and_one_gradient(net, images, labels):
    right = int((net.predict(images) == labels).sum())
    before = net.passes.snapshot()
    moved = FMN(eps=1.0, steps=30).run(net, images, labels)
    spent = net.passes - before
    assert (net.predict(moved) != labels).all()
    assert (spent.forwards, spent.backwards) == (60 + 31 * right, 30 * right)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_more_steps_come_nearer(net, images, labels, norm):
    medians = []
    for steps in (10, 30, 100):
        moved = FMN(eps=EVERY[norm], norm=norm, steps=steps).run(net, images, labels)
        fooled = net.predict(moved) != labels
        medians.append(np.median(np.where(fooled, lengths(moved, images, norm), np.inf)))
    assert medians[0] > medians[1] > medians[2]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_no_farther_than_foolbox_at_equal_steps(norm):
    from example_models.lenet5 import load

    module = load()
    data = load_dataset("mnist-5k", n=50)
    images, labels = data.pixels(), data.labels.copy()
    classifier = load_classifier(module)
    right = classifier.predict(images) == labels
    images, labels = images[right], labels[right]
    ours = FMN(eps=EVERY[norm], norm=norm).run(classifier, images, labels)
    attack = {"linf": foolbox.attacks.LInfFMNAttack, "l2": foolbox.attacks.L2FMNAttack}[norm](steps=100)
    model = foolbox.PyTorchModel(module, bounds=(0, 1), device="cpu")
    theirs, *_ = attack(model, torch.from_numpy(images), torch.from_numpy(labels), epsilons=None)
    assert (classifier.predict(ours) != labels).all()
    assert np.median(lengths(ours, images, norm)) <= 1.01 * np.median(lengths(theirs.numpy(), images, norm))
