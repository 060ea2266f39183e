from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pytest_robustness.attacks.apgd import APGD, APGDCE, APGDDLR, APGDT, likeliest
from pytest_robustness.attacks.autostep import _resigned, ascend, checkpoints, hopeless
from pytest_robustness.attacks.balls import BALLS
from pytest_robustness.attacks.batch import Batch, Record
from pytest_robustness.attacks.climber import Climb, Rules
from pytest_robustness.attacks.losses import LOSSES, margin
from pytest_robustness.attacks.pgd import PGD
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import load_dataset
from pytest_robustness.errors import ParameterError

EPS = {"linf": 0.06, "l2": 0.3}


def resisting(attack, classifier, images, labels, **options):
    return classifier.predict(attack.run(classifier, images, labels, **options)) == labels


def spent(attack, classifier, images, labels):
    before = classifier.passes.snapshot()
    attack.run(classifier, images, labels)
    return classifier.passes - before


def batch_of(images, labels, norm="linf", eps=0.1):
    points = torch.from_numpy(images)
    ball = BALLS[norm].around(points, eps)
    return Batch(images=points, labels=torch.from_numpy(labels), ball=ball, ids=np.arange(len(images)), seed=0)


# --- closed forms ---


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("loss", ["ce", "dlr"])
def test_a_linear_classifier_falls_at_its_exact_margin(linear, norm, loss):
    """Not with "cw": the margin sees one other class at a time, and may rest at the top of one that is too far."""
    needed = linear.needed[norm]
    eps = float(np.median(needed))
    attack = APGD(eps=eps, norm=norm, loss=loss)
    robust = resisting(attack, linear.classifier, linear.images, linear.labels)
    assert robust[needed > eps * 1.0001].all()
    assert not robust[needed < eps * 0.99].any()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("options", [{}, {"noise": 0.1}, {"patience": 0.5}])
def test_so_it_does_with_targets(linear, norm, options):
    """With fewer classes than the ratio names (two of three, four) there is another loss."""
    needed = linear.needed[norm]
    eps = float(np.median(needed))
    attack = APGDT(eps=eps, norm=norm, steps=50, **options)
    robust = resisting(attack, linear.classifier, linear.images, linear.labels)
    assert robust[needed > eps * 1.0001].all()
    assert not robust[needed < eps * 0.99].any()


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("attack", [APGDDLR, APGDT])
def test_the_ratio_is_not_constant_with_few_classes(make_net, images, classes, attack):
    net = load_classifier(make_net(classes=classes))
    labels = net.predict(images)
    left = resisting(attack(eps=0.2, steps=20), net, images, labels).mean()
    assert left <= resisting(PGD(eps=0.2, steps=20, loss="cw"), net, images, labels).mean() + 0.05
    # From the random start alone, which a constant loss never leaves:
    assert left < resisting(attack(eps=0.2, steps=1, rho=0.0), net, images, labels).mean() - 0.1 or left < 0.5


def test_the_steps_are_those_of_the_paper(net, images, labels):
    """Algorithm 1 for one sample, written out with numpy and its two conditions; every iterate must be the same."""
    seen = []
    row = int(np.flatnonzero(net.predict(images) == labels)[3])
    batch = batch_of(images[row : row + 1], labels[row : row + 1], eps=0.02)
    start = batch.ball.random(batch.ids, seed=0, stream="x", index=0)
    with net.differentiable() as forward:

        def watched(points):
            seen.append(points.detach().clone())
            return forward(points)

        def value_and_slope(point):
            point = point.clone().requires_grad_()
            value = LOSSES["ce"](forward(point), batch.labels, None)
            return value.item(), torch.autograd.grad(value.sum(), point)[0]

        rules = Rules(steps=30, size=0.04, loss=LOSSES["ce"], norm="linf")
        _, fooled = ascend(watched, batch, None, start, rules)
        assert not fooled.any()
        before = here = best = start
        size, marks = 0.04, [6, 11, 15, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]
        value, slope = value_and_slope(start)
        top, best_slope, checked, halved, rises, since = value, slope, value, True, 0, 0
        for step in range(30):
            ahead = batch.ball.project(here + size * slope.sign())
            if step:
                ahead = batch.ball.project(here + 0.75 * (ahead - here) + 0.25 * (here - before))
            before, here = here, ahead
            assert torch.allclose(seen[step + 1], here, atol=1e-6)
            new, slope = value_and_slope(here)
            rises, since, value = rises + (new > value), since + 1, new
            if new > top:
                top, best, best_slope = new, here, slope
            if step + 1 in marks:
                halve = rises < 0.75 * since or (not halved and top == checked)
                if halve:
                    size, here, slope, value = size / 2, best, best_slope, top
                halved, checked, rises, since = halve, top, 0, 0
    assert size < 0.04


