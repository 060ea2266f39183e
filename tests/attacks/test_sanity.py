from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pytest_robustness.attacks import FGSM, PGD
from pytest_robustness.attacks.averaged import Averaged
from pytest_robustness.attacks.sanity import (
    CHECKS,
    Probe,
    faults,
    outside,
    probe,
    unconfirmed,
    unmoved,
    work_faults,
    zero_gradients,
)
from pytest_robustness.attacks.square import Square
from pytest_robustness.attacks.through import StraightThrough
from pytest_robustness.classifiers import load_classifier
from tests.attacks.masked import Around, BatchNormalised, one_hot, quantised, shattered


def robust_accuracy(classifier, images, labels):
    return (classifier.predict(PGD(eps=0.09, steps=20).run(classifier, images, labels)) == labels).mean()


# -- gradients that are zero --------------------------------------------------------------------------------------


def test_an_honest_network_has_gradients(net, images, labels):
    found = zero_gradients(net, images, labels)
    assert found.shape == (60,)
    assert found.dtype == np.bool_
    assert not found.any()


@pytest.mark.parametrize("before", [quantised(16), lambda pixels: pixels.detach()])
def test_a_cut_path_shows(make_net, images, labels, before):
    assert zero_gradients(load_classifier(Around(make_net(), before=before)), images, labels).all()


def test_only_the_samples_without_a_gradient_are_named(make_net, images, labels):
    bright = torch.from_numpy(images).flatten(1).mean(dim=1) > 0.5

    def before(pixels):
        return torch.where(pixels.detach().flatten(1).mean(dim=1)[:, None, None, None] > 0.5, pixels.detach(), pixels)

    found = zero_gradients(load_classifier(Around(make_net(), before=before)), images, labels, batch_size=7)
    assert np.array_equal(found, bright.numpy())
    assert 5 < found.sum() < 55


def test_probabilities_that_saturated_show(make_net, images):
    net = Around(make_net(), after=lambda logits: (1e6 * logits).softmax(dim=1))
    classifier = load_classifier(net, outputs="probabilities")
    labels = classifier.predict(images)
    assert zero_gradients(classifier, images, labels).mean() > 0.9


@pytest.mark.parametrize("factor", [100, 1000, 1e6])
def test_large_logits_mask_nothing(make_net, net, images, labels, factor):
    """In float32 the cross-entropy of such logits has no gradient; other tools then report full robustness."""
    loud = load_classifier(Around(make_net(), after=lambda logits: factor * logits))
    assert not zero_gradients(loud, images, labels).any()
    # Its decisions are those of the quiet model; only the weights of the wrong classes in the gradient are sharper.
    quiet = robust_accuracy(net, images, labels)
    assert 0.1 < quiet < 0.6
    assert robust_accuracy(loud, images, labels) <= quiet + 0.05


def test_no_images_no_gradients(net):
    assert zero_gradients(net, np.zeros((0, 1, 6, 6), np.float32), np.zeros(0, np.int64)).shape == (0,)


# -- facts about the work of an attack ----------------------------------------------------------------------------

CLEAN = np.full((4, 2, 3, 3), 0.5, dtype=np.float32)


def moved(row, value, *, pixels=1):
    images = CLEAN.copy()
    images[row].reshape(-1)[:pixels] += np.float32(value)
    return images


@pytest.mark.parametrize(
    ("adversarial", "norm", "eps", "expected"),
    [
        (CLEAN, "linf", 0.0, None),
        (moved(1, 0.25), "linf", 0.25, None),
        (moved(1, 0.25), "linf", 0.2499, 1),
        (moved(2, 0.25, pixels=4), "l2", 0.5, None),
        (moved(2, 0.25, pixels=4), "l2", 0.4999, 2),
        (moved(3, 0.25, pixels=10), "l0", 9, None),  # eighteen numbers are nine pixels of two channels
        (moved(3, 0.25, pixels=10), "l0", 8, 3),
        (moved(0, 0.75), None, 0.0, 0),
        (moved(0, -0.75), None, 0.0, 0),
        (moved(0, np.nan), "linf", 1.0, 0),
        (moved(0, 0.5), None, 0.0, None),
    ],
)
def test_an_image_out_of_its_ball_or_bounds_shows(adversarial, norm, eps, expected):
    found = outside(CLEAN, adversarial, norm=norm, eps=eps)
    assert np.flatnonzero(found).tolist() == ([] if expected is None else [expected])


