from __future__ import annotations

import warnings

import numpy as np
import torch

from pytest_robustness.attacks.carlini_wagner import CarliniWagner, _Adam
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import load_dataset

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import foolbox


def lengths(moved, images):
    return np.linalg.norm((moved.astype(np.float64) - images).reshape(len(images), -1), axis=1)


def test_our_adam_is_that_of_torch():
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(3, 1, 2, 2, generator=generator)
    ours, theirs = _Adam.at(start), start.clone().requires_grad_()
    optimiser = torch.optim.Adam([theirs], lr=0.05)
    for count in range(1, 30):
        ours = ours.step(3 * ours.values.cos(), 0.05, count)
        optimiser.zero_grad()
        (3 * theirs.sin()).sum().backward()
        optimiser.step()
    torch.testing.assert_close(ours.values, theirs.detach(), atol=1e-5, rtol=1e-5)


def test_confidence_is_a_margin(net, images, labels):
    right = net.predict(images) == labels
    attack = CarliniWagner(eps=6.0, steps=100, learning_rate=0.05, initial_const=1.0, confidence=0.2)
    moved = attack.run(net, images[right], labels[right])
    logits = net.logits(moved)
    true = logits[np.arange(len(logits)), labels[right]]
    logits[np.arange(len(logits)), labels[right]] = -np.inf
    assert (logits.max(axis=1) - true > 0.2 - 1e-4).all()
    plain = CarliniWagner(eps=6.0, steps=100, learning_rate=0.05, initial_const=1.0).run(
        net, images[right], labels[right]
    )
    assert (lengths(plain, images[right]) < lengths(moved, images[right])).all()


def test_those_that_stagnate_go_on_to_the_next_constant(net, images, labels):
    right = int((net.predict(images) == labels).sum())
    before = net.passes.snapshot()
    CarliniWagner(eps=6.0, steps=100, learning_rate=0.05, binary_search_steps=4).run(net, images, labels)
    spent = net.passes - before
    assert 4 * 20 * right <= spent.backwards < 0.9 * 4 * 100 * right


def test_no_farther_than_foolbox_at_equal_steps():
    from example_models.lenet5 import load

    module = load()
    data = load_dataset("mnist-5k", n=20)
    images, labels = data.pixels(), data.labels.copy()
    classifier = load_classifier(module)
    right = classifier.predict(images) == labels
    images, labels = images[right], labels[right]
    options = {"binary_search_steps": 4, "initial_const": 1.0, "confidence": 0.0}
    ours = CarliniWagner(eps=28.0, steps=60, learning_rate=0.05, **options).run(classifier, images, labels)
    attack = foolbox.attacks.L2CarliniWagnerAttack(steps=60, stepsize=0.05, **options)
    model = foolbox.PyTorchModel(module, bounds=(0, 1), device="cpu")
    theirs, *_ = attack(model, torch.from_numpy(images), torch.from_numpy(labels), epsilons=None)
    assert (classifier.predict(ours) != labels).all()
    assert np.median(lengths(ours, images)) <= 1.01 * np.median(lengths(theirs.numpy(), images))
