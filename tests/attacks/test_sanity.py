from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.attacks import PGD, zero_gradients
from pytest_robustness.classifiers import load_classifier


class Around(nn.Module):
    """A network with something before it and something after it."""

    def __init__(self, inner, before=lambda pixels: pixels, after=lambda logits: logits):
        super().__init__()
        self.inner, self.before, self.after = inner, before, after

    def forward(self, pixels):
        return self.after(self.inner(self.before(pixels)))


def robust_accuracy(classifier, images, labels):
    return (classifier.predict(PGD(eps=0.09, steps=20).run(classifier, images, labels)) == labels).mean()


def test_an_honest_network_has_gradients(net, images, labels):
    found = zero_gradients(net, images, labels)
    assert found.shape == (60,)
    assert found.dtype == np.bool_
    assert not found.any()


@pytest.mark.parametrize("before", [lambda pixels: (pixels * 15).round() / 15, lambda pixels: pixels.detach()])
def test_a_cut_path_shows(make_net, images, labels, before):
    assert zero_gradients(load_classifier(Around(make_net(), before=before)), images, labels).all()


def test_only_the_samples_without_a_gradient_are_named(make_net, images, labels):
    bright = torch.from_numpy(images).flatten(1).mean(dim=1) > 0.5

    def before(pixels):
        return torch.where(pixels.detach().flatten(1).mean(dim=1)[:, None, None, None] > 0.5, pixels.detach(), pixels)

    found = zero_gradients(load_classifier(Around(make_net(), before=before)), images, labels, batch_size=7)
    assert np.array_equal(found, bright.numpy())
    assert 5 < found.sum() < 55


def test_probabilities_that_saturated_show(make_net, images):
    net = Around(make_net(), after=lambda logits: (1e6 * logits).softmax(dim=1))
    classifier = load_classifier(net, outputs="probabilities")
    labels = classifier.predict(images)
    assert zero_gradients(classifier, images, labels).mean() > 0.9


@pytest.mark.parametrize("factor", [100, 1000, 1e6])
def test_large_logits_mask_nothing(make_net, net, images, labels, factor):
    """In float32 the cross-entropy of such logits has no gradient; other tools then report full robustness."""
    loud = load_classifier(Around(make_net(), after=lambda logits: factor * logits))
    assert not zero_gradients(loud, images, labels).any()
    # Its decisions are those of the quiet model; only the weights of the wrong classes in the gradient are sharper.
    quiet = robust_accuracy(net, images, labels)
    assert 0.1 < quiet < 0.6
    assert robust_accuracy(loud, images, labels) <= quiet + 0.05


def test_no_images_no_gradients(net):
    assert zero_gradients(net, np.zeros((0, 1, 6, 6), np.float32), np.zeros(0, np.int64)).shape == (0,)
