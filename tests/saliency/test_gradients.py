from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neural_network import MLPClassifier
from torch import nn

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import CapabilityError, ClassifierError, ParameterError
from pytest_robustness.saliency import (
    SALIENCY,
    Gradient,
    GradientTimesInput,
    IntegratedGradients,
    SmoothGrad,
    make_map,
)
from pytest_robustness.saliency.gradients import NOISE
from pytest_robustness.transforms import sample_normal


def test_the_gradient_of_a_linear_model_is_its_row_of_weights(linear, images, weights):
    taken_for = linear.predict(images)
    assert len(set(taken_for)) > 1
    np.testing.assert_allclose(Gradient().attributions(linear, images), np.abs(weights[taken_for]), atol=1e-7)
    for class_ in range(4):
        found = Gradient().attributions(linear, images, np.full(9, class_))
        np.testing.assert_allclose(found, np.broadcast_to(np.abs(weights[class_]), found.shape), atol=1e-7)


def test_gradient_times_input_of_a_linear_model_is_what_a_pixel_adds(linear, images, weights):
    found = GradientTimesInput().attributions(linear, images)
    taken_for = linear.predict(images)
    np.testing.assert_allclose(found, weights[taken_for] * images, atol=1e-6)
    scores = linear.logits(images)[np.arange(9), taken_for]
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), scores - np.array([0.1, 0.2, 0.3, 0.4])[taken_for], atol=1e-5)


@given(steps=st.integers(1, 9), baseline=st.floats(0, 1, width=32))
def test_integrated_gradients_of_a_linear_model(steps, baseline):
    from tests.saliency.conftest import WEIGHTS, linear_model

    images = np.random.default_rng(2).random((4, 2, 5, 6)).astype(np.float32)
    model = load_classifier(linear_model()).bound(images)
    found = IntegratedGradients(steps=steps, baseline=baseline).attributions(model, images)
    np.testing.assert_allclose(found, WEIGHTS[model.predict(images)] * (images - baseline), atol=1e-6)


@pytest.mark.parametrize("baseline", [0.0, 0.4])
def test_integrated_gradients_add_up_to_the_difference_of_scores(curved, images, baseline):
    # Axiom of completeness, Sundararajan et al. 2017, proposition 1: exact as the steps grow.
    taken_for = curved.predict(images)
    rows = np.arange(len(images))
    start = np.full_like(images, baseline)
    difference = curved.logits(images)[rows, taken_for] - curved.logits(start)[rows, taken_for]
    errors = [
        np.abs(
            IntegratedGradients(steps=steps, baseline=baseline).attributions(curved, images).sum(axis=(1, 2, 3))
            - difference
        ).max()
        for steps in (4, 64, 256)
    ]
    assert errors[2] < 1e-3
    assert errors[2] < errors[1] < errors[0]


def test_smoothgrad_is_the_gradient_without_noise(curved, images):
    plain = Gradient().attributions(curved, images)
    np.testing.assert_allclose(SmoothGrad(samples=3, sigma=0.0).attributions(curved, images), plain, rtol=1e-5)
    assert not np.allclose(SmoothGrad(samples=3).attributions(curved, images), plain, rtol=1e-2)


def test_smoothgrad_by_hand(curved, images):
    # d tanh: the mean over the noise is taken before the size.
    classes = curved.predict(images)
    copies = [images + 0.3 * sample_normal(5, NOISE, range(9), (2, 5, 6), index=i).astype(np.float32) for i in range(4)]
    gradients = []
    for copy in copies:
        points = torch.from_numpy(copy.astype(np.float32)).requires_grad_()
        with curved.differentiable() as forward:
            forward(points).gather(1, torch.from_numpy(classes)[:, None]).sum().backward()
        gradients.append(points.grad.numpy())
    found = SmoothGrad(samples=4, sigma=0.3).attributions(curved, images, classes, seed=5)
    np.testing.assert_allclose(found, np.abs(np.mean(gradients, axis=0)), atol=1e-6)


@pytest.mark.parametrize("name", SALIENCY)
def test_batches_and_order_change_nothing(curved, images, name):
    saliency, ids = make_map(name), np.arange(100, 109)
    whole = saliency.attributions(curved, images, ids=ids, seed=3)
    assert whole.shape == images.shape
    assert whole.dtype == np.float64
    for size in (1, 2, 4):
        np.testing.assert_allclose(
            saliency.attributions(curved, images, ids=ids, seed=3, batch_size=size), whole, atol=1e-6
        )
    order = np.random.default_rng(0).permutation(9)
    np.testing.assert_allclose(
        saliency.attributions(curved, images[order], ids=ids[order], seed=3), whole[order], atol=1e-6
    )