def test_checkpoints_are_those_of_the_paper():
    # Section 3.2: p = 0.22, 0.41, 0.57, 0.70, 0.80, 0.87, 0.93, 0.99.
    assert sorted(checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    # With few steps the distances are rounded down, as in the authors' code.
    assert sorted(checkpoints(10)) == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert sorted(checkpoints(50)) == [11, 21, 30, 38, 45]
    assert checkpoints(1) == {1}


# --- ball, starts, invariance ---


@settings(max_examples=25)
@given(
    options=st.fixed_dictionaries(
        {
            "norm": st.sampled_from(["linf", "l2"]),
            "eps": st.floats(0, 1),
            "steps": st.integers(1, 6),
            "noise": st.sampled_from([0.0, 0.3]),
            "targets": st.sampled_from([0, 2]),
        }
    ),
    seed=st.integers(0, 5),
)
def test_every_image_lies_in_the_ball_and_in_the_bounds(net, images, labels, options, seed):
    norm, eps = options["norm"], options["eps"]
    moved = APGD(**options).run(net, images, labels, seed=seed)
    assert moved.dtype == np.float32
    assert moved.min() >= 0
    assert moved.max() <= 1
    order = np.inf if norm == "linf" else 2
    difference = moved.astype(np.float64) - images.astype(np.float64)
    assert np.linalg.norm(difference.reshape(60, -1), ord=order, axis=1).max() <= eps


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_it_starts_on_the_edge(net, images, labels, norm):
    grey = np.full_like(images, 0.5)
    start = APGD(eps=0.2, norm=norm)._start(batch_of(grey, labels, norm, 0.2), 0).numpy()
    order = np.inf if norm == "linf" else 2
    lengths = np.linalg.norm((start - grey).reshape(60, -1).astype(np.float64), ord=order, axis=1)
    assert lengths == pytest.approx(0.2, rel=1e-5)
    other = APGD(eps=0.2, norm=norm)._start(batch_of(grey, labels, norm, 0.2), 1).numpy()
    assert (start != other).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize(
    "attack",
    [
        APGD(eps=0.06, steps=12, noise=0.2, restarts=2),
        APGD(eps=0.3, norm="l2", steps=12, patience=0.5),
        APGDT(eps=0.06, steps=12, targets=3, noise=0.1, patience=0.6),
    ],
)
def test_neither_batch_size_nor_order_matters(net, images, labels, attack):
    ids = np.arange(60) + 7
    whole = attack.run(net, images, labels, ids=ids)
    order = np.random.default_rng(0).permutation(60)
    parts = attack.run(net, images[order], labels[order], ids=ids[order], batch_size=7)
    # The rounding of the network differs with the batch, and with it now and then the sign of a tiny slope.
    same = np.isclose(parts, whole[order], atol=1e-4).all(axis=(1, 2, 3))
    assert same.mean() > 0.9
    assert (net.predict(whole[order]) == net.predict(parts)).mean() > 0.98


def test_in_float64_they_do_not_matter_at_all(make_net, images):
    class Exact(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = make_net().double()

        def forward(self, points):
            return torch.stack([self.net(point[None].double())[0] for point in points])

    net = load_classifier(Exact())
    labels = net.predict(images)
    attack = APGDT(eps=0.06, steps=10, targets=2, noise=0.1, patience=0.6)
    whole = attack.run(net, images, labels, seed=4)
    assert np.array_equal(whole, attack.run(net, images, labels, seed=4, batch_size=9))
    assert np.array_equal(whole[30:], attack.run(net, images[30:], labels[30:], seed=4, ids=np.arange(30, 60)))
    assert not np.array_equal(whole, attack.run(net, images, labels, seed=5))


# --- passes ---


def test_the_cost_of_resisting_is_exact(net, images, labels):
    right = int((net.predict(images) == labels).sum())
    counts = spent(APGD(eps=1e-6, steps=7, restarts=3), net, images, labels)
    assert (counts.forwards, counts.backwards) == (60 + 3 * 8 * right, 3 * 7 * right)
    counts = spent(APGDT(eps=1e-6, steps=7, targets=3, restarts=2), net, images, labels)
    assert (counts.forwards, counts.backwards) == (60 + right + 6 * 8 * right, 6 * 7 * right)
    # Five classes have four wrong ones.
    assert spent(APGDT(eps=1e-6, steps=2), net, images, labels).backwards == 4 * 2 * right


def test_fooled_samples_leave_the_batch(net, images, labels):
    right = int((net.predict(images) == labels).sum())
    counts = spent(APGD(eps=0.5, steps=50, restarts=20), net, images, labels)
    assert counts.backwards < 5 * right


def test_one_step_is_allowed(net, images, labels):
    robust = resisting(APGD(eps=0.1, steps=1), net, images, labels)
    assert robust.sum() < (net.predict(images) == labels).sum()


def test_what_resists_is_returned_at_its_best(net, images, labels):
    """The point with the highest loss that was seen, not the last one."""
    # The half that is farthest from another class, and a radius so small that nobody falls: all stay in the batch.
    scores = np.sort(net.logits(images), axis=1)
    right = (net.predict(images) == labels) & (scores[:, -1] - scores[:, -2] > np.median(scores[:, -1] - scores[:, -2]))
    batch = batch_of(images[right], labels[right], eps=1e-3)
    tops = torch.full((len(batch),), -torch.inf)
    with net.differentiable() as forward:

        def watched(points):
            logits = forward(points)
            tops.copy_(torch.maximum(tops, LOSSES["ce"](logits, batch.labels, None).detach()))
            return logits

        rules = Rules(steps=9, size=2e-3, loss=LOSSES["ce"], norm="linf")
        found, fooled = ascend(watched, batch, None, batch.images, rules)
        assert not fooled.any()
        assert torch.allclose(LOSSES["ce"](forward(found), batch.labels, None), tops)


# --- patience ---


def test_the_hopeless_are_those_with_most_of_their_lead_left():
    lead, first = torch.tensor([0.1, 0.3, 0.1, 0.0]), torch.tensor([1.0, 1.0, 0.1, 0.0])
    # Half of the steps are left: a quarter of the patience is the bound.
    assert hopeless(lead, first, left=0.5, patience=1.0).tolist() == [False, True, True, False]
    assert hopeless(1000 * lead, 1000 * first, left=0.5, patience=1.0).tolist() == [False, True, True, False]
    assert hopeless(lead, first, left=0.5, patience=8.0).tolist() == [False] * 4


def test_patience_saves_passes_and_hardly_a_kill(net, images, labels):
    plain, patient = APGD(eps=0.06), APGD(eps=0.06, patience=0.5)
    left = [int(resisting(attack, net, images, labels).sum()) for attack in (plain, patient)]
    cost = [spent(attack, net, images, labels).backwards for attack in (plain, patient)]
    assert 5 < left[0] <= left[1] <= left[0] + 1
    assert cost[1] < 0.5 * cost[0]
    # Nobody leaves whose bound is out of reach: then it is the plain attack, to the bit.
    endless = APGD(eps=0.06, steps=20, patience=1e9)
    assert np.array_equal(
        endless.run(net, images, labels), dataclasses.replace(endless, patience=None).run(net, images, labels)
    )


def test_without_patience_all_leave_at_the_first_doubt(net, images, labels):
    right = int((net.predict(images) == labels).sum())
    counts = spent(APGD(eps=1e-6, steps=100, patience=0.0), net, images, labels)
    # The start and five steps.
    assert (counts.forwards - 60, counts.backwards) == (6 * right, 6 * right)


def stub(**rows):
    """A climb of four samples whose numbers are given; what is not, is neutral."""
    zeros = torch.zeros(4)
    points = torch.zeros(4, 1, 2, 2)
    images = np.zeros((4, 1, 2, 2), dtype=np.float32)
    fields = {name: points.clone() for name in ("points", "before", "gradient", "best", "best_gradient")}
    fields |= {name: zeros.clone() for name in ("value", "top", "top_checked", "rises", "lead", "first_lead")}
    fields |= {"size": torch.ones(4, 1, 1, 1), "halved": zeros.bool(), "fell": zeros.bool(), "aims": None}
    return Climb(batch=batch_of(images, np.zeros(4, dtype=np.int64)), **(fields | rows))


def test_a_step_is_halved_by_either_condition_of_the_paper():
    # Few rises; no better since the last checkpoint; neither; no better, but halved at the last one already.
    climb = stub(
        rises=torch.tensor([2.0, 9, 9, 9]),
        top=torch.tensor([1.0, 0, 1, 0]),
        halved=torch.tensor([False, False, False, True]),
    )
    climb.check(7.5)
    assert climb.size.flatten().tolist() == [0.5, 0.5, 1, 1]
    assert climb.halved.tolist() == [True, True, False, False]
    assert climb.rises.tolist() == [0] * 4


def test_the_hopeless_leave_with_their_best_point_and_the_fallen_with_theirs():
    climb = stub(best=torch.full((4, 1, 2, 2), 0.7))
    record = Record(climb.batch)
    record._add(torch.full((4, 1, 2, 2), 0.2), torch.tensor([True, False, False, False]))
    # The first has fallen and is still carried along, the second is hopeless.
    rows = _resigned(climb, record, torch.tensor([True, True, False, False]))
    assert rows.tolist() == record.rows.tolist() == [2, 3]
    assert record.images[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.7, 0, 0])
    assert record.fooled.tolist() == [True, False, False, False]
    assert _resigned(climb, Record(climb.batch), torch.zeros(4, dtype=torch.bool)) is None


def test_a_last_point_that_fools_is_kept_though_its_loss_is_lower():
    """With a target of the loss other than what counts as success the two may differ."""
    climb = stub(points=torch.full((4, 1, 2, 2), 0.5), top=torch.full((4,), 9.0))
    climb.look_last(
        lambda points: torch.tensor([[0.0, 1.0]] * 2 + [[1.0, 0.0]] * 2),
        Rules(steps=1, size=1.0, loss=LOSSES["cw"], norm="linf"),
    )
    assert climb.fell.tolist() == [True, True, False, False]
    assert climb.best[:, 0, 0, 0].tolist() == [0.5, 0.5, 0, 0]


def test_every_climb_has_noise_of_its_own(net, images, labels):
    batch = batch_of(images, labels, eps=0.02)
    rules = Rules(steps=1, size=0.04, loss=LOSSES["ce"], norm="linf", noise=1.0)
    with net.differentiable() as forward:
        ends = [ascend(forward, batch, None, batch.images, rules, index=index).images for index in (0, 0, 1)]
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])
    start = dataclasses.replace(APGD(eps=0.02, steps=1, noise=1.0), restarts=2)
    with pytest.MonkeyPatch.context() as patch:
        seen = []
        patch.setattr("pytest_robustness.attacks.apgd.ascend", lambda *a, index: seen.append(index) or ascend(*a))
        start.run(net, images, labels)
    assert seen == [0, 1]


