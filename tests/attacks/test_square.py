from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pytest_robustness.attacks import PGD
from pytest_robustness.attacks.square import GuidedSquare, Square
from pytest_robustness.attacks.square_moves import MOVES, L2Moves, LinfMoves, bump, square_size, windows
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import load_dataset
from pytest_robustness.errors import CapabilityError, ParameterError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torchattacks


def resisting(attack, classifier, images, labels, **options):
    return classifier.predict(attack.run(classifier, images, labels, **options)) == labels


@pytest.mark.parametrize(("norm", "reach"), [("linf", 0.99), ("l2", 0.6)])
def test_a_linear_classifier_falls_beyond_its_margin(linear, norm, reach):
    needed = linear.needed[norm]
    eps = float(np.median(needed))
    robust = resisting(Square(eps=eps, norm=norm, queries=1000), linear.classifier, linear.images, linear.labels)
    assert robust[needed > eps * 1.0001].all()
    assert not robust[needed < eps * reach].any()


def test_the_nearest_l2_perturbation_is_found_where_it_is_a_bump():
    # The nearest perturbation goes along the weights: here along one of the bumps that the attack proposes.
    weights = np.array([[1.0, -1.0]]).T * bump(3).numpy().ravel()
    layer = nn.Linear(9, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights))
        layer.bias.zero_()
    classifier = load_classifier(nn.Sequential(nn.Flatten(), layer))
    images = np.random.default_rng(0).uniform(0.4, 0.6, (30, 1, 3, 3)).astype(np.float32)
    labels = classifier.predict(images)
    needed = np.abs(images.reshape(30, 9).astype(np.float64) @ weights[0])
    for image, label, distance in zip(images, labels, needed, strict=True):
        for share in (0.99, 1.01):
            attack = Square(norm="l2", eps=float(distance * share), queries=200)
            assert resisting(attack, classifier, image[None], label[None]).all() == (share < 1)


@pytest.mark.parametrize("attack", [Square, GuidedSquare])
@pytest.mark.parametrize("ball", [("linf", 0.05), ("linf", 0.0), ("l2", 0.3), ("l2", 1e-4), ("l2", 1e-9)])
def test_images_are_inside_the_ball_to_the_bit(net, images, labels, attack, ball):
    norm, eps = ball
    moved = attack(eps=eps, norm=norm, queries=40).run(net, images, labels)
    difference = (moved.astype(np.float64) - images).reshape(60, -1)
    lengths = np.abs(difference).max(axis=1) if norm == "linf" else np.linalg.norm(difference, axis=1)
    assert lengths.max() <= eps
    assert moved.min() >= 0
    assert moved.max() <= 1


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("attack", [Square, GuidedSquare])
def test_neither_batch_nor_order_matters(net, images, labels, norm, attack):
    made = attack(eps={"linf": 0.05, "l2": 0.2}[norm], norm=norm, queries=100, patience=3.0)
    whole = made.run(net, images, labels)
    order = np.random.default_rng(0).permutation(60)
    shuffled = made.run(net, images[order], labels[order], ids=order, batch_size=7)
    # Gradients are rounded otherwise in another batch; the search itself only compares.
    np.testing.assert_allclose(shuffled, whole[order], atol=1e-5 if attack is GuidedSquare else 0)
    assert not np.array_equal(made.run(net, images, labels, seed=1), whole)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_cost_of_resisting_is_exact(net, images, labels, norm):
    right = int((net.predict(images) == labels).sum())
    before = net.passes.snapshot()
    Square(eps=1e-6, norm=norm, queries=70, restarts=2).run(net, images, labels)
    spent = net.passes - before
    assert (spent.forwards, spent.backwards) == (60 + 2 * 70 * right, 0)


def test_the_first_query_is_the_start(net, images, labels):
    right = net.predict(images) == labels
    moved = Square(eps=0.1, queries=1).run(net, images, labels)[right]
    ball = LinfMoves(torch.from_numpy(images[right]), 0.1)._corners.view(2, -1, 1, 6, 6).numpy()
    high, low = moved == ball[1], moved == ball[0]
    assert (high | low).all()
    assert (high.all(axis=2) | low.all(axis=2)).all()


def test_more_queries_and_restarts_never_help_the_defender(net, images, labels):
    shares = [resisting(Square(eps=0.05, queries=q), net, images, labels).mean() for q in (1, 30, 1000)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1]
    once, twice = (resisting(Square(eps=0.05, queries=20, restarts=r), net, images, labels) for r in (1, 4))
    assert (twice <= once).all()
    assert twice.sum() < once.sum()


