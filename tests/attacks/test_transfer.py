from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.attacks import FGSM, PGD
from pytest_robustness.attacks.transfer import Transfer
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import CapabilityError, ClassifierError, ParameterError


@pytest.fixture
def surrogate(make_net):
    """The same network with other noise in its weights: near enough for attacks to transfer."""
    near, far = make_net(), make_net(seed=1)
    with torch.no_grad():
        for one, two in zip(near.parameters(), far.parameters(), strict=True):
            one.add_(two, alpha=0.2)
    return load_classifier(near)


def test_on_itself_it_is_the_attack_itself(make_net, net, images, labels):
    inner = PGD(eps=0.1, steps=10)
    moved = Transfer(attack=inner, surrogate=make_net()).run(net, images, labels, seed=3)
    assert np.array_equal(moved, inner.run(net, images, labels, seed=3))


def test_it_goes_on_until_the_model_falls(surrogate, net, images, labels):
    # The images of the surrogate's own search stop at its own boundary, which is not that of the model.
    inner = PGD(eps=0.1, steps=10)
    moved = Transfer(attack=inner, surrogate=surrogate).run(net, images, labels)
    right = net.predict(images) == labels
    stopped = inner.run(surrogate, images[right], labels[right], ids=np.flatnonzero(right))
    assert np.array_equal(moved[~right], images[~right])
    assert 0 < (net.predict(moved) == labels).sum() < (net.predict(stopped) == labels[right]).sum()


def test_a_surrogate_of_other_classes_is_refused(make_net, net, images, labels):
    attack = Transfer(attack=FGSM(eps=0.1), surrogate=make_net(classes=4))
    with pytest.raises(ParameterError, match=r"other classes than the model: got '4 classes'; allowed: 5"):
        attack.run(net, images, labels)


def test_what_is_said_to_fool_does(surrogate, net, images, labels):
    right = np.flatnonzero(net.predict(images) == labels)
    found, fooled = Transfer(attack=PGD(eps=0.1, steps=10), surrogate=surrogate).search(
        net, images[right], labels[right], ids=right, seed=0
    )
    assert fooled.any()
    assert not fooled.all()
    assert np.array_equal(fooled, net.predict(found) != labels[right])


def test_the_model_is_asked_at_every_step(surrogate, net, images, labels):
    right = net.predict(images) == labels
    before = net.passes.snapshot()
    Transfer(attack=FGSM(eps=1e-6), surrogate=surrogate).run(net, images, labels)
    spent = net.passes - before
    assert (spent.forwards, spent.backwards) == (60 + 2 * right.sum(), 0)


def test_labels_are_enough(make_net, net, images, labels):
    hidden = load_classifier(net.predict, outputs="labels", num_classes=5)
    moved = Transfer(attack=PGD(eps=0.1, steps=10), surrogate=make_net()).run(hidden, images, labels)
    assert (hidden.predict(moved) == labels).mean() < 0.3


class Rounded(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, pixels):
        return self.inner((pixels * 15).round() / 15)


def test_hidden_gradients_do_not_help(make_net, images):
    masked = load_classifier(Rounded(make_net()))
    labels = masked.predict(images)
    attack = PGD(eps=0.15, steps=10)
    direct = (masked.predict(attack.run(masked, images, labels)) == labels).mean()
    transferred = masked.predict(Transfer(attack=attack, surrogate=make_net()).run(masked, images, labels)) == labels
    assert direct > 0.3
    assert transferred.mean() < direct - 0.2


def test_batches_and_order_make_no_difference(surrogate, net, images, labels):
    attack = Transfer(attack=PGD(eps=0.1, steps=5), surrogate=surrogate)
    whole = attack.run(net, images, labels, seed=1)
    in_sevens = attack.run(net, images, labels, seed=1, batch_size=7)
    order = np.random.default_rng(0).permutation(len(images))
    shuffled = attack.run(net, images[order], labels[order], seed=1, ids=order)
    for other in (in_sevens, shuffled[np.argsort(order)]):
        assert (np.abs(other - whole) > 1e-4).mean() < 0.01


def test_parameters_name_attack_and_surrogate(surrogate):
    attack = Transfer(attack=PGD(eps=0.1, steps=7), surrogate=surrogate)
    assert attack.parameters() == {
        "of": "pgd",
        "norm": "linf",
        "eps": 0.1,
        "steps": 7,
        "surrogate": f"{surrogate.name}:{surrogate.fingerprint[:12]}",
    }
    assert (attack.norm, attack.eps, attack.needs, attack.minimal) == ("linf", 0.1, "labels", False)


def test_attacks_are_equal_by_what_they_are(make_net):
    def make(eps=0.1, seed=0):
        return Transfer(attack=PGD(eps=eps), surrogate=make_net(seed))

    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() != make(eps=0.2)
    assert make() != make(seed=1)
    assert make() != PGD(eps=0.1)


def test_a_source_is_loaded_and_the_attack_travels(net, images, labels, tmp_path, monkeypatch):
    (tmp_path / "surrogates.py").write_text(
        "import torch\n"
        "def load():\n"
        "    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 5))\n"
        "    with torch.no_grad():\n"
        "        model[1].weight.copy_(torch.linspace(-1, 1, 180).reshape(5, 36).sin())\n"
        "        model[1].bias.zero_()\n"
        "    return model\n"
    )
    attack = Transfer(attack=PGD(eps=0.2, steps=3), surrogate=f"{tmp_path / 'surrogates.py'}:load")
    copied = pickle.loads(pickle.dumps(attack))
    assert copied == attack
    assert np.array_equal(copied.run(net, images, labels), attack.run(net, images, labels))


def test_what_cannot_be_transferred_is_refused(surrogate):
    with pytest.raises(ParameterError, match=r"not an attack.*'pgd'"):
        Transfer(attack="pgd", surrogate=surrogate)
    with pytest.raises(ParameterError, match=r"cannot be targeted.*target=3"):
        Transfer(attack=PGD(eps=0.1, target=3), surrogate=surrogate)
    with pytest.raises(ParameterError, match="cannot be targeted"):
        Transfer(attack=PGD(eps=0.1), surrogate=surrogate, target=3)
    with pytest.raises(CapabilityError, match="gradients"):
        Transfer(attack=PGD(eps=0.1), surrogate=lambda pixels: np.zeros((len(pixels), 5)))
    with pytest.raises(ClassifierError, match=r"cannot be imported|cannot be found|nowhere"):
        Transfer(attack=PGD(eps=0.1), surrogate="nowhere:load")


def test_a_surrogate_for_other_images_is_an_error_of_ours(net, images, labels):
    attack = Transfer(attack=PGD(eps=0.1), surrogate=nn.Sequential(nn.Flatten(), nn.Linear(9, 5)))
    with pytest.raises(ClassifierError, match="failed on images"):
        attack.run(net, images, labels)
