"""Every model of the zoo that hides its gradients is named; no honest one is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from example_models import lenet5, mlp_adam
from pytest_robustness.attacks import BIM, FGSM, PGD
from pytest_robustness.attacks.sanity import CHECKS, faults, probe
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import load_dataset
from tests.attacks import masked
from tests.attacks.masked import Around

SAMPLES = 24
BALLS = [("linf", 0.1), ("linf", 0.3), ("l2", 1.0), ("l2", 3.0)]


@pytest.fixture(scope="module")
def digits():
    torch.set_num_threads(1)
    data = load_dataset("mnist-5k")
    order = np.random.default_rng(0).permutation(len(data))
    return data.pixels()[order], data.labels[order]


@pytest.fixture(scope="module")
def trained(digits):
    """Small networks, trained on most of the digits: plain, regularised, linear, and on adversarial examples."""
    images, labels = (torch.tensor(array[:4000]) for array in digits)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    return {
        "plain": masked.train(masked.small_net(1), images, labels, epochs=2),
        "smooth": masked.train(masked.small_net(2, smooth=True, batch_norm=True), images, labels, epochs=2),
        "regularised": masked.train(masked.small_net(3), images, labels, epochs=3, decay=3e-3),
        "linear": masked.train(linear, images, labels, epochs=3),
        "adversarial": masked.train(
            masked.small_net(4), images, labels, epochs=4, attack=masked.pgd_examples(0.1, steps=3)
        ),
    }


HONEST = {
    "lenet5": lambda trained: load_classifier(lenet5.load()),
    "mlp_adam": lambda trained: load_classifier(mlp_adam.load()),
    "logits x 1000": lambda trained: load_classifier(Around(lenet5.load(), after=lambda logits: 1000 * logits)),
    "distilled": lambda trained: load_classifier(Around(lenet5.load(), after=lambda logits: logits / 0.01)),
    "probabilities": lambda trained: load_classifier(
        Around(lenet5.load(), after=lambda logits: logits.softmax(dim=1)), outputs="probabilities"
    ),
    "its own straight-through": lambda trained: load_classifier(
        Around(lenet5.load(), before=masked.straight_through_round(16))
    ),
    **{
        name: lambda trained, name=name: load_classifier(trained[name])
        for name in ("plain", "smooth", "regularised", "linear", "adversarial")
    },
}


def before(function):
    return lambda: load_classifier(Around(lenet5.load(), before=function))


def probabilities(function):
    return lambda: load_classifier(Around(lenet5.load(), after=function), outputs="probabilities")


MASKED = {
    "16 levels": before(masked.quantised(16)),
    "2 levels": before(masked.quantised(2)),
    "4 bits": before(masked.bit_depth(4)),
    "thermometer": before(masked.thermometer(16)),
    "jpeg": before(masked.jpeg_like(0.1)),
    "coarse jpeg": before(masked.jpeg_like(0.5)),
    "detached": before(lambda pixels: pixels.detach()),
    "saturated": probabilities(lambda logits: (1000 * logits).softmax(dim=1)),
    "softmax twice": probabilities(lambda logits: (10 * logits).softmax(dim=1).softmax(dim=1)),
    "labels": lambda: load_classifier(Around(lenet5.load(), after=masked.one_hot)),
    "dropout": lambda: load_classifier(
        masked.Dropped(nn.Sequential(lenet5.load().features, *lenet5.load().classifier))
    ),
    "in training": lambda: load_classifier(masked.Training(lenet5.load())),
    "noise": before(lambda pixels: pixels + 0.1 * torch.randn(pixels.shape)),
}


def seen(classifier, attack, digits, seed):
    """Return the probe of some samples after an attack, and the share that resisted it."""
    images, labels = digits
    rows = 4000 + np.random.default_rng(seed).permutation(1000)[:120]
    rows = rows[classifier.predict(images[rows]) == labels[rows]][:SAMPLES]
    images, labels = images[rows], labels[rows]
    found = attack.run(classifier, images, labels, seed=seed, ids=rows)
    resisted = classifier.predict(found) == labels
    return probe(classifier, attack, images, labels, ids=rows, seed=seed, resisted=resisted), resisted.mean()


@pytest.mark.parametrize(("norm", "eps"), BALLS)
@pytest.mark.parametrize("make", MASKED.values(), ids=MASKED)
def test_what_hides_its_gradients_is_named(digits, make, norm, eps):
    found, _ = seen(make(), PGD(norm=norm, eps=eps, steps=5), digits, seed=0)
    assert faults(found)


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.1), ("l2", 1.0), ("l2", 3.0)])
@pytest.mark.parametrize(("amplitude", "frequency"), [(0.01, 1000.0), (0.02, 300.0)])
def test_a_ripple_is_named(digits, norm, eps, amplitude, frequency):
    rippled = before(masked.shattered(amplitude, frequency))()
    found, robust = seen(rippled, PGD(norm=norm, eps=eps, steps=10), digits, seed=0)
    assert robust > 0.2
    # The gradient turns from point to point as well: what shows masking that was learned. It is judged on survivors.
    expected = {"kept", "turn"} if found.standing.sum() >= 8 else {"kept"}
    assert {name for name, check in CHECKS.items() if check(found)} >= expected
    assert (norm, eps) == ("l2", 3.0) or found.standing.sum() >= 8


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("make", HONEST.values(), ids=HONEST)
def test_the_honest_are_left_alone(digits, trained, make, seed):
    norm, eps = (*BALLS, ("linf", 0.05))[seed]
    found, _ = seen(make(trained), PGD(norm=norm, eps=eps, steps=20), digits, seed)
    assert faults(found) == []


@pytest.mark.parametrize("attack", [FGSM(eps=0.1), BIM(eps=0.1), PGD(eps=0.05, steps=5), PGD(eps=0.1, steps=100)])
def test_a_weak_attack_is_not_the_fault_of_the_model(digits, attack):
    found, robust = seen(load_classifier(lenet5.load()), attack, digits, seed=7)
    assert robust > 0.2
    assert faults(found) == []


def test_what_we_see_through_is_true(digits):
    """Logits of any scale leave the decisions as they are, and PGD finds the value that it finds without."""
    images, labels = (array[4000:4080] for array in digits)
    quiet = load_classifier(lenet5.load())
    loud = load_classifier(Around(lenet5.load(), after=lambda logits: 1000 * logits))
    values = [(c.predict(PGD(eps=0.1, steps=20).run(c, images, labels)) == labels).mean() for c in (quiet, loud)]
    assert 0.2 < values[0] < 0.6
    assert values[1] == pytest.approx(values[0], abs=0.08)


def test_honest_resistance_has_gradients_that_stay_what_they_are(digits, trained):
    found, robust = seen(load_classifier(trained["adversarial"]), PGD(eps=0.1, steps=20), digits, seed=1)
    assert robust > 0.5
    assert np.quantile(found.turn[found.standing], 0.25) > 0.8
