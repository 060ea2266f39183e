from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from pytest_robustness.attacks import FGSM


def test_one_step_by_the_definition(net, images, labels):
    # Goodfellow et al. 2015, section 4: clip(x + eps * sign(gradient of the cross-entropy in x)).
    right = net.predict(images) == labels
    points = torch.from_numpy(images[right]).requires_grad_()
    with net.differentiable() as forward:
        loss = cross_entropy(forward(points), torch.from_numpy(labels[right]), reduction="sum")
        (gradient,) = torch.autograd.grad(loss, points)
    expected = (points.detach() + 0.07 * gradient.sign()).clamp(0, 1).numpy()
    np.testing.assert_allclose(FGSM(eps=0.07).run(net, images, labels)[right], expected, atol=1e-6)


def test_l2_follows_the_unit_gradient(net, images, labels):
    inner = np.clip(images, 0.4, 0.6)
    truth = net.predict(inner)
    points = torch.from_numpy(inner).requires_grad_()
    with net.differentiable() as forward:
        loss = cross_entropy(forward(points), torch.from_numpy(truth), reduction="sum")
        (gradient,) = torch.autograd.grad(loss, points)
    unit = gradient / gradient.flatten(1).norm(dim=1)[:, None, None, None]
    expected = points.detach() + 0.3 * unit
    found = FGSM(eps=0.3, norm="l2").run(net, inner, truth)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


def test_cost(net, images, labels):
    right = int((net.predict(images) == labels).sum())
    before = net.passes.snapshot()
    FGSM(eps=0.01).run(net, images, labels)
    spent = net.passes - before
    # One pass to see which are right; for those one with its way back, and one to see where they ended.
    assert (spent.forwards, spent.backwards) == (60 + 2 * right, right)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_linear_classifier_falls_exactly_beyond_its_margin(linear, norm):
    needed = linear.needed[norm]
    eps = float(np.median(needed))
    moved = FGSM(eps=eps, norm=norm).run(linear.classifier, linear.images, linear.labels)
    fooled = linear.classifier.predict(moved) != linear.labels
    clear = np.abs(needed / eps - 1) > 1e-3
    assert clear.sum() >= 75
    assert np.array_equal(fooled[clear], (needed < eps)[clear])


def test_no_radius_no_change(net, images, labels):
    assert np.array_equal(FGSM(eps=0.0).run(net, images, labels), images)