def test_the_noise_belongs_to_seed_and_sample(curved, images):
    def found(**changed):
        return SmoothGrad(samples=2).attributions(curved, images, **changed)

    assert (found() == found(seed=0, ids=np.arange(9))).all()
    assert not np.allclose(found(seed=1), found())
    assert not np.allclose(found(ids=np.arange(1, 10)), found())


@pytest.mark.parametrize("name", SALIENCY)
def test_bytes_are_as_good_as_floats(curved, images, name):
    whole = np.rint(images * 255).astype(np.uint8)
    found = make_map(name).attributions(curved, whole)
    np.testing.assert_allclose(found, make_map(name).attributions(curved, whole / np.float32(255)), atol=1e-6)


def test_an_estimator_through_its_twin():
    rng = np.random.default_rng(0)
    images = rng.random((60, 1, 4, 4)).astype(np.float32)
    labels = (images[:, 0, 0, 0] > 0.5).astype(int) + (images[:, 0, 1, 1] > 0.5)
    flat = images.reshape(60, 16)
    network = MLPClassifier((8,), max_iter=300, random_state=0, tol=1e-2).fit(flat, labels)
    model = load_classifier(network).bound(images)
    # MLPClassifier with one hidden layer of ReLU: d z_k / d x = W1 diag(x W1 + b1 > 0) W2, from its own weights.
    (first, second), (bias, _) = network.coefs_, network.intercepts_
    classes = model.predict(images)
    active = flat @ first + bias > 0
    by_hand = np.stack([first @ (on * second[:, k]) for on, k in zip(active, classes, strict=True)])
    found = Gradient().attributions(model, images)
    # The score is a logit but for what all classes share.
    assert np.allclose(found.reshape(60, 16), np.abs(by_hand), atol=1e-5)


def test_a_cut_path_has_no_gradient(images):
    class Cut(nn.Module):
        def forward(self, images):
            return images.detach().flatten(1)[:, :4]

    model = load_classifier(Cut()).bound(images)
    assert not Gradient().attributions(model, images).any()


def test_an_infinite_gradient_is_an_error(images):
    class Root(nn.Module):
        def forward(self, images):
            return (images - images).abs().sqrt().flatten(1)[:, :4]

    model = load_classifier(Root()).bound(images)
    with pytest.raises(ClassifierError, match="gradient of the model is not finite"):
        Gradient().attributions(model, images)


def test_the_model_is_left_as_it_was(images):
    module = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(60, 4)).train()
    model = load_classifier(module)
    first = Gradient().attributions(model, images, np.zeros(9, int))
    assert (Gradient().attributions(model, images, np.zeros(9, int)) == first).all()
    assert module.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in module.parameters())


WRONG = {
    "steps": (lambda: IntegratedGradients(steps=0), "steps is out of range: got 0"),
    "baseline": (lambda: IntegratedGradients(baseline=2), "baseline is out of range: got 2; allowed: a number from 0"),
    "named baseline": (
        lambda: GradientTimesInput(baseline="grey"),
        "unknown baseline: got 'grey'; allowed: zero",
    ),
    "samples": (lambda: SmoothGrad(samples=2.5), "samples is out of range"),
    "sigma": (lambda: SmoothGrad(sigma=-1), "sigma is out of range: got -1"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_impossible_options(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


def test_what_does_not_fit_together(linear, images):
    for classes, message in (([0] * 8, "classes must be 9 integers"), ([0.5] * 9, "classes must be 9 integers")):
        with pytest.raises(ParameterError, match=message):
            Gradient().attributions(linear, images, classes)
    for wrong in (4, -1):
        with pytest.raises(ParameterError, match=rf"no such class: got {wrong}; allowed: 0 to 3"):
            Gradient().attributions(linear, images, [wrong] * 9)
    unbound = load_classifier(nn.Sequential(nn.Flatten(), nn.Linear(60, 4)))
    with pytest.raises(ParameterError, match="no such class: got 4; allowed: 0 to 3"):
        Gradient().attributions(unbound, images, [4] * 9)
    with pytest.raises(ParameterError, match="ids must be 9 integers"):
        Gradient().attributions(linear, images, ids=[1])
    with pytest.raises(ParameterError, match="batch_size"):
        Gradient().attributions(linear, images, batch_size=0)
    with pytest.raises(ClassifierError, match="wrong shape"):
        Gradient().attributions(linear, images[0])
    with pytest.raises(ClassifierError, match="out of range"):
        Gradient().attributions(linear, images + 1)


def test_a_model_without_gradients(images):
    model = load_classifier(lambda batch: np.asarray(batch)[:, 0, 0, :4]).bound(images)
    with pytest.raises(CapabilityError, match=r"'gradient' needs gradients.*does not offer.*map='occlusion'"):
        Gradient().attributions(model, images)
