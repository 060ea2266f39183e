from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_robustness.attacks import FGSM, PGD
from pytest_robustness.attacks.balls import LinfBall
from pytest_robustness.attacks.batch import Batch
from pytest_robustness.attacks.pgd import climb
from pytest_robustness.errors import ParameterError


def resisting(attack, classifier, images, labels, **options):
    return classifier.predict(attack.run(classifier, images, labels, **options)) == labels


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(("random_start", "reach"), [(False, 0.99), (True, 0.95)])
def test_a_linear_classifier_falls_beyond_its_margin(linear, norm, random_start, reach):
    needed = linear.needed[norm]
    eps = float(np.median(needed))
    attack = PGD(eps=eps, norm=norm, steps=100, random_start=random_start)
    robust = resisting(attack, linear.classifier, linear.images, linear.labels)
    assert robust[needed > eps * 1.0001].all()
    assert not robust[needed < eps * reach].any()


def test_fooled_samples_leave_the_batch(net, images, labels):
    right = int((net.predict(images) == labels).sum())
    steps = 20
    before = net.passes.snapshot()
    robust = resisting(PGD(eps=0.15, steps=steps), net, images, labels).sum()
    spent = net.passes - before
    assert 0 < robust < right
    # Those that resist take every step; those that fall do not. Before and after: one pass to see which are right each.
    assert robust * steps < spent.backwards < right * steps
    assert spent.forwards < 2 * len(images) + right * (steps + 1)


def test_the_cost_of_resisting_is_exact(net, images, labels):
    right = int((net.predict(images) == labels).sum())
    before = net.passes.snapshot()
    PGD(eps=1e-6, steps=7).run(net, images, labels)
    spent = net.passes - before
    assert (spent.forwards, spent.backwards) == (60 + 8 * right, 7 * right)


def test_a_found_point_is_not_lost_by_later_steps(net, images, labels):
    # Whatever fooled the classifier when it left the batch still does.
    right = net.predict(images) == labels
    ball = LinfBall.around(torch.from_numpy(images[right]), 0.2)
    with net.differentiable() as forward:
        truth = torch.from_numpy(labels[right])
        points = torch.from_numpy(images[right])
        batch = Batch(images=points, labels=truth, ball=ball, ids=np.flatnonzero(right), seed=0)
        ends, fooled = climb(forward, batch, points, steps=10, size=0.05)
    assert 0 < fooled.sum() < len(fooled)
    assert np.array_equal(net.predict(ends.numpy()) != labels[right], fooled.numpy())


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_restarts_never_help_the_defender(net, images, labels, norm):
    eps = {"linf": 0.06, "l2": 0.3}[norm]
    counts = [
        resisting(PGD(eps=eps, norm=norm, steps=2, restarts=restarts), net, images, labels) for restarts in (1, 2, 5)
    ]
    assert (counts[1] <= counts[0]).all()
    assert (counts[2] <= counts[1]).all()


def test_a_later_restart_works_on_the_rest_only(net, images, labels):
    right = int((net.predict(images) == labels).sum())
    attack = PGD(eps=1e-6, steps=3, restarts=4)
    before = net.passes.snapshot()
    attack.run(net, images, labels)
    assert (net.passes - before).backwards == 4 * 3 * right
    before = net.passes.snapshot()
    PGD(eps=1.0, steps=3, restarts=50, step_size=1.0).run(net, images, labels)
    assert (net.passes - before).backwards < 50 * 3 * right


def test_every_restart_starts_elsewhere(net, images, labels):
    starts = [
        PGD(eps=0.001, steps=1, step_size=1e-9, restarts=restarts).run(net, images, labels) for restarts in (1, 2, 3)
    ]
    for a, b in ((0, 1), (1, 2), (0, 2)):
        assert (starts[a] != starts[b]).any(axis=(1, 2, 3)).sum() > 40


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_larger_ball_is_not_safer(net, images, labels, norm):
    radii = {"linf": (0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0), "l2": (0.0, 0.1, 0.3, 0.6, 1.0, 2.0, 6.0)}[norm]
    shares = [resisting(PGD(eps=eps, norm=norm, steps=20), net, images, labels).mean() for eps in radii]
    assert shares[0] == (net.predict(images) == labels).mean()
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.1


def test_pgd_is_not_weaker_than_fgsm(net, images, labels):
    single = resisting(FGSM(eps=0.08), net, images, labels).mean()
    assert resisting(PGD(eps=0.08), net, images, labels).mean() <= single


def test_the_start_follows_the_seed_and_the_id(net, images, labels):
    attack = PGD(eps=0.01, steps=1, step_size=1e-9)
    first, again, other = (attack.run(net, images, labels, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, attack.run(net, images, labels, ids=np.arange(60) + 1))
    fixed = PGD(eps=0.01, steps=1, step_size=1e-9, random_start=False)
    assert np.array_equal(fixed.run(net, images, labels, seed=0), fixed.run(net, images, labels, seed=1))


def test_the_step_has_a_default_of_two_and_a_half_radii_in_all(net, images, labels):
    default = PGD(eps=0.1, steps=10).run(net, images, labels)
    assert np.array_equal(default, PGD(eps=0.1, steps=10, step_size=0.025).run(net, images, labels))
    assert not np.array_equal(default, PGD(eps=0.1, steps=10, step_size=0.02).run(net, images, labels))


@pytest.mark.parametrize(
    "options", [{"steps": 0}, {"steps": 2.5}, {"restarts": 0}, {"step_size": 0.0}, {"step_size": -1}, {"steps": True}]
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ParameterError, match=next(iter(options))):
        PGD(eps=0.1, **options)