@given(value=st.floats(0, 0.5, width=32), eps=st.floats(0, 0.5))
def test_no_rounding_lets_an_image_slip_out(value, eps):
    adversarial = moved(0, value)
    length = abs(float(adversarial[0, 0, 0, 0]) - 0.5)
    assert outside(CLEAN, adversarial, norm="linf", eps=eps)[0] == (length > eps)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_our_own_attacks_stay_inside(net, images, labels, norm):
    found = PGD(eps=0.1, norm=norm, steps=5).run(net, images, labels)
    assert not outside(images, found, norm=norm, eps=0.1).any()


def test_what_was_not_moved_or_not_confirmed():
    resisted = np.array([True, True, False, False])
    assert unmoved(CLEAN, moved(1, 0.1), resisted).tolist() == [True, False, False, False]
    assert unconfirmed(~resisted, np.array([True, True, True, False])).tolist() == [False, False, True, False]


def work(**counts):
    """What an attack did to a hundred samples of which it fooled fifty, with so many of each kind."""
    names = ("outside", "unmoved", "unconfirmed", "fooled")
    return {name: np.arange(100) < {"fooled": 50, **counts}.get(name, 0) for name in names}


@pytest.mark.parametrize("counts", [{}, {"unmoved": 1}, {"unconfirmed": 2}])
def test_good_work_has_no_faults(counts):
    assert work_faults(work(**counts), moves=True) == []


def test_an_attack_that_may_stay_where_it_is_is_not_blamed_for_it():
    assert work_faults(work(unmoved=50), moves=False) == []


def test_bad_work_is_told():
    ball, still, again = work_faults(work(outside=1, unmoved=20, unconfirmed=10), moves=True)
    assert "1 of 100 adversarial images lie outside" in ball
    assert "left 20 of 50 samples" in still
    assert "10 images that fooled" in again


# -- what a probe says --------------------------------------------------------------------------------------------


def good(**changes):
    """A probe of forty samples with which all is well."""
    n = 40
    yes, no = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
    standing = np.arange(n) < 10
    ones = np.ones(n)
    fields = {"resisted": yes, "classes": 10, "levels": 400, "scores": True, "noise": 1e-7, "neighbours": 1e-6}
    fields |= {"zero": no, "faint": no, "flat": no, "kept": ones, "turn": ones, "rose": yes, "control": 0}
    fields |= {"standing": standing, "wider": 4, "tried": 10, "fooled": 0}
    return Probe(**{**fields, **changes})


def first(count, n=40):
    return np.arange(n) < count


def test_where_all_is_well_nothing_is_said():
    assert faults(good()) == []


BAD = {
    "noise": ({"noise": 0.05}, "differ by 0.05"),
    "training": ({"training": ("drop1", "drop2")}, "2 parts of the model stay in training mode (drop1, drop2)"),
    "neighbours": ({"neighbours": 0.2}, "change by 0.2"),
    "levels": ({"levels": 2}, "take 2 different values"),
    "zero": ({"zero": first(1)}, "exactly zero for 1 of 40"),
    "faint": ({"faint": first(3)}, "rounding for 3 of 40"),
    "kept": ({"kept": np.full(40, 0.01)}, "by 1% of what it promises"),
    "turn": ({"turn": np.where(first(3), 0.1, 0.9)}, "quarter of 10 samples"),
    "rose": ({"rose": first(20)}, "only 20 of 40"),
    "control": ({"control": 20}, "leave 20 of 40 samples standing, where at most 10"),
    "wider": ({"wider": 20}, "10 samples standing, but 20"),
    "fooled": ({"fooled": 3}, "3 of 10 samples"),
}


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_says_what_it_saw(name):
    changes, text = BAD[name]
    (line,) = faults(good(**changes))
    assert text in line
    assert CHECKS[name](good(**changes)) == line
    assert [other for other in CHECKS if CHECKS[other](good(**changes))] == [name]