# --- strength ---


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_it_is_not_weaker_than_pgd(net, images, labels, norm):
    single = resisting(PGD(eps=EPS[norm], norm=norm, steps=50), net, images, labels).sum()
    assert resisting(APGD(eps=EPS[norm], norm=norm, steps=50), net, images, labels).sum() <= single


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_restarts_and_targets_never_help_the_defender(net, images, labels, norm):
    def left(**options):
        return resisting(APGD(eps=EPS[norm], norm=norm, steps=3, **options), net, images, labels)

    assert (left(restarts=4) <= left(restarts=2)).all()
    assert (left(restarts=2) <= left()).all()
    assert (left(targets=3) <= left(targets=1)).all()


def test_a_larger_ball_is_not_safer(net, images, labels):
    shares = [resisting(APGD(eps=eps, steps=20), net, images, labels).mean() for eps in (0, 0.02, 0.05, 0.1, 0.2, 0.5)]
    assert shares[0] == (net.predict(images) == labels).mean()
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.1


def test_noise_moves_the_pixels_without_a_slope(images):
    still = APGD(eps=0.1, steps=5)
    noisy = dataclasses.replace(still, noise=0.1)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    with torch.no_grad():
        flat[1].weight.zero_()
        flat[1].weight[0, 0] = 1.0
        flat[1].bias.copy_(torch.tensor([5.0, 0.0]))
    net = load_classifier(flat)
    labels = net.predict(images)
    # The start is random; without noise only the one pixel with a slope leaves it.
    start = still._start(batch_of(images, labels), 0).numpy()
    moved = [(attack.run(net, images, labels) != start).reshape(60, 36).mean(axis=0) for attack in (still, noisy)]
    assert (moved[0][1:] == 0).all()
    assert (moved[1][1:] > 0.5).all()


