from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.attacks import FGSM, PGD
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset
from pytest_robustness.errors import CapabilityError, ParameterError
from pytest_robustness.evaluations import AdversarialAccuracy, Threshold, judge


def part(measurement, name):
    return next(part for part in measurement.parts if part.name == name)


@pytest.mark.parametrize("attack", [FGSM(eps=0.1), PGD(eps=0.1, steps=10)])
def test_by_hand(run, attack):
    # A flat image of level m falls where |m - 1/2| < 0.1: the two at .45 and .55. Before, nine of ten were right.
    (found,) = run(AdversarialAccuracy(attack))
    assert (found.family, found.metric, found.value, found.n) == ("adversarial", "accuracy", 0.7, 10)
    assert part(found, "clean").value == 0.9
    assert part(found, "class 0").value == pytest.approx(4 / 6)
    assert part(found, "class 1").value == pytest.approx(3 / 4)
    assert found.faults == ()


@pytest.mark.parametrize(
    ("eps", "expected"), [(0.0, 0.9), (0.04, 0.9), (0.06, 0.7), (0.16, 0.5), (0.3, 0.3), (1.0, 0.0)]
)
def test_the_curve_over_budgets(run, eps, expected):
    assert run(AdversarialAccuracy("pgd", eps=eps, steps=10))[0].value == pytest.approx(expected)


def test_the_euclidean_ball(run):
    # Nine pixels at 0.1 each are a distance of 0.3.
    assert run(AdversarialAccuracy("pgd", norm="l2", eps=0.29, steps=10, random_start=False))[0].value == 0.7
    assert run(AdversarialAccuracy("pgd", norm="l2", eps=0.46, steps=10, random_start=False))[0].value == 0.5


class Masked(nn.Module):
    """A small network behind something that hides its gradients."""

    def __init__(self, hide):
        super().__init__()
        self.hide = hide
        self.net = nn.Linear(16, 2)
        with torch.no_grad():
            self.net.weight.copy_(torch.linspace(-1, 1, 32).reshape(2, 16).sin())
            self.net.bias.zero_()

    def forward(self, images):
        return self.net((self.hide(images) - 0.5).flatten(1))


def noisy_images(model):
    images = np.random.default_rng(0).uniform(0.3, 0.7, (40, 1, 4, 4)).astype(np.float32)
    return as_dataset((images, model.predict(images)))


HIDERS = {
    "quantised": lambda images: (images * 15).round() / 15,
    "detached": lambda images: images.detach(),
    "a step": lambda images: (images > 0.5).float(),
}


@pytest.mark.parametrize("hide", HIDERS.values(), ids=HIDERS)
@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_a_model_without_gradients_never_passes(run, hide, attack):
    model = load_classifier(Masked(hide))
    (found,) = run(AdversarialAccuracy(attack, eps=0.3), model=model, data=noisy_images(model))
    assert len(found.faults) == 1
    assert "gradient is exactly zero" in found.faults[0]
    for bound in (0.0, 0.5, 1.0):
        for rule in ("point", "verify", "regress"):
            assert judge(found, Threshold("accuracy", ">=", bound), rule=rule).decision in {"failed", "inconclusive"}


def test_the_same_network_in_the_open_is_not_robust(run):
    model = load_classifier(Masked(lambda images: images))
    (found,) = run(AdversarialAccuracy("fgsm", eps=0.3), model=model, data=noisy_images(model))
    assert found.value == 0
    assert found.faults == ()


@pytest.mark.parametrize("factor", [1e3, 1e6])
def test_large_logits_do_not_hide_it(run, factor):
    # In float32 their softmax is exactly 0 and 1; the true answer is that nothing resists.
    model = load_classifier(nn.Sequential(Masked(lambda images: images), Times(factor)))
    (found,) = run(AdversarialAccuracy("pgd", eps=0.3), model=model, data=noisy_images(model))
    assert found.value == 0
    assert found.faults == ()


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, logits):
        return self.factor * logits


def test_no_budget_needs_no_gradients(run):
    model = load_classifier(Masked(HIDERS["detached"]))
    (found,) = run(AdversarialAccuracy("pgd", eps=0.0, steps=2), model=model, data=noisy_images(model))
    assert (found.value, found.faults) == (1.0, ())


def test_a_black_box_is_told_what_works_without_gradients(run):
    model = load_classifier(lambda images: np.zeros((len(images), 2)), num_classes=2)
    with pytest.raises(CapabilityError, match="offers no gradients"):
        run(AdversarialAccuracy("pgd", eps=0.1), model=model)


def test_an_attack_object_brings_its_own_options():
    assert AdversarialAccuracy(PGD(eps=0.1)) == AdversarialAccuracy("pgd", eps=0.1)
    with pytest.raises(ParameterError, match="its own options"):
        AdversarialAccuracy(PGD(eps=0.1), eps=0.2)
