from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from pytest_robustness.attacks.deepfool import DeepFool
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import load_dataset

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import foolbox

EVERY = {"linf": 1.0, "l2": 28.0}


def lengths(moved, images, norm):
    difference = (moved.astype(np.float64) - images).reshape(len(images), -1)
    return np.abs(difference).max(axis=1) if norm == "linf" else np.linalg.norm(difference, axis=1)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_one_step_crosses_a_linear_boundary(linear, norm):
    before = linear.classifier.passes.snapshot()
    DeepFool(eps=EVERY[norm], norm=norm).run(linear.classifier, linear.images, linear.labels)
    spent = linear.classifier.passes - before
    classes = 2 if len(np.unique(linear.labels)) == 2 else 4
    # Every class but the true one at the image and, in the same pass, at the point that fools.
    assert spent.backwards <= 80 * 2 * (classes - 1)
    # To see which are right; two points; six for the search on the line.
    assert spent.forwards == 80 * (1 + 2 + 6)


def test_fewer_candidates_cost_fewer_gradients(net, images, labels):
    spent = []
    for candidates in (2, 5, 10):
        before = net.passes.snapshot()
        moved = DeepFool(eps=1.0, candidates=candidates).run(net, images, labels)
        spent.append((net.passes - before).backwards)
        assert (net.predict(moved) != labels).all()
    assert spent[0] < spent[1] == spent[2]


def test_the_overshoot_is_taken_back(net, images, labels):
    medians = [
        np.median(lengths(DeepFool(eps=1.0, overshoot=overshoot).run(net, images, labels), images, "linf"))
        for overshoot in (0.02, 0.2)
    ]
    assert medians[1] < 1.1 * medians[0]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_no_farther_than_foolbox(norm):
    from example_models.lenet5 import load

    module = load()
    data = load_dataset("mnist-5k", n=50)
    images, labels = data.pixels(), data.labels.copy()
    classifier = load_classifier(module)
    right = classifier.predict(images) == labels
    images, labels = images[right], labels[right]
    ours = DeepFool(eps=EVERY[norm], norm=norm).run(classifier, images, labels)
    attack = {"linf": foolbox.attacks.LinfDeepFoolAttack, "l2": foolbox.attacks.L2DeepFoolAttack}[norm]()
    model = foolbox.PyTorchModel(module, bounds=(0, 1), device="cpu")
    theirs, *_ = attack(model, torch.from_numpy(images), torch.from_numpy(labels), epsilons=None)
    assert (classifier.predict(ours) != labels).all()
    assert np.median(lengths(ours, images, norm)) <= 1.01 * np.median(lengths(theirs.numpy(), images, norm))
