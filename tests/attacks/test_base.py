from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from pytest_robustness.attacks import FGSM, PGD
from pytest_robustness.attacks.batch import input_gradient
from pytest_robustness.attacks.losses import odds_against
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import CapabilityError, ClassifierError, ParameterError

ATTACKS = [
    FGSM(eps=0.1),
    FGSM(eps=0.5, norm="l2"),
    PGD(eps=0.1, steps=5),
    PGD(eps=0.5, norm="l2", steps=5, restarts=2),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=repr)
def test_results_are_allowed_and_the_input_is_left_alone(attack, net, images, labels):
    before = images.copy()
    moved = attack.run(net, images, labels)
    assert np.array_equal(images, before)
    assert moved.shape == images.shape
    assert moved.dtype == np.float32
    assert not np.shares_memory(moved, images)
    assert moved.min() >= 0
    assert moved.max() <= 1
    difference = (moved.astype(np.float64) - images).reshape(len(images), -1)
    length = np.abs(difference).max(axis=1) if attack.norm == "linf" else np.linalg.norm(difference, axis=1)
    assert (length <= attack.eps).all()
    assert (length > 0).sum() >= 50


@pytest.mark.parametrize("attack", ATTACKS, ids=repr)
def test_misclassified_images_are_untouched(attack, net, images, labels):
    wrong = net.predict(images) != labels
    assert wrong.sum() == 6
    moved = attack.run(net, images, labels)
    assert np.array_equal(moved[wrong], images[wrong])


@pytest.mark.parametrize("attack", ATTACKS, ids=repr)
def test_batches_and_order_make_no_difference(attack, net, images, labels):
    whole = attack.run(net, images, labels, seed=1)
    in_sevens = attack.run(net, images, labels, seed=1, batch_size=7)
    order = np.random.default_rng(0).permutation(len(images))
    shuffled = attack.run(net, images[order], labels[order], seed=1, ids=order)
    # Only the rounding of the model itself may differ from batch to batch; it turns the sign of few gradients.
    for other in (in_sevens, shuffled[np.argsort(order)]):
        assert (np.abs(other - whole) > 1e-4).mean() < 0.01


def test_all_images_wrong_costs_one_pass_each(net, images, labels):
    wrong = (net.predict(images) + 1) % 5
    before = net.passes.snapshot()
    moved = PGD(eps=0.3, steps=10).run(net, images, wrong)
    spent = net.passes - before
    assert np.array_equal(moved, images)
    assert (spent.forwards, spent.backwards) == (60, 0)


def test_bytes_and_floats_are_the_same_images(net):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 1, 6, 6), dtype=np.uint8)
    floats = pixels.astype(np.float32) / np.float32(255)
    labels = net.predict(pixels)
    attack = PGD(eps=0.1, steps=3)
    assert np.array_equal(attack.run(net, pixels, labels), attack.run(net, floats, labels))


def test_global_random_state_is_neither_read_nor_set(net, images, labels):
    attack = PGD(eps=0.1, steps=2, restarts=2)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    first = attack.run(net, images, labels)
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    torch.manual_seed(2)
    second = attack.run(net, images, labels)
    torch.manual_seed(1)
    attack.run(net, images, labels)
    assert np.array_equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((4, 6, 6), np.float32)}, r"\(N, C, H, W\)"),
        ({"images": np.zeros((0, 1, 6, 6), np.float32)}, "N > 0"),
        ({"images": np.full((60, 1, 6, 6), np.nan, np.float32)}, r"\[0, 1\]"),
        ({"images": np.full((60, 1, 6, 6), 1.01, np.float32)}, r"\[0, 1\]"),
        ({"images": np.full((60, 1, 6, 6), -0.01, np.float32)}, r"\[0, 1\]"),
        ({"labels": np.zeros(59, np.int64)}, "60 integers"),
        ({"labels": np.zeros(60)}, "60 integers"),
        ({"ids": np.arange(59)}, "ids"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 2.5}, "batch_size"),
    ],
)
def test_wrong_arguments_are_refused(changes, message, net, images, labels):
    arguments = {"images": images, "labels": labels, **changes}
    with pytest.raises(ParameterError, match=message):
        FGSM(eps=0.1).run(net, arguments.pop("images"), arguments.pop("labels"), **arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"eps": -0.1}, "eps is out of range"),
        ({"eps": float("nan")}, "eps is out of range"),
        ({"eps": "0.1"}, "eps is out of range"),
        ({"eps": True}, "eps is out of range"),
        ({"eps": 8}, r"eps=8/255"),
        ({"eps": 0.1, "norm": "l1"}, "allowed: linf, l2"),
        ({"eps": 0.1, "norm": ["linf"]}, "unknown norm"),
    ],
)
def test_impossible_balls_are_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        FGSM(**options)