LENIENT = {
    "rounding": {"noise": 1e-4, "neighbours": 1e-4},
    "a model that is averaged over": {"noise": 0.1, "averaged": True},
    "an attack on labels": {"levels": 2, "scores": False},
    "chance at the largest radius": {"control": 9},
    "few promises broken": {"kept": np.where(first(15), 0.0, 1.0)},
    "slopes of the user's own through a rounding to two levels": {"kept": np.full(40, 0.11)},
    "gradients that turn on a few samples": {"standing": first(5), "turn": np.zeros(40)},
    "gradients that turn where an attack works": {"turn": np.where(first(10), 0.9, 0.1)},
    "nothing to measure": {"kept": np.full(40, np.nan), "turn": np.full(40, np.nan)},
    "a flat ball": {"flat": first(40), "rose": first(0), "kept": np.full(40, np.nan)},
    "one lucky query": {"fooled": 2},
}


@pytest.mark.parametrize("changes", LENIENT.values(), ids=LENIENT)
def test_what_honest_models_do_is_no_fault(changes):
    assert faults(good(**changes)) == []


def test_where_nothing_resisted_nothing_can_be_too_high():
    fallen = {"resisted": first(0)}
    for changes, _ in BAD.values():
        kept = changes.keys() & {"noise", "training", "neighbours"}
        assert bool(faults(good(**changes, **fallen))) == bool(kept)


def test_a_zero_gradient_of_a_fallen_sample_does_not_matter():
    assert faults(good(zero=first(20), resisted=~first(20))) == []


# -- the probe itself ---------------------------------------------------------------------------------------------


def look(classifier, images, attack, **options):
    labels = classifier.predict(images)
    everything = np.ones(len(images), dtype=bool)
    return probe(
        classifier,
        attack,
        images,
        labels,
        **{"ids": np.arange(len(images)), "seed": 0, "resisted": everything, **options},
    )


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_an_honest_network_passes(net, images, norm):
    found = look(net, images, PGD(eps=0.05, norm=norm))
    assert faults(found) == []
    assert found.classes == 5
    assert found.noise == 0
    assert found.zero.shape == found.kept.shape == found.turn.shape == found.rose.shape == (60,)
    assert np.median(found.kept) == pytest.approx(1, abs=0.1)


def test_a_linear_network_keeps_every_promise(images):
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(36, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(2, 36, generator=generator))
    found = look(load_classifier(nn.Sequential(nn.Flatten(), layer)), images, PGD(eps=0.01))
    assert np.allclose(found.kept, 1, atol=1e-3)
    assert np.allclose(found.turn, 1, atol=1e-6)
    assert found.rose.all()
    assert faults(found) == []


class Reversed(torch.autograd.Function):
    """The identity, with a slope that leads the wrong way."""

    @staticmethod
    def forward(ctx, pixels):
        return pixels.clone()

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"before": quantised(16)}, {"zero"}),
        ({"before": shattered(0.02, 500.0)}, {"kept"}),
        ({"before": Reversed.apply}, {"kept", "rose"}),
        ({"after": one_hot}, {"levels", "zero"}),
        ({"after": lambda logits: logits + 0.5 * torch.randn(logits.shape)}, {"noise"}),
    ],
    ids=["quantised", "shattered", "reversed", "labels", "noisy"],
)
def test_each_way_to_hide_is_seen(make_net, images, changes, names):
    found = look(load_classifier(Around(make_net(), **changes)), images, PGD(eps=0.05))
    assert {name for name, check in CHECKS.items() if check(found)} >= names


