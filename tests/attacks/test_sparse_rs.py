from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.attacks.sparse_rs import PixelMoves, SparseRS
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import ParameterError


def resisting(attack, classifier, images, labels, **options):
    return classifier.predict(attack.run(classifier, images, labels, **options)) == labels


def changed(moved, images):
    return (moved != images).any(axis=1).reshape(len(images), -1).sum(axis=1)


@pytest.fixture(scope="module")
def sums():
    """A linear classifier of 6 x 6 images with two classes, and how many pixels each image needs to change."""
    random = np.random.default_rng(5)
    weights = random.normal(size=36)
    layer = nn.Linear(36, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.stack([weights, -weights]) / 2))
        layer.bias.copy_(torch.tensor([-1.0, 1.0]) * weights.sum() / 4)
    images = random.uniform(0.2, 0.8, (50, 1, 6, 6)).astype(np.float32)
    classifier = load_classifier(nn.Sequential(nn.Flatten(), layer))
    labels = classifier.predict(images)
    flat = images.reshape(50, 36).astype(np.float64)
    scores = (flat - 0.5) @ weights
    # The most that one pixel can move the score towards the other class; the largest first.
    gains = np.where((weights > 0) == (scores > 0)[:, None], flat, 1 - flat) * np.abs(weights)
    reached = np.cumsum(-np.sort(-gains, axis=1), axis=1)
    return classifier, images, labels, 1 + (reached <= np.abs(scores)[:, None]).sum(axis=1)


@pytest.mark.parametrize("eps", [1, 2, 4])
def test_a_linear_classifier_falls_by_as_many_pixels_as_it_takes(sums, eps):
    classifier, images, labels, needed = sums
    robust = resisting(SparseRS(eps=eps, queries=3000), classifier, images, labels)
    assert robust[needed > eps].all()
    assert robust[needed <= eps].mean() < 0.05


@pytest.mark.parametrize("eps", [0, 1, 7, 36, 50])
def test_no_more_pixels_change_than_allowed(net, images, labels, eps):
    moved = SparseRS(eps=eps, queries=30).run(net, images, labels)
    assert changed(moved, images).max() <= eps
    assert moved.min() >= 0
    assert moved.max() <= 1
    others = moved != images
    assert np.isin(moved[others], [0, 1]).all()


def test_a_pixel_is_all_its_channels():
    random = np.random.default_rng(0)
    images = random.random((20, 3, 5, 5), dtype=np.float32)
    layer = nn.Linear(75, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(random.normal(size=(3, 75))))
        layer.bias.zero_()
    classifier = load_classifier(nn.Sequential(nn.Flatten(), layer))
    moved = SparseRS(eps=4, queries=50).run(classifier, images, classifier.predict(images))
    assert changed(moved, images).max() == 4


def test_neither_batch_nor_order_matters(net, images, labels):
    attack = SparseRS(eps=3, queries=200)
    whole = attack.run(net, images, labels)
    order = np.random.default_rng(0).permutation(60)
    assert np.array_equal(attack.run(net, images[order], labels[order], ids=order, batch_size=7), whole[order])
    assert not np.array_equal(attack.run(net, images, labels, seed=1), whole)


def test_the_cost_of_resisting_is_exact(images):
    constant = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    with torch.no_grad():
        constant[1].weight.zero_()
        constant[1].bias.copy_(torch.tensor([1.0, 0.0]))
    classifier = load_classifier(constant)
    before = classifier.passes.snapshot()
    SparseRS(eps=5, queries=40, restarts=2).run(classifier, images, np.zeros(60, dtype=np.int64))
    spent = classifier.passes - before
    assert (spent.forwards, spent.backwards) == (60 + 2 * 40 * 60, 0)


def test_more_pixels_queries_and_restarts_never_help_the_defender(net, images, labels):
    for options in (
        [{"eps": eps, "queries": 300} for eps in (1, 3, 9)],
        [{"eps": 2, "queries": queries} for queries in (1, 30, 600)],
        [{"eps": 2, "queries": 20, "restarts": restarts} for restarts in (1, 4)],
    ):
        shares = [resisting(SparseRS(**each), net, images, labels).mean() for each in options]
        assert shares == sorted(shares, reverse=True)
        assert shares[0] > shares[-1]


def test_targets_are_reached(net, images, labels):
    right = (net.predict(images) == labels) & (labels != 2)
    moved = SparseRS(eps=9, queries=500, target=2).run(net, images, labels)
    assert (net.predict(moved) == 2)[right].mean() > 0.2


def test_moves_keep_count_of_what_they_changed():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(30, 2, 4, 4, generator=generator).round(decimals=1)
    order = torch.rand(30, 16, generator=generator).argsort(dim=1)
    moves = PixelMoves(images, order, 6)
    moves.begin(moves.coloured(torch.rand(30, 6, 2, generator=generator)))
    moves.settle(torch.ones(30, dtype=torch.bool))
    for step in range(40):
        before = moves.points.clone()
        share = (0.6, 0.1)[step % 2]
        after = moves.propose(torch.rand(30, moves.width(share), generator=generator), share).clone()
        assert ((after != images).any(dim=1).flatten(1).sum(dim=1) == 6).all()
        assert ((after != before).any(dim=1).flatten(1).sum(dim=1) == 2 * max(1, int(share * 6))).all()
        better = torch.rand(30, generator=generator) < 0.5
        moves.settle(better)
        assert torch.equal(moves.points, torch.where(better[:, None, None, None], after, before))
        assert torch.equal(moves._order.sort(dim=1).values, torch.arange(16).expand(30, -1))


def test_the_schedule_is_the_published_one():
    attack = SparseRS(eps=10, queries=10_000)
    for query, divisor in ((0, 1), (1, 2), (50, 2), (51, 4), (201, 5), (501, 6), (1001, 8), (4001, 12), (8001, 20)):
        assert attack._share(query) == 0.3 / divisor


@pytest.mark.parametrize(
    "options",
    [{"eps": 2.5}, {"norm": "linf"}, {"queries": 0}, {"restarts": 0}, {"alpha_init": 0.0}, {"alpha_init": 2}],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ParameterError, match=next(iter(options))):
        SparseRS(**{"eps": 3, **options})
