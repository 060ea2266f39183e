from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

from example_models import lenet5
from pytest_robustness.attacks import PGD
from pytest_robustness.attacks.straight_through import straight_through
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import load_dataset
from tests.attacks.masked import Around, bit_depth, jpeg_like, quantised, thermometer

UNCHANGED = {
    "round": torch.round,
    "round to decimals": lambda x: torch.round(x, decimals=1),
    "round method": lambda x: x.round(),
    "round in place": lambda x: (x * 1).round_(),
    "floor": torch.floor,
    "floor in place": lambda x: (x * 1).floor_(),
    "ceil": lambda x: x.ceil(),
    "trunc": torch.trunc,
    "fix": torch.fix,
    "sign": torch.sign,
    "sign in place": lambda x: (x * 1).sign_(),
    "floor divide": lambda x: x // 1,
    "divide and round": lambda x: torch.div(x, 1, rounding_mode="floor"),
    "cast": lambda x: x.int().float(),
    "cast by to": lambda x: x.to(torch.int64).to(torch.float32),
    "cast by type": lambda x: x.type(torch.int16).type(torch.float32),
    "cast and add a number": lambda x: x.long() + 0.0,
    "cast and reshape": lambda x: x.int().reshape(-1).float().reshape(x.shape),
    "cast and stack": lambda x: torch.stack([x.int(), x.int()]).float().mean(dim=0),
    "mask the bits": lambda x: ((x + 20).int() & 0xFE).float(),
}


@pytest.mark.parametrize("function", UNCHANGED.values(), ids=UNCHANGED)
@given(values=hnp.arrays(np.float32, 5, elements=st.floats(-9, 9, width=32)))
def test_the_values_stay_and_the_slope_is_that_of_the_identity(function, values):
    points = torch.tensor(values, requires_grad=True)
    expected = function(torch.tensor(values))
    with straight_through():
        found = function(points)
    assert torch.equal(found.detach(), expected)
    (gradient,) = torch.autograd.grad((found * torch.arange(1.0, 6.0)).sum(), points)
    assert torch.allclose(gradient, torch.arange(1.0, 6.0))


