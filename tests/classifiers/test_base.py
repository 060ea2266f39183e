"""Classifier: what it gives, counts, refuses, and how it travels."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pytest_robustness.classifiers import Classifier, Passes, load_classifier
from pytest_robustness.errors import CapabilityError, ClassifierError, ParameterError


@pytest.fixture
def net(make_net):
    return make_net()


def test_gives_what_the_module_gives(net, images):
    classifier = load_classifier(net)
    with torch.no_grad():
        wanted = net.eval()(torch.from_numpy(images)).double()
    # Convolutions are laid out differently, and round so.
    np.testing.assert_allclose(classifier.logits(images), wanted, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(classifier.probabilities(images), wanted.softmax(1), rtol=1e-6)
    np.testing.assert_allclose(classifier.log_probabilities(images), wanted.log_softmax(1), rtol=1e-6)
    assert np.array_equal(classifier.predict(images), wanted.argmax(1))


def test_types_are_as_promised(net, images):
    classifier = load_classifier(net)
    assert classifier.predict(images).dtype == np.int64
    assert {classifier.logits(images).dtype, classifier.probabilities(images).dtype} == {np.dtype(np.float64)}
    np.testing.assert_allclose(classifier.probabilities(images).sum(axis=1), 1, rtol=1e-14)


@given(batch_size=st.integers(1, 40))
def test_batches_do_not_matter(batch_size):
    images = np.random.default_rng(0).random((9, 1, 4, 4), dtype=np.float32)
    classifier = load_classifier(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)))
    np.testing.assert_allclose(classifier.logits(images, batch_size=batch_size), classifier.logits(images), atol=1e-6)


def test_bytes_and_fractions_are_the_same_image(net, images):
    grey = (images * 255).astype(np.uint8)
    classifier = load_classifier(net)
    assert np.array_equal(classifier.logits(grey), classifier.logits(grey.astype(np.float32) / np.float32(255)))


def test_ties_go_to_the_lowest_class(images):
    classifier = load_classifier(lambda x: np.array([[1.0, 3.0, 3.0]] * len(x)))
    assert (classifier.predict(images) == 1).all()


def test_counts_images_forwards_and_backwards(net, images):
    classifier = load_classifier(net)
    before = classifier.passes.snapshot()
    classifier.predict(images, batch_size=7)
    classifier.probabilities(images[:5])
    assert classifier.passes - before == Passes(35, 0)
    with classifier.differentiable() as forward:
        points = torch.from_numpy(images).requires_grad_()
        logits = forward(points)
        torch.autograd.grad(logits[:, 0].sum(), points, retain_graph=True)
        torch.autograd.grad(logits[:, 1].sum(), points)
        with torch.no_grad():
            forward(points)
    assert classifier.passes - before == Passes(95, 60)
    classifier.passes.reset()
    assert classifier.passes == Passes(0, 0)


def test_the_differentiable_map_has_the_gradient_of_the_model(net, images):
    classifier = load_classifier(net, bounds=(-1.0, 1.0), mean=0.1, std=0.5)
    assert classifier.bounds == (-1.0, 1.0)
    points = torch.from_numpy(images).requires_grad_()
    with classifier.differentiable() as forward:
        (gradient,) = torch.autograd.grad(forward(points)[:, 3].sum(), points)
    plain = torch.from_numpy(images).requires_grad_()
    (wanted,) = torch.autograd.grad(net.eval()((plain * 2 - 1 - 0.1) / 0.5)[:, 3].sum(), plain)
    torch.testing.assert_close(gradient, wanted)
    torch.testing.assert_close(
        torch.from_numpy(classifier.logits(images)).float(), net((torch.from_numpy(images) * 2 - 1.1) / 0.5).detach()
    )


def test_a_module_of_probabilities_offers_their_gradients(net, images):
    classifier = load_classifier(nn.Sequential(net, nn.Softmax(dim=1)), outputs="probabilities")
    plain = load_classifier(net)
    assert classifier.offers == {"labels", "probabilities", "gradients"}
    np.testing.assert_allclose(classifier.probabilities(images), plain.probabilities(images), atol=1e-6)
    with classifier.differentiable() as forward:
        found = forward(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(found, plain.log_probabilities(images), atol=1e-5)


def test_a_probability_of_zero_has_the_logarithm_minus_infinity(images):
    classifier = load_classifier(lambda x: np.array([[1.0, 0.0]] * len(x)), outputs="probabilities")
    assert classifier.log_probabilities(images[:1]).tolist() == [[0.0, -np.inf]]
    assert classifier.probabilities(images[:1]).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("outputs", "missing"),
    [
        ("labels", {"logits", "probabilities", "gradients"}),
        ("probabilities", {"logits", "gradients"}),
        ("logits", {"gradients"}),
    ],
)
def test_refuses_what_a_callable_lacks(images, outputs, missing):
    classifier = load_classifier(lambda x: np.zeros(len(x), dtype=int), outputs=outputs)
    assert classifier.offers == {"labels", "logits", "probabilities", "gradients"} - missing
    asks = {"logits": classifier.logits, "probabilities": classifier.probabilities}
    for capability in missing - {"gradients"}:
        with pytest.raises(CapabilityError, match=f"offers no {capability}: got 'callable model with"):
            asks[capability](images)
    with pytest.raises(CapabilityError, match=r"all need gradients"), classifier.differentiable():
        pass


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, True])
def test_refuses_impossible_batches(net, images, batch_size):
    with pytest.raises(ParameterError, match="batch_size"):
        load_classifier(net).predict(images, batch_size=batch_size)


def test_what_goes_wrong_inside_the_model_is_told_in_our_words(net):
    with pytest.raises(ClassifierError, match=r"Sequential failed on images of \(C, H, W\) = \(3, 8, 8\)") as caught:
        load_classifier(net).predict(np.zeros((2, 3, 8, 8), dtype=np.uint8))
    assert "Conv2d(1, 4" in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "\n" not in str(caught.value)


def test_nan_is_refused_forwards_and_differentiably(images):
    class Poisoned(nn.Module):
        def forward(self, x):
            return torch.where(x.flatten(1)[:, :2] > 0.999, torch.nan, x.flatten(1)[:, :2])

    poisoned = images.clip(0, 0.9)
    poisoned[17, 0, 0, 0] = 1.0
    classifier = load_classifier(Poisoned())
    with pytest.raises(ClassifierError, match=r"first for image 17"):
        classifier.predict(poisoned, batch_size=4)
    with classifier.differentiable() as forward, pytest.raises(ClassifierError, match=r"first for image 17"):
        forward(torch.from_numpy(poisoned))


def test_a_model_that_works_in_place_cannot_change_the_images(images):
    class InPlace(nn.Module):
        def forward(self, x):
            return x.sub_(0.5).flatten(1)[:, :3]

    classifier = load_classifier(InPlace())
    kept = images.copy()
    classifier.predict(images)
    with classifier.differentiable() as forward:
        points = torch.from_numpy(images).requires_grad_()
        forward(points)
    assert np.array_equal(images, kept)


def test_read_only_images_are_welcome(net, images):
    images.flags.writeable = False
    assert load_classifier(net).predict(images).shape == (30,)


def test_a_classifier_of_an_object_survives_pickling(net, images):
    classifier = load_classifier(net).bound(images)
    twin = pickle.loads(pickle.dumps(classifier))
    assert isinstance(twin, Classifier)
    assert (twin.fingerprint, twin.input_shape) == (classifier.fingerprint, (1, 8, 8))
    assert np.array_equal(twin.logits(images), classifier.logits(images))


_FILE = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self, scale=SCALE):
        super().__init__()
        self.scale = scale
    def forward(self, x):
        return self.scale * x.flatten(1)[:, :5]
"""


def test_a_classifier_of_a_file_is_pickled_by_source(tmp_path, images):
    path = tmp_path / "net.py"
    path.write_text(_FILE.replace("SCALE", "2.0"))
    classifier = load_classifier(f"{path}:Net", std=0.5).bound(images)
    wire = pickle.dumps(classifier)
    assert np.array_equal(pickle.loads(wire).logits(images), classifier.logits(images))
    path.write_text(_FILE.replace("SCALE", "3.0"))
    with pytest.raises(ClassifierError, match="not the model that it was"):
        pickle.loads(wire)