@pytest.fixture(scope="module")
def lenet():
    from example_models.lenet5 import load

    return load()


@pytest.fixture(scope="module")
def digits():
    data = load_dataset("mnist-5k", n=200)
    return data.pixels(), data.labels.copy()


def by_torchattacks(name, module, images, labels, **options):
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        import torchattacks

        attack = getattr(torchattacks, name)(module, **options)
        moved = attack(torch.from_numpy(images), torch.from_numpy(labels))
    with torch.no_grad():
        return (module(moved).argmax(dim=1).numpy() == labels).mean()


@pytest.mark.parametrize(
    ("attack", "theirs", "options"),
    [
        (APGD(eps=0.1, steps=20), "APGD", {"norm": "Linf", "loss": "ce"}),
        (APGD(eps=0.1, steps=20, loss="dlr"), "APGD", {"norm": "Linf", "loss": "dlr"}),
        (APGD(eps=1.0, steps=20, norm="l2"), "APGD", {"norm": "L2", "loss": "ce"}),
        (APGDT(eps=0.1, steps=20, targets=4), "APGDT", {"norm": "Linf", "n_classes": 5}),
    ],
    ids=["ce", "dlr", "l2", "targets"],
)
def test_it_is_as_strong_as_the_others(lenet, digits, attack, theirs, options):
    """Two seeds of ours: the start alone moves a run by some five of two hundred images, as it does theirs."""
    images, labels = digits
    net = load_classifier(lenet)
    ours = np.mean([resisting(attack, net, images, labels, seed=seed) for seed in (0, 1)])
    other = by_torchattacks(theirs, lenet, images, labels, eps=attack.eps, steps=attack.steps, **options)
    assert ours <= other + 0.025
    assert ours == pytest.approx(other, abs=0.05)


