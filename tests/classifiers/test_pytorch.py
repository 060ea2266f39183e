"""torch modules are used in evaluation mode, and given back as they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import ClassifierError, ParameterError


def _flags(module):
    return [part.training for part in module.modules()]


@pytest.fixture
def mixed(make_net):
    """Return a network with one part in evaluation mode, as with frozen batch norms."""
    net = make_net().train()
    net[3].eval()
    return net


def test_gives_the_training_flags_back(mixed, images):
    before = _flags(mixed)
    assert len(set(before)) == 2
    classifier = load_classifier(mixed)
    first, second = classifier.logits(images), classifier.logits(images)
    assert np.array_equal(first, second)
    with classifier.differentiable() as forward:
        assert _flags(mixed) == [False] * len(before)
        forward(torch.from_numpy(images))
    classifier.bound(images)
    assert _flags(mixed) == before


def test_gives_everything_back_after_an_error(mixed):
    before, wrong = _flags(mixed), np.zeros((2, 3, 8, 8), np.uint8)
    mixed[0].weight.requires_grad_(False)
    wanting = [parameter.requires_grad for parameter in mixed.parameters()]
    classifier = load_classifier(mixed)
    with pytest.raises(ClassifierError):
        classifier.predict(wrong)
    with classifier.differentiable():
        assert not any(parameter.requires_grad for parameter in mixed.parameters())
    with pytest.raises(ClassifierError), classifier.differentiable() as forward:
        forward(torch.zeros(2, 3, 8, 8))
    assert _flags(mixed) == before
    assert [parameter.requires_grad for parameter in mixed.parameters()] == wanting
    assert not wanting[0]


def test_batch_statistics_are_left_alone(images):
    net = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(64, 3)).train()
    load_classifier(net).predict(images)
    assert int(net[0].num_batches_tracked) == 0
    assert float(net[0].running_mean[0]) == 0.0


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_images_take_the_type_of_the_weights(make_net, images, dtype):
    plain = load_classifier(make_net()).logits(images)
    typed = load_classifier(make_net().to(dtype))
    np.testing.assert_allclose(typed.logits(images), plain, atol=1e-5 if dtype == torch.float64 else 0.1)
    with typed.differentiable() as forward:
        points = torch.from_numpy(images).requires_grad_()
        (gradient,) = torch.autograd.grad(forward(points).sum(), points)
    assert gradient.dtype == torch.float32


@pytest.mark.parametrize("device", ["nonsense", "cuda:99", "cpuu"])
def test_refuses_devices_that_are_not_there(make_net, device):
    with pytest.raises(ParameterError, match=r"device cannot be used: got .*; allowed: cpu"):
        load_classifier(make_net(), device=device)


def test_lazy_modules_have_to_be_initialised():
    lazy = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
    with pytest.raises(ClassifierError, match=r"1\.weight.*Call the module once"):
        load_classifier(lazy)


def test_labels_have_no_gradients(images):
    class Labels(nn.Module):
        def forward(self, x):
            return (x.mean(dim=(1, 2, 3)) > 0.5).long()

    classifier = load_classifier(Labels(), outputs="labels")
    assert classifier.offers == {"labels"}
    assert set(classifier.predict(images)) == {0, 1}


def test_weights_lie_as_they_did_after_an_attack():
    first, second = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
    second.weight = first.weight
    module = nn.Sequential(first, second, nn.Flatten(), nn.Linear(32, 3))
    place, layout, values = first.weight.data_ptr(), first.weight.stride(), first.weight.clone()
    with load_classifier(module).differentiable() as forward:
        inside = forward(torch.ones(2, 2, 4, 4))
    assert torch.allclose(inside, module(torch.ones(2, 2, 4, 4)), atol=1e-6)
    assert (first.weight.data_ptr(), first.weight.stride()) == (place, layout)
    assert torch.equal(first.weight, values)
    assert second.weight is first.weight
