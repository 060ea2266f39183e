from __future__ import annotations

import numpy as np
import pytest

from pytest_robustness.attacks import PGD
from pytest_robustness.attacks.hopskipjump import HopSkipJump
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import ParameterError

FAR = {"linf": 1.0, "l2": 100.0}


def lengths(moved, images, norm):
    difference = (moved.astype(np.float64) - images).reshape(len(images), -1)
    return np.abs(difference).max(axis=1) if norm == "linf" else np.linalg.norm(difference, axis=1)


@pytest.fixture(scope="module")
def by_labels(net):
    """The network, of which only the labels are known."""
    return load_classifier(net.predict, outputs="labels", input_shape=(1, 6, 6), num_classes=5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_boundary_of_a_linear_classifier_is_met_within_a_percent(linear, norm):
    attack = HopSkipJump(eps=FAR[norm], norm=norm, steps=256, max_queries=60_000)
    moved = attack.run(linear.classifier, linear.images, linear.labels)
    assert (linear.classifier.predict(moved) != linear.labels).all()
    share = lengths(moved, linear.images, norm) / linear.needed[norm]
    assert share.min() > 0.9999
    assert np.median(share) < 1.01
    if len(np.unique(linear.labels)) == 2:
        # With more classes it may follow the boundary of one that is not the nearest: labels do not tell.
        assert share.max() < 1.01


@pytest.mark.parametrize("ball", [("linf", 0.05), ("l2", 0.25)])
def test_a_sample_is_fooled_where_its_image_is_inside(net, by_labels, images, labels, ball):
    norm, eps = ball
    moved = HopSkipJump(eps=eps, norm=norm, steps=12).run(by_labels, images, labels)
    assert lengths(moved, images, norm).max() <= eps
    assert moved.min() >= 0
    assert moved.max() <= 1
    found = by_labels.predict(moved) != labels
    guided = net.predict(PGD(eps=eps, norm=norm, loss="cw").run(net, images, labels)) != labels
    assert guided.sum() - 8 <= found.sum() <= guided.sum() + 1


def test_one_run_answers_for_every_radius(by_labels, images, labels):
    right = by_labels.predict(images) == labels
    whole = HopSkipJump(eps=1.0, steps=8).run(by_labels, images, labels)
    half = HopSkipJump(eps=0.05, steps=8).run(by_labels, images, labels)
    near = lengths(whole, images, "linf") <= 0.05
    assert np.array_equal(by_labels.predict(half)[right] != labels[right], near[right])
    assert np.array_equal(whole[right & near], half[right & near])


def test_stopping_at_eps_saves_queries_and_loses_nothing(by_labels, images, labels):
    def run(**options):
        before = by_labels.passes.snapshot()
        moved = HopSkipJump(eps=0.05, steps=12, **options).run(by_labels, images, labels)
        return by_labels.predict(moved) != labels, (by_labels.passes - before).forwards

    full, queries = run()
    stopped, fewer = run(stop_at_eps=True)
    assert np.array_equal(full, stopped)
    assert fewer < 0.8 * queries


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_more_steps_come_nearer(by_labels, images, labels, norm):
    right = by_labels.predict(images) == labels
    found = [
        lengths(HopSkipJump(eps=FAR[norm], norm=norm, steps=steps).run(by_labels, images, labels), images, norm)[right]
        for steps in (1, 4, 16)
    ]
    assert (found[1] <= found[0]).all()
    assert (found[2] <= found[1]).all()
    assert found[2].mean() < 0.8 * found[0].mean()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_neither_batch_nor_order_matters(by_labels, images, labels, norm):
    attack = HopSkipJump(eps=FAR[norm], norm=norm, steps=2)
    whole = attack.run(by_labels, images, labels)
    order = np.random.default_rng(0).permutation(60)
    # Sums over the probes may be rounded otherwise in a batch of another size.
    shuffled = attack.run(by_labels, images[order], labels[order], ids=order, batch_size=7)
    np.testing.assert_allclose(shuffled, whole[order], atol=1e-5)
    assert not np.allclose(attack.run(by_labels, images, labels, seed=1), whole, atol=1e-5)


def test_queries_are_within_the_budget(by_labels, images, labels):
    right = int((by_labels.predict(images) == labels).sum())

    def spent(max_queries):
        before = by_labels.passes.snapshot()
        HopSkipJump(eps=1.0, max_queries=max_queries).run(by_labels, images, labels)
        return (by_labels.passes - before).forwards

    start = spent(1)
    # Ten patterns and images of noise, each with a bisection of ceil(log2(360)) = 9 halvings where it fools; 60 to see
    # which samples are right to begin with.
    assert 60 + 10 * right <= start <= 60 + 10 * 10 * right + 100 * right
    assert 200 * right < spent(700) - start <= 700 * right


def test_an_image_that_nothing_misclassifies_is_left_alone(images):
    constant = load_classifier(lambda pixels: np.zeros(len(pixels), dtype=np.int64), outputs="labels", num_classes=2)
    before = constant.passes.snapshot()
    moved = HopSkipJump(eps=0.3).run(constant, images, np.zeros(60, dtype=np.int64))
    assert np.array_equal(moved, images)
    assert (constant.passes - before).forwards == 60 + 60 * 105


def test_targets_are_reached(net, by_labels, images, labels):
    target = int(net.predict(np.zeros((1, 1, 6, 6), dtype=np.float32))[0])
    aimed = (net.predict(images) == labels) & (labels != target)
    moved = HopSkipJump(eps=1.0, steps=5, target=target).run(by_labels, images, labels)
    # Black is of the target class, so that there is a start for every image.
    assert aimed.sum() > 10
    assert (net.predict(moved[aimed]) == target).all()
    assert np.array_equal(moved[labels == target], images[labels == target])


@pytest.mark.parametrize("options", [{"steps": 0}, {"initial_queries": 1}, {"max_queries": 0}, {"norm": "l0"}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ParameterError, match=next(iter(options))):
        HopSkipJump(eps=1, **options)