def test_noise_and_patience_lose_nothing_on_a_plain_network(lenet, digits):
    net = load_classifier(lenet)
    plain, fast = APGD(eps=0.1, steps=50), APGD(eps=0.1, steps=50, noise=0.1, patience=0.5)
    left = [resisting(attack, net, *digits).mean() for attack in (plain, fast)]
    cost = [spent(attack, net, *digits).backwards for attack in (plain, fast)]
    assert left[1] <= left[0] + 0.025
    assert cost[1] < 0.7 * cost[0]


# --- targets, names, options ---


def test_a_target_is_what_has_to_be_predicted(net, images, labels):
    attack = APGD(eps=0.3, steps=30, target=2)
    moved = attack.run(net, images, labels)
    right = net.predict(images) == labels
    reached = net.predict(moved) == 2
    assert reached[right & (labels != 2)].mean() > 0.5
    assert np.array_equal(moved[right & (labels == 2)], images[right & (labels == 2)])


def test_several_targets_count_any_wrong_class(net, images, labels):
    right = net.predict(images) == labels
    result = APGDT(eps=0.1, steps=20).search(net, images[right], labels[right], ids=np.flatnonzero(right), seed=0)
    assert np.array_equal(net.predict(result.images) != labels[right], result.fooled)
    assert 0 < result.fooled.sum() < len(result.fooled)


def test_targets_go_from_the_likeliest_down(net, images, labels):
    right = net.predict(images) == labels
    batch = batch_of(images[right], labels[right])
    scores = net.logits(images[right]).astype(np.float64)
    scores[np.arange(len(scores)), labels[right]] = -np.inf
    with net.differentiable() as forward:
        assert np.array_equal(likeliest(forward, batch, 9).numpy(), np.argsort(-scores, axis=1)[:, :4])
        assert np.array_equal(likeliest(forward, batch, 2).numpy(), np.argsort(-scores, axis=1)[:, :2])


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (APGDCE(eps=0.05, steps=9), APGD(eps=0.05, steps=9)),
        (APGDDLR(eps=0.05, steps=9), APGD(eps=0.05, steps=9, loss="dlr")),
        (APGDT(eps=0.05, steps=9), APGD(eps=0.05, steps=9, targets=9)),
        (APGD(eps=0.05, steps=9, targets=9), APGD(eps=0.05, steps=9, targets=9, loss="dlr")),
    ],
)
def test_short_names_are_the_same_attacks(net, images, labels, short, long):
    assert np.array_equal(short.run(net, images, labels), long.run(net, images, labels))
    assert APGDT(eps=0.1).name == "apgd-t"
    assert (APGDCE(eps=0.1).name, APGDDLR(eps=0.1).name, APGD(eps=0.1).name) == ("apgd-ce", "apgd-dlr", "apgd")


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"steps": 2.5},
        {"restarts": 0},
        {"rho": -1},
        {"noise": -0.1},
        {"noise": float("nan")},
        {"patience": -1.0},
        {"targets": -1},
        {"loss": "hinge"},
        {"norm": "l0"},
        {"target": 2, "targets": 3},
    ],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ParameterError, match=next(iter(options))):
        APGD(**{"eps": 0.1} | options)


def test_the_targeted_form_needs_targets():
    with pytest.raises(ParameterError, match="targets"):
        APGDT(eps=0.1, targets=0)
    with pytest.raises(ParameterError, match="target"):
        APGDT(eps=0.1, target=3)


def test_the_margin_of_the_lead_is_that_of_the_aim():
    logits, labels = torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0])
    assert margin(logits, labels).item() == -1
    assert margin(logits, labels, torch.tensor([1])).item() == -2
