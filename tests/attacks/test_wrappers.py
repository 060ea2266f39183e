"""Attacks that change how another one sees the model: `Averaged`, `StraightThrough`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.attacks import PGD, Averaged, Square, StraightThrough
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import CapabilityError, ParameterError

INNER = PGD(eps=0.06, steps=5)


def test_on_an_ordinary_model_nothing_changes(net, images, labels):
    plain = INNER.run(net, images, labels)
    assert np.array_equal(StraightThrough(attack=INNER).run(net, images, labels), plain)
    assert np.allclose(Averaged(attack=INNER, calls=3).run(net, images, labels), plain, atol=1e-6)


def test_every_call_is_counted(net, images, labels):
    costs = []
    for attack in (INNER, Averaged(attack=INNER, calls=3)):
        before = net.passes.snapshot()
        attack.run(net, images, labels)
        costs.append(net.passes - before)
    once, thrice = costs
    assert thrice.backwards == 3 * once.backwards
    assert thrice.forwards - len(images) == 3 * (once.forwards - len(images))


class Shaken(nn.Module):
    """Adds noise to the image, from a generator of its own."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.generator = torch.Generator().manual_seed(0)

    def forward(self, pixels):
        return self.inner(pixels + 0.3 * torch.randn(pixels.shape, generator=self.generator))


def test_noise_is_averaged_out(net, make_net, images, labels):
    # What was made against the noisy model is tried on the model behind the noise.
    def left(attack):
        adversarial = attack.run(load_classifier(Shaken(make_net())), images, labels)
        return (net.predict(adversarial) == labels).sum()

    assert left(Averaged(attack=INNER, calls=40)) < left(INNER)


@pytest.mark.parametrize("wrapper", [Averaged, StraightThrough])
def test_mistakes(net, images, labels, wrapper):
    for wrong in ("pgd", Square(eps=0.1)):
        with pytest.raises(ParameterError, match="not an attack that follows gradients"):
            wrapper(attack=wrong)
    with pytest.raises(CapabilityError, match="offers no gradients"):
        wrapper(attack=INNER).run(load_classifier(net.logits, num_classes=5), images, labels)
    with pytest.raises(ParameterError, match="calls is out of range"):
        Averaged(attack=INNER, calls=0)


def test_the_row_says_what_is_inside():
    assert StraightThrough(attack=INNER).parameters() == {"through": "pgd", "norm": "linf", "eps": 0.06, "steps": 5}
    assert Averaged(attack=INNER).parameters()["calls"] == 20
