from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from pytest_robustness.attacks import (
    PGD,
    AutoAttack,
    FastAutoAttack,
    HopSkipJump,
    RandomAutoAttack,
    Square,
    Strongest,
    make_attack,
)
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import CapabilityError, ParameterError

EVERY = [AutoAttack, FastAutoAttack, RandomAutoAttack, Strongest]


def correct(attack, classifier, images, labels, **options):
    return classifier.predict(attack.run(classifier, images, labels, **options)) == labels


def scores_only(net):
    return load_classifier(net.logits, num_classes=5)


def labels_only(net):
    return load_classifier(net.predict, outputs="labels", num_classes=5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("kind", EVERY)
def test_an_ensemble_is_no_weaker_than_pgd(net, images, labels, kind, norm):
    eps = {"linf": 0.06, "l2": 0.3}[norm]
    pgd = correct(PGD(norm=norm, eps=eps, steps=20), net, images, labels)
    ours = correct(kind(norm=norm, eps=eps), net, images, labels)
    assert ours.sum() <= pgd.sum()
    assert 0 < ours.sum() < len(labels)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("kind", EVERY)
def test_the_smallest_radius_is_found(linear, kind, norm):
    # Just beyond the distance that is needed everybody falls, just short of it nobody does.
    needed = linear.needed[norm]
    for row, share, expected in ((7, 1.01, False), (50, 1.01, False), (50, 0.99, True)):
        one = slice(row, row + 1)
        attack = kind(norm=norm, eps=float(needed[row] * share))
        assert correct(attack, linear.classifier, linear.images[one], linear.labels[one])[0] == expected


def test_what_a_classifier_allows(net):
    attack = AutoAttack(eps=0.1)
    assert [stage.name for stage in attack.stages(net)] == ["apgd-ce", "fab-t", "apgd-t", "square"]
    assert [stage.name for stage in attack.stages(scores_only(net))] == ["square", "hopskipjump"]
    assert [stage.name for stage in attack.stages(labels_only(net))] == ["hopskipjump"]
    assert attack.stages(scores_only(net)) == (Square(eps=0.1), HopSkipJump(eps=0.1, stop_at_eps=True))


def test_few_pixels(net):
    stages = Strongest(norm="l0", eps=2).stages(net)
    assert [(stage.name, stage.norm, stage.eps) for stage in stages] == [("sparse-rs", "l0", 2)]
    with pytest.raises(CapabilityError, match="offers no scores"):
        Strongest(norm="l0", eps=2).stages(labels_only(net))


def test_every_kind_of_classifier_falls(net, images, labels):
    for classifier in (scores_only(net), labels_only(net)):
        before = correct(FastAutoAttack(eps=0.0), classifier, images, labels).sum()
        after = correct(FastAutoAttack(eps=0.1), classifier, images, labels).sum()
        assert after < before / 2


def test_later_stages_work_on_the_rest_only(net, images, labels):
    # Where the first stage fells all, an ensemble costs what that stage costs.
    first = AutoAttack(eps=0.5).stages(net)[0]
    costs = []
    for attack in (first, AutoAttack(eps=0.5)):
        before = net.passes.snapshot()
        assert not correct(attack, net, images, labels).any()
        costs.append(net.passes - before)
    assert costs[0] == costs[1]


@pytest.mark.parametrize("kind", EVERY)
def test_the_order_of_the_samples_does_not_matter(net, images, labels, kind):
    images, labels = images[:20], labels[:20]
    attack, order = kind(eps=0.06), np.random.default_rng(0).permutation(len(labels))
    ids = np.arange(len(labels))
    one = correct(attack, net, images, labels, ids=ids)
    other = correct(attack, net, images[order], labels[order], ids=ids[order], batch_size=7)
    # The model rounds differently in other batches: one sample may change sides for it.
    assert (one[order] != other).sum() <= 1


def test_behind_steps_the_strongest_finds_the_truth(net, make_net, images, labels):
    class Stepped(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, pixels):
            return self.inner((pixels * 63).round() / 63)

    masked = load_classifier(Stepped(make_net()))
    seen = masked.predict(images) == labels
    truth = correct(AutoAttack(eps=0.06), net, images, labels).sum()
    assert correct(PGD(eps=0.06, steps=20), masked, images, labels).sum() > seen.sum() / 2
    assert correct(Strongest(eps=0.06), masked, images, labels).sum() <= truth + 3


def test_mistakes():
    with pytest.raises(ParameterError, match=r"norm of the attack 'autoattack'.*got 'l1'; allowed: linf, l2"):
        AutoAttack(norm="l1", eps=0.1)
    with pytest.raises(ParameterError, match="eps is out of range"):
        FastAutoAttack(eps=8)
    with pytest.raises(ParameterError, match="cannot be targeted"):
        make_attack("autoattack", eps=0.1, target=3)
    with pytest.raises(ParameterError, match=r"option of the attack 'autoattack'.*'steps'"):
        make_attack("autoattack", eps=0.1, steps=3)
