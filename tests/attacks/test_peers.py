"""Robust accuracy beside foolbox and torchattacks: the same network, images, radius, steps and step size."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.attacks import FGSM, PGD
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import load_dataset

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import foolbox
    import torchattacks

N = 1000
HALF_A_POINT = 0.005
SEEDS = range(3)


class Loud(nn.Module):
    """The network with its logits times 20: the same decisions, with a confidence that float32 rounds to 1."""

    def __init__(self, quiet):
        super().__init__()
        self.quiet = quiet

    def forward(self, images):
        return 20 * self.quiet(images)


@pytest.fixture(scope="module")
def lenet():
    from example_models.lenet5 import load

    return load()


@pytest.fixture(scope="module")
def digits():
    """Images and labels that the network was not trained on."""
    data = load_dataset("mnist-5k", n=N)
    return data.pixels(), data.labels.copy()


def by_us(attack, module, images, labels, seed=0):
    classifier = load_classifier(module)
    return (classifier.predict(attack.run(classifier, images, labels, seed=seed)) == labels).mean()


def by_foolbox(attack, module, images, labels, eps, *, seed=0):
    model = foolbox.PyTorchModel(module, bounds=(0, 1), device="cpu")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        _, _, fooled = attack(model, torch.from_numpy(images), torch.from_numpy(labels), epsilons=eps)
    return 1 - float(fooled.double().mean())


def by_torchattacks(attack, module, images, labels, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        moved = attack(torch.from_numpy(images), torch.from_numpy(labels))
    with torch.no_grad():
        return float((module(moved).argmax(dim=1) == torch.from_numpy(labels)).double().mean())


@pytest.mark.parametrize("eps", [0.1, 0.3])
def test_linf_pgd_from_the_image_itself(lenet, digits, eps):
    ours = by_us(PGD(eps=eps, steps=40, step_size=eps / 10, random_start=False), lenet, *digits)
    attack = foolbox.attacks.LinfPGD(abs_stepsize=eps / 10, steps=40, random_start=False)
    assert by_foolbox(attack, lenet, *digits, eps) == pytest.approx(ours, abs=HALF_A_POINT)
    attack = torchattacks.PGD(lenet, eps=eps, alpha=eps / 10, steps=40, random_start=False)
    assert by_torchattacks(attack, lenet, *digits) == pytest.approx(ours, abs=HALF_A_POINT)


def test_linf_pgd_from_random_starts(lenet, digits):
    """The mean over three seeds: the start alone moves one run by up to five images either way."""
    eps = 0.1
    ours = np.mean([by_us(PGD(eps=eps, steps=40, step_size=0.01), lenet, *digits, seed=s) for s in SEEDS])
    attack = foolbox.attacks.LinfPGD(abs_stepsize=0.01, steps=40, random_start=True)
    theirs = np.mean([by_foolbox(attack, lenet, *digits, eps, seed=s) for s in SEEDS])
    assert theirs == pytest.approx(ours, abs=HALF_A_POINT)
    attack = torchattacks.PGD(lenet, eps=eps, alpha=0.01, steps=40, random_start=True)
    theirs = np.mean([by_torchattacks(attack, lenet, *digits, seed=s) for s in SEEDS])
    assert theirs == pytest.approx(ours, abs=HALF_A_POINT)


@pytest.mark.parametrize("eps", [0.5, 1.0])
def test_l2_pgd(lenet, digits, eps):
    ours = by_us(PGD(eps=eps, norm="l2", steps=40, step_size=eps / 10, random_start=False), lenet, *digits)
    attack = foolbox.attacks.L2PGD(abs_stepsize=eps / 10, steps=40, random_start=False)
    assert by_foolbox(attack, lenet, *digits, eps) == pytest.approx(ours, abs=HALF_A_POINT)


@pytest.mark.parametrize("eps", [0.1, 0.3])
def test_fgsm(lenet, digits, eps):
    """In float64: in float32 the others' one step follows a cross-entropy that has lost the true class to rounding."""
    ours = by_us(FGSM(eps=eps), lenet, *digits)
    exact, images = copy.deepcopy(lenet).double(), digits[0].astype(np.float64)
    assert by_foolbox(foolbox.attacks.FGSM(), exact, images, digits[1], eps) == pytest.approx(ours, abs=HALF_A_POINT)
    theirs = by_torchattacks(torchattacks.FGSM(exact, eps=eps), exact, images, digits[1])
    assert theirs == pytest.approx(ours, abs=HALF_A_POINT)


def test_confidence_misleads_the_others_only(lenet, digits):
    """In float32 the cross-entropy of a confident sample has no slope; the attack must not care."""
    loud = Loud(lenet).eval()
    attack = PGD(eps=0.1, steps=10, random_start=False)
    ours = by_us(attack, lenet, *digits)
    assert by_us(attack, loud, *digits) <= ours + 0.05
    theirs = torchattacks.PGD(loud, eps=0.1, alpha=0.025, steps=10, random_start=False)
    assert by_torchattacks(theirs, loud, *digits) > ours + 0.3


def test_only_ours_stays_inside_to_the_bit(lenet, digits):
    """What makes our rounding worth its trouble: the others leave the ball by some 1e-8."""
    images, labels = digits

    def excess(moved):
        return np.abs(moved.astype(np.float64) - images).max() - 0.3

    ours = PGD(eps=0.3, steps=10).run(load_classifier(lenet), images, labels)
    with torch.random.fork_rng():
        attack = torchattacks.PGD(lenet, eps=0.3, alpha=0.075, steps=10)
        theirs = attack(torch.from_numpy(images), torch.from_numpy(labels))
    assert excess(ours) <= 0
    assert 0 < excess(theirs.numpy()) < 1e-6