SCALED = {
    "bytes": (lambda x: (x * 255).byte().float() / 255, 1.0),
    "bytes to real by division": (lambda x: (x * 255).byte() / 255, 1.0),
    "posterised by shifts": (lambda x: (((x * 255).byte() >> 4) << 4).float() / 255, 1.0),
    "posterised by division": (lambda x: (x * 255).int() // 16 * 16 / 255, 1.0),
    "upper bits": (lambda x: ((x * 255).byte() >> 4).float(), 255 / 16),
    "negated": (lambda x: (-(x * 8).int()).float(), -8.0),
    "subtracted": (lambda x: 8 - (x * 8).int() + 0.0, -8.0),
    "clamped": (lambda x: (x * 8).int().clamp(0, 100).float(), 8.0),
}


@pytest.mark.parametrize(("function", "slope"), SCALED.values(), ids=SCALED)
def test_integers_have_the_slope_of_real_numbers(function, slope):
    points = torch.linspace(0.1, 0.9, 7).requires_grad_()
    expected = function(points.detach())
    with straight_through():
        found = function(points)
    assert torch.equal(found.detach(), expected)
    found.sum().backward()
    assert torch.allclose(points.grad, torch.full((7,), slope))


STEPS = {
    "greater": lambda x: (x > 0.5).float(),
    "less": lambda x: -(x < 0.5).float(),
    "method": lambda x: x.ge(0.5).double().float(),
    "reversed": lambda x: (torch.tensor(0.5) <= x).float(),
    "function": lambda x: torch.gt(x, 0.5) * 1.0,
    "where": lambda x: torch.where(x > 0.5, 1.0, 0.0),
    "heaviside": lambda x: torch.heaviside(x - 0.5, torch.tensor(0.0)),
}


@pytest.mark.parametrize("function", STEPS.values(), ids=STEPS)
def test_a_comparison_has_the_slope_of_a_smooth_step(function):
    points = torch.tensor([0.0, 0.4, 0.5, 0.8], requires_grad=True)
    expected = function(points.detach())
    with straight_through():
        found = function(points)
    assert torch.equal(found.detach(), expected)
    found.sum().backward()
    assert torch.allclose(points.grad, 1 / (1 + (points.detach() - 0.5).abs()) ** 2)


RELUS = {
    "where": lambda x: torch.where(x > 0, x, 0 * x),
    "mask": lambda x: x * (x > 0),
    "relu": torch.relu,
    "maximum": lambda x: x.clamp(min=0),
}


@pytest.mark.parametrize("function", RELUS.values(), ids=RELUS)
def test_what_has_a_slope_of_its_own_keeps_it(function):
    points = torch.tensor([-1.0, 0.5, 2.0], requires_grad=True)
    with straight_through():
        function(points).sum().backward()
    assert torch.equal(points.grad, torch.tensor([0.0, 1.0, 1.0]))


def test_a_straight_through_slope_of_the_users_own_is_not_doubled():
    points = torch.tensor([0.2, 0.7], requires_grad=True)
    with straight_through():
        (points + (points.round() - points).detach()).sum().backward()
    assert torch.equal(points.grad, torch.ones(2))


def test_outside_the_context_everything_is_as_it_was():
    points = torch.tensor([0.2, 0.7], requires_grad=True)
    with straight_through():
        pass
    assert torch.equal(torch.autograd.grad(points.round().sum(), points)[0], torch.zeros(2))
    with pytest.raises(ZeroDivisionError), straight_through():
        raise ZeroDivisionError
    assert torch.equal(torch.autograd.grad(points.floor().sum(), points)[0], torch.zeros(2))


def test_without_gradients_nothing_is_touched():
    with straight_through(), torch.no_grad():
        found = torch.tensor([0.4], requires_grad=True).round()
    assert not found.requires_grad
    with straight_through():
        assert torch.tensor([1.6]).int().item() == 1


def test_an_honest_network_has_the_same_gradients_to_the_bit():
    torch.set_num_threads(1)
    net = lenet5.load()
    images = torch.from_numpy(np.random.default_rng(0).random((4, 1, 28, 28), dtype=np.float32)).requires_grad_()
    (plain,) = torch.autograd.grad(net(images).square().sum(), images)
    with straight_through():
        (through,) = torch.autograd.grad(net(images).square().sum(), images)
    assert torch.equal(plain, through)


@pytest.fixture(scope="module")
def digits():
    torch.set_num_threads(1)
    data = load_dataset("mnist-5k").sample(60, seed=3)
    return data.pixels(), data.labels


def robust(net, digits, eps, *, through):
    classifier = load_classifier(net)
    images, labels = digits
    attack = PGD(eps=eps, steps=20)
    if not through:
        return (classifier.predict(attack.run(classifier, images, labels)) == labels).mean()
    with straight_through():
        found = attack.run(classifier, images, labels)
    return (classifier.predict(found) == labels).mean()


# Sixteen levels lie 1/15 apart: with a radius of whole levels and a hair the ball is what it is without rounding.
@pytest.mark.parametrize(
    ("before", "eps", "tolerance"),
    [
        (quantised(16), 2.001 / 15, 0.06),
        (thermometer(16), 2.001 / 15, 0.06),
        (quantised(11), 0.1001, 0.08),
        (bit_depth(6), 0.1, 0.08),
        (jpeg_like(0.1), 0.1, 0.08),
    ],
    ids=["16 levels", "thermometer", "11 levels", "6 bits", "jpeg"],
)
def test_behind_a_quantiser_pgd_finds_what_it_finds_without(digits, before, eps, tolerance):
    net = lenet5.load()
    bare = robust(net, digits, eps, through=False)
    masked = Around(net, before=before)
    assert bare < 0.6
    assert robust(masked, digits, eps, through=False) > 0.85
    assert robust(masked, digits, eps, through=True) == pytest.approx(bare, abs=tolerance)


def test_levels_wider_than_the_radius_protect_a_little(digits):
    # At 0.1 a black pixel is rounded back to 1/15, a grey one moves by up to two levels: between two honest values.
    net = lenet5.load()
    levels = (quantised(16)(torch.tensor(digits[0])).numpy(), digits[1])
    found = robust(Around(net, before=quantised(16)), digits, 0.1, through=True)
    assert robust(net, digits, 0.1, through=False) <= found <= robust(net, levels, 1 / 15, through=False)


def test_the_network_may_be_a_binary_one():
    # Weights of one sign each, activations of -1 and 1: without slopes PGD is blind, with them it finds all.
    generator = torch.Generator().manual_seed(1)
    layer = nn.Linear(36, 64)
    last = nn.Linear(64, 3)
    with torch.no_grad():
        for parameter in (layer.weight, layer.bias, last.weight, last.bias):
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)

    class Binary(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.last = layer, last

        def forward(self, pixels):
            return self.last(self.layer(pixels.flatten(1) - 0.5).sign())

    images = np.random.default_rng(0).random((40, 1, 6, 6), dtype=np.float32)
    classifier = load_classifier(Binary())
    labels = classifier.predict(images)
    blind = (classifier.predict(PGD(eps=0.3, steps=20).run(classifier, images, labels)) == labels).mean()
    with straight_through():
        seeing = (classifier.predict(PGD(eps=0.3, steps=20).run(classifier, images, labels)) == labels).mean()
    assert blind > 0.3
    assert seeing < 0.1
