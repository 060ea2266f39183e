"""Equal to captum's: Kokhlikyan et al. 2020, arXiv:2009.07896."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum import attr

from example_models import lenet5
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import load_dataset
from pytest_robustness.saliency import Gradient, GradientTimesInput, IntegratedGradients, Occlusion, SmoothGrad
from pytest_robustness.saliency.gradients import NOISE
from pytest_robustness.transforms import sample_normal


@pytest.fixture(scope="module")
def digits():
    """Sixteen real digits, the network, and what it takes them for."""
    data = load_dataset("mnist-5k")
    images = data.pixels(data.order(0)[:16])
    model = load_classifier(lenet5.load()).bound(images)
    return images, model, model.predict(images)


def captum(explainer, images, classes, **options):
    found = explainer.attribute(torch.from_numpy(images).requires_grad_(), target=torch.from_numpy(classes), **options)
    return found.detach().numpy()


def agrees(ours, theirs):
    assert np.abs(theirs).max() > 0.01
    np.testing.assert_allclose(ours, theirs, atol=1e-6 * np.abs(theirs).max())


def test_gradient(digits):
    images, model, classes = digits
    theirs = captum(attr.Saliency(lenet5.load()), images, classes)
    agrees(Gradient().attributions(model, images), theirs)


def test_gradient_times_input(digits):
    images, model, classes = digits
    agrees(
        GradientTimesInput().attributions(model, images),
        captum(attr.InputXGradient(lenet5.load()), images, classes),
    )


def start(images, baseline):
    """What captum is given for a baseline of its own for each image."""
    means = images.mean(axis=(2, 3), keepdims=True)
    own = {"mean": np.broadcast_to(means, images.shape).copy(), "invert": 1 - images}
    return torch.from_numpy(own[baseline]) if baseline in own else baseline


@pytest.mark.parametrize("baseline", [0.5, "mean", "invert"])
def test_gradient_times_what_a_mask_changes(digits, baseline):
    images, model, classes = digits
    gradient = captum(attr.Saliency(lenet5.load()), images, classes, abs=False)
    theirs = gradient * (images - np.asarray(start(images, baseline)))
    agrees(GradientTimesInput(baseline=baseline).attributions(model, images), theirs)


@pytest.mark.parametrize("baseline", [0.0, 0.5, "mean", "invert"])
def test_integrated_gradients(digits, baseline):
    images, model, classes = digits
    theirs = captum(
        attr.IntegratedGradients(lenet5.load()),
        images,
        classes,
        baselines=start(images, baseline),
        n_steps=32,
        method="riemann_middle",
    )
    agrees(IntegratedGradients(baseline=baseline).attributions(model, images), theirs)


def test_smoothgrad(digits):
    # captum draws its noise from the global generator: it is given ours instead, copy after copy.
    images, model, classes = digits
    saliency = attr.Saliency(lenet5.load())
    gradients = [
        captum(saliency, (images + 0.15 * sample_normal(7, NOISE, range(16), (1, 28, 28), index=i)).astype(np.float32),
               classes, abs=False)
        for i in range(5)
    ]  # fmt: skip
    agrees(SmoothGrad(samples=5).attributions(model, images, seed=7), np.abs(np.mean(gradients, axis=0)))


@pytest.mark.parametrize(
    ("size", "stride", "value"),
    [(4, 4, 0.0), (4, 2, 0.0), (5, 3, 0.7), (28, 28, 0.0), (4, 4, "mean"), (5, 3, "invert")],
)
def test_occlusion(digits, size, stride, value):
    images, model, classes = digits
    theirs = captum(
        attr.Occlusion(lenet5.load()), images, classes,
        sliding_window_shapes=(1, size, size), strides=(1, stride, stride), baselines=start(images, value),
    )  # fmt: skip
    ours = Occlusion(size=size, stride=stride, value=value).attributions(model, images)
    np.testing.assert_allclose(ours, theirs, atol=3e-6 * np.abs(theirs).max())