def test_square_finds_nearly_what_gradients_find(net, images, labels):
    # In L2 the least bump has 3 x 3 pixels, much in an image of 6 x 6.
    for norm, eps, more in (("linf", 0.05, 2), ("l2", 0.2, 9)):
        guided = resisting(PGD(eps=eps, norm=norm, loss="cw", restarts=3), net, images, labels).sum()
        blind = resisting(Square(eps=eps, norm=norm, queries=1000), net, images, labels).sum()
        assert guided - 1 <= blind <= guided + more, norm


def test_targets_are_reached_and_are_harder(net, images, labels):
    right = net.predict(images) == labels
    moved = Square(eps=0.2, queries=300, target=2).run(net, images, labels)
    reached = net.predict(moved) == 2
    aimed = right & (labels != 2)
    assert reached[aimed].mean() > 0.2
    assert np.array_equal(moved[right & (labels == 2)], images[right & (labels == 2)])
    anything = ~resisting(Square(eps=0.2, queries=300), net, images, labels)
    assert reached[aimed].sum() <= anything[aimed].sum()


def test_patience_gives_up_on_the_hopeless_only(net, images, labels):
    def run(patience):
        before = net.passes.snapshot()
        robust = resisting(Square(eps=0.04, queries=800, patience=patience), net, images, labels)
        return robust, (net.passes - before).forwards

    full, all_passes = run(None)
    hurried, few = run(0.0)
    patient, passes = run(3.0)
    assert few < passes < all_passes
    assert (hurried >= full).all()
    assert patient.sum() <= full.sum() + 1
    # Without hope for any progress nothing goes on after the first checkpoint.
    assert few < 60 * 2 + 60 * 800 / 16 + 1


def test_scores_without_gradients_will_do(net, images, labels):
    def probabilities(pixels):
        return net.probabilities(pixels)

    black_box = load_classifier(probabilities, outputs="probabilities", input_shape=(1, 6, 6), num_classes=5)
    found = resisting(Square(eps=0.05, queries=200), black_box, images, labels)
    assert abs(found.sum() - resisting(Square(eps=0.05, queries=200), net, images, labels).sum()) <= 3
    with pytest.raises(CapabilityError, match="square-guided"):
        GuidedSquare(eps=0.1).run(black_box, images, labels)


class Rounded(torch.nn.Module):
    """Sees a pixel only in 32 levels by its value, but not at all by its gradient."""

    def __init__(self, quiet):
        super().__init__()
        self.quiet = quiet

    def forward(self, pixels):
        return self.quiet((pixels * 32).round() / 32)


def test_masked_gradients_do_not_hinder(make_net, images):
    classifier = load_classifier(Rounded(make_net()))
    labels = classifier.predict(images)
    assert resisting(PGD(eps=0.1, random_start=False), classifier, images, labels).all()
    assert resisting(Square(eps=0.1, queries=300), classifier, images, labels).mean() < 0.3


def test_the_guided_search_starts_where_the_gradients_end(net, images, labels):
    right = int((net.predict(images) == labels).sum())
    before = net.passes.snapshot()
    robust = resisting(GuidedSquare(eps=1e-6, steps=4, queries=30), net, images, labels)
    spent = net.passes - before
    assert robust.sum() == right
    assert (spent.forwards, spent.backwards) == (60 + 60 + (5 + 30) * right, 4 * right)
    gradient_only = resisting(PGD(eps=0.05, steps=4), net, images, labels).sum()
    assert resisting(GuidedSquare(eps=0.05, steps=4, queries=100), net, images, labels).sum() <= gradient_only


@given(st.floats(1e-6, 1), st.integers(1, 40), st.integers(1, 40))
def test_squares_fit_into_the_image(share, height, across):
    size = square_size(share, height, across)
    assert 1 <= size <= min(height, across)
    ends = torch.tensor([[0.0, 0.0], [np.nextafter(1, 0)] * 2], dtype=torch.float64)
    places = windows(ends, size, height, across)
    assert places.shape == (2, size * size)
    assert places[0, 0] == 0
    assert places[1, -1] == height * across - 1


def test_the_schedule_is_the_published_one():
    # Andriushchenko et al. 2020, section 5: halved after 10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000 of 10,000.
    attack = Square(eps=0.1, queries=10_000, p_init=0.8)
    for query, halvings in ((0, 0), (10, 0), (11, 1), (51, 2), (201, 3), (501, 4), (1001, 5), (8000, 8), (8001, 9)):
        assert attack._share(query) == 0.8 / 2**halvings
    assert Square(eps=0.1, queries=5000)._share(26) == 0.2