def test_neighbours_are_seen(make_net, images):
    found = look(load_classifier(BatchNormalised(make_net())), images, PGD(eps=0.05))
    assert [name for name, check in CHECKS.items() if check(found)] == ["neighbours"]


def test_noise_ends_the_look(make_net, images):
    noisy = load_classifier(Around(make_net(), after=lambda logits: logits + torch.randn(logits.shape)))
    found = look(noisy, images, PGD(eps=0.05))
    assert (found.forwards, found.backwards) == (150, 0)
    assert len(faults(found)) == 1
    assert faults(look(noisy, images, Averaged(attack=PGD(eps=0.05)))) == []


def test_a_wrapped_attack_is_probed_as_it_works(make_net, images):
    rounding = load_classifier(Around(make_net(), before=quantised(64)))
    (line,) = faults(look(rounding, images, PGD(eps=0.1)))
    assert "exactly zero for 60 of 60" in line
    assert faults(look(rounding, images, StraightThrough(attack=PGD(eps=0.1)))) == []


def test_attacks_without_gradients_need_none(make_net, images):
    hidden = load_classifier(Around(make_net(), before=quantised(16)))
    found = look(hidden, images, Square(eps=0.05))
    assert faults(found) == []
    assert (found.forwards, found.backwards) == (150, 0)


def test_no_radius_no_look(net, images):
    assert look(net, images, PGD(eps=0.0)).backwards == 0


def test_nothing_resisted_little_is_asked(net, images):
    found = look(net, images, PGD(eps=0.1), resisted=np.zeros(60, dtype=bool))
    assert (found.forwards, found.backwards) == (150, 0)
    assert faults(found) == []


def test_the_price_is_bounded(make_net):
    """Where nothing falls, not even in the largest ball, every sample costs most."""
    images = np.random.default_rng(0).random((200, 1, 6, 6), dtype=np.float32)
    found = look(load_classifier(Around(make_net(), before=lambda pixels: pixels * 1e-3)), images, PGD(eps=0.01))
    assert len(found.resisted) == found.control == 64
    assert 5000 < found.forwards <= 6000


def test_without_gradients_little_is_asked(make_net, images):
    found = look(load_classifier(Around(make_net(), before=lambda pixels: pixels.detach())), images, PGD(eps=0.1))
    assert found.zero.all()
    assert found.forwards < 10 * len(images)
    assert len(faults(found)) == 1


def test_the_count_is_exact(net, images):
    before = net.passes.snapshot()
    found = look(net, images, PGD(eps=0.05))
    spent = net.passes - before
    # One further pass over the images is the prediction of the labels.
    assert (found.forwards, found.backwards) == (spent.forwards - 60, spent.backwards)


def test_equal_calls_see_the_same_and_other_seeds_other_points(net, images):
    one, same, other = (look(net, images, FGSM(eps=0.05), seed=seed) for seed in (0, 0, 1))
    for field in dataclasses.fields(Probe):
        assert np.array_equal(getattr(one, field.name), getattr(same, field.name))
    assert not np.array_equal(one.turn, other.turn)


def test_a_sample_is_seen_alike_in_any_company(net, images):
    whole = look(net, images, PGD(eps=0.02))
    half = look(net, images[::2], PGD(eps=0.02), ids=np.arange(0, 60, 2))
    assert np.allclose(whole.kept[::2], half.kept, atol=1e-3)
    assert np.allclose(whole.turn[::2], half.turn, atol=1e-4)
    assert np.array_equal(whole.rose[::2], half.rose)


def test_a_model_that_goes_back_to_training_is_seen(make_net, images):
    net = make_net()

    class Forgetful(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.drop = net, nn.Dropout(0.0)

        def forward(self, pixels):
            self.drop.train()
            return self.inner(self.drop(pixels))

    found = look(load_classifier(Forgetful()), images, PGD(eps=0.05))
    assert found.training == ("drop",)
    assert found.noise == 0