def test_an_l2_radius_may_be_larger_than_a_pixel():
    assert FGSM(eps=8, norm="l2").eps == 8


def test_images_of_another_shape_are_an_error_of_ours(net):
    with pytest.raises(ClassifierError, match="failed on images"):
        FGSM(eps=0.1).run(net, np.zeros((2, 1, 9, 9), np.float32), np.zeros(2, np.int64))


def test_a_black_box_is_refused_by_what_it_lacks(images, labels):
    classifier = load_classifier(lambda pixels: np.zeros((len(pixels), 5)))
    with pytest.raises(CapabilityError, match="gradients"):
        FGSM(eps=0.1).run(classifier, images, labels)


def test_attacks_are_equal_by_what_they_are():
    assert PGD(eps=0.1) == PGD(eps=0.1)
    assert hash(PGD(eps=0.1)) == hash(PGD(eps=0.1))
    assert PGD(eps=0.1) != PGD(eps=0.1, steps=41)
    assert PGD(eps=0.1) != FGSM(eps=0.1)


LOGITS = st.lists(st.floats(-5, 5), min_size=4, max_size=4)


@given(LOGITS, st.integers(0, 3))
def test_odds_are_those_against_the_true_class(row, label):
    logits = torch.tensor([row], dtype=torch.float64)
    p = float(logits.softmax(dim=1)[0, label])
    odds = odds_against(logits, torch.tensor([label]))
    assert float(odds) == pytest.approx(np.log((1 - p) / p), abs=1e-9)


@given(LOGITS, st.integers(0, 3))
def test_odds_and_cross_entropy_rise_in_one_direction(row, label):
    logits = torch.tensor([row], dtype=torch.float64, requires_grad=True)
    truth = torch.tensor([label])
    (ours,) = torch.autograd.grad(odds_against(logits, truth).sum(), logits)
    (theirs,) = torch.autograd.grad(cross_entropy(logits, truth), logits)
    assert float((ours * theirs).sum() / (ours.norm() * theirs.norm())) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("gap", [20.0, 120.0, 1e4, 1e8])
def test_a_confident_sample_keeps_its_gradient(gap):
    logits = torch.tensor([[gap, 0.0, -1.0]], requires_grad=True)
    truth = torch.tensor([0])
    (gradient,) = torch.autograd.grad(odds_against(logits, truth).sum(), logits)
    # The true class falls by as much as the others rise: 1 in all, e : 1 between them.
    np.testing.assert_allclose(gradient[0], [-1, 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))], rtol=1e-6)


def test_a_gradient_that_is_cut_is_zero():
    points = torch.ones(2, 3, requires_grad=True)
    assert torch.equal(input_gradient(torch.ones(2), points), torch.zeros(2, 3))
    elsewhere = torch.ones(2, requires_grad=True)
    assert torch.equal(input_gradient(2 * elsewhere, points), torch.zeros(2, 3))
    assert torch.equal(input_gradient(3 * points.sum(dim=1), points), torch.full((2, 3), 3.0))


def test_a_gradient_that_is_not_finite_is_an_error(images, labels):
    class Root(nn.Module):
        def forward(self, pixels):
            total = pixels.sqrt().flatten(1)[:, :5]
            return total * torch.ones(5)

    classifier = load_classifier(Root())
    with pytest.raises(ClassifierError, match="gradient of the model is not finite"):
        FGSM(eps=0.1).run(classifier, images, classifier.predict(images))