@given(st.integers(1, 30))
def test_bumps_have_unit_norm_and_two_signs(size):
    shape = bump(size)
    assert shape.shape == (size, size)
    assert float(shape.norm()) == pytest.approx(1, abs=1e-5)
    assert (shape[: size // 2] > 0).all()
    assert (shape[size // 2 :] < 0).all()


def test_a_hill_has_the_published_heights():
    # Eq. 2: sum_{k = d}^{n} 1 / (k + 1) ** 2 at a distance d from the middle: in the lower half of a 3 x 3 bump, with
    # n = 1, it is 1.25 and 0.25; in the upper half (3 x 6) of a 6 x 6 bump, with n = 3, 205/144, 61/144 and 25/144.
    assert float(bump(3)[2, 1] / bump(3)[2, 0]) == pytest.approx(1.25 / 0.25)
    assert float(bump(6)[1, 3] / bump(6)[1, 2]) == pytest.approx(205 / 61)
    assert float(bump(6)[1, 2] / bump(6)[1, 1]) == pytest.approx(61 / 25)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_what_was_no_better_is_taken_back(images, norm):
    pixels = torch.from_numpy(images)
    moves = MOVES[norm](pixels, 0.3)
    generator = torch.Generator().manual_seed(0)
    start = moves.published_start(torch.rand(60, *moves.start_shape, generator=generator, dtype=torch.float64))
    moves.begin(start)
    moves.settle(torch.ones(60, dtype=torch.bool))
    for share in (0.5, 0.05):
        before = moves.points.clone()
        draws = torch.rand(60, moves.width(share), generator=generator, dtype=torch.float64)
        proposed = moves.propose(draws, share).clone()
        assert (proposed != before).flatten(1).any(dim=1).sum() >= 50
        better = torch.arange(60) % 3 == 0
        moves.settle(better)
        assert torch.equal(moves.points, torch.where(better[:, None, None, None], proposed, before))


def test_l2_uses_its_whole_budget():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.full((8, 3, 12, 12), 0.5)
    moves = L2Moves(pixels, 1.0)
    moves.begin(moves.published_start(torch.rand(8, *moves.start_shape, generator=generator, dtype=torch.float64)))
    for _ in range(30):
        moves.settle(torch.ones(8, dtype=torch.bool))
        points = moves.propose(torch.rand(8, moves.width(0.1), generator=generator, dtype=torch.float64), 0.1)
        lengths = (points - pixels).flatten(1).norm(dim=1)
        assert lengths.min() > 0.999
        assert lengths.max() <= 1.0


def test_every_square_changes_something():
    pixels = torch.full((50, 1, 6, 6), 0.5)
    moves = LinfMoves(pixels, 0.1)
    moves.begin(moves.published_start(torch.zeros(50, 1, 6, dtype=torch.float64)))
    moves.settle(torch.ones(50, dtype=torch.bool))
    before = moves.points.clone()
    draws = torch.rand(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert (moves.propose(draws, 0.1) != before).flatten(1).any(dim=1).all()


@pytest.mark.parametrize(("norm", "eps"), [("Linf", 0.1), ("L2", 1.5)])
def test_it_is_not_weaker_than_a_peer(norm, eps):
    from example_models.lenet5 import load

    module, data = load(), load_dataset("mnist-5k", n=40)
    images, labels = data.pixels(), data.labels.copy()
    ours = resisting(Square(eps=eps, norm=norm.lower(), queries=200), load_classifier(module), images, labels).mean()
    with torch.random.fork_rng():
        attack = torchattacks.Square(module, norm=norm, eps=eps, n_queries=200, seed=0)
        moved = attack(torch.from_numpy(images), torch.from_numpy(labels))
    with torch.no_grad():
        theirs = float((module(moved).argmax(dim=1).numpy() == labels).mean())
    assert ours <= theirs + 0.02


@pytest.mark.parametrize(
    "options", [{"queries": 0}, {"queries": 1.5}, {"restarts": 0}, {"p_init": 0}, {"p_init": 1.1}, {"patience": -1.0}]
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ParameterError, match=next(iter(options))):
        Square(eps=0.1, **options)
    with pytest.raises(ParameterError, match="steps"):
        GuidedSquare(eps=0.1, steps=0)
