from __future__ import annotations

import json
import pickle
import random
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pytest_robustness.attacks import PGD
from pytest_robustness.attacks.foreign import Foreign, as_attack
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import CapabilityError, ClassifierError, EvaluationError, ParameterError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import art.attacks.evasion as ae
    import foolbox
    import torchattacks
    from art.estimators.classification import BlackBoxClassifier, PyTorchClassifier

fa = foolbox.attacks


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def other(make_net):
    """The model that the attacks are made with: not the one that they are run on."""
    return make_net(seed=9).eval()


@pytest.fixture(scope="module")
def estimator(other):
    # Every setting is wrong for the classifiers of these tests: shape, classes, bounds and normalisation.
    return PyTorchClassifier(other, nn.CrossEntropyLoss(), (1, 6, 6), 7, clip_values=(-1, 2), preprocessing=(0.3, 2))


@pytest.fixture(scope="module")
def black_box():
    return BlackBoxClassifier(lambda pixels: np.eye(5)[np.zeros(len(pixels), int)], (1, 6, 6), 5, clip_values=(0, 1))


def normalised(attack):
    attack.set_normalization_used(mean=[0.5], std=[0.2])
    return attack


MAKERS = {
    "foolbox-linf": lambda other, estimator: as_attack(fa.LinfPGD(steps=5), eps=0.1),
    "foolbox-l2": lambda other, estimator: as_attack(fa.L2PGD(steps=5), eps=0.5),
    "foolbox-deepfool": lambda other, estimator: as_attack(fa.LinfDeepFoolAttack(steps=5), eps=0.1),
    "foolbox-any": lambda other, estimator: as_attack(
        fa.LinearSearchContrastReductionAttack(steps=5), eps=0.3, norm="linf"
    ),
    "foolbox-repeated": lambda other, estimator: as_attack(fa.LinfAdditiveUniformNoiseAttack().repeat(3), eps=0.3),
    "torchattacks-linf": lambda other, estimator: as_attack(torchattacks.PGD(other, eps=0.1, steps=5)),
    "torchattacks-l2": lambda other, estimator: as_attack(normalised(torchattacks.PGDL2(other, eps=0.5, steps=5))),
    "torchattacks-square": lambda other, estimator: as_attack(torchattacks.Square(other, eps=0.2, n_queries=10)),
    "torchattacks-many": lambda other, estimator: as_attack(
        torchattacks.MultiAttack([torchattacks.FGSM(other, eps=0.1), torchattacks.APGD(other, eps=0.1, seed=1.5)]),
        eps=0.1,
        norm="linf",
    ),
    "art-linf": lambda other, estimator: as_attack(
        ae.ProjectedGradientDescent(estimator, eps=0.1, eps_step=0.02, max_iter=5, num_random_init=1, verbose=False)
    ),
    "art-l2": lambda other, estimator: as_attack(
        ae.ProjectedGradientDescent(estimator, norm=2, eps=0.5, eps_step=0.1, max_iter=5, verbose=False)
    ),
    "art-apgd": lambda other, estimator: as_attack(
        ae.AutoProjectedGradientDescent(
            estimator, eps=0.1, max_iter=5, nb_random_init=1, loss_type="difference_logits_ratio", verbose=False
        )
    ),
    "art-square": lambda other, estimator: as_attack(ae.SquareAttack(estimator, eps=0.2, max_iter=10, verbose=False)),
    "art-simba": lambda other, estimator: as_attack(
        ae.SimBA(estimator, max_iter=20, epsilon=0.1, verbose=False), eps=0.2, norm="linf"
    ),
    "art-hopskipjump": lambda other, estimator: as_attack(
        ae.HopSkipJump(estimator, max_iter=2, max_eval=20, init_eval=5, init_size=20, verbose=False), eps=0.3
    ),
}
BLACK_BOX = {
    "foolbox-repeated": "labels",
    "foolbox-any": "labels",
    "torchattacks-square": "scores",
    "art-square": "scores",
    "art-simba": "scores",
    "art-hopskipjump": "labels",
}


@pytest.fixture(params=MAKERS)
def named(request, other, estimator):
    return request.param, MAKERS[request.param](other, estimator)


@pytest.fixture
def attack(named):
    return named[1]


def lengths(moved, images, norm):
    difference = (moved.astype(np.float64) - images).reshape(len(images), -1)
    return np.abs(difference).max(axis=1) if norm == "linf" else np.linalg.norm(difference, axis=1)


def test_results_are_allowed_and_fool_our_model(attack, net, images, labels):
    before = images.copy()
    moved = attack.run(net, images, labels)
    assert np.array_equal(images, before)
    assert moved.dtype == np.float32
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert (lengths(moved, images, attack.norm) <= attack.eps).all()
    assert (net.predict(moved) == labels).sum() < (net.predict(images) == labels).sum()


def test_what_is_said_to_fool_does(attack, net, images, labels):
    right = np.flatnonzero(net.predict(images) == labels)
    found, fooled = attack.search(net, images[right], labels[right], ids=right, seed=0)
    assert fooled.any()
    assert np.array_equal(fooled, net.predict(found) != labels[right])


def test_needs_are_those_of_the_attack(named):
    name, attack = named
    assert attack.needs == BLACK_BOX.get(name, "gradients")


def test_results_repeat_and_leave_no_trace(attack, net, images, labels):
    def states():
        return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002

    torch.manual_seed(1)
    random.seed(1)
    before = states()
    first = attack.run(net, images[:30], labels[:30])
    assert states() == before
    assert np.random.RandomState.__module__ == "numpy.random.mtrand"
    torch.manual_seed(2)
    random.seed(2)
    assert np.array_equal(attack.run(net, images[:30], labels[:30]), first)


def test_passes_are_counted(attack, net, images, labels):
    before = net.passes.snapshot()
    attack.run(net, images, labels)
    spent = net.passes - before
    assert spent.forwards > 60 + 2 * 54  # the check before, the attack, the check after
    assert (spent.backwards > 0) == (attack.needs == "gradients")


def test_parameters_are_plain_and_the_same_each_time(named, other, estimator):
    name, attack = named
    found = attack.parameters()
    assert json.loads(json.dumps(found, allow_nan=False)) == json.loads(json.dumps(found))
    library, version = found["library"].split()
    assert attack.name == f"{library}.{found['class']}"
    assert version == {"foolbox": foolbox, "torchattacks": torchattacks, "art": sys.modules["art"]}[library].__version__
    again = MAKERS[name](other, estimator)
    assert again == attack
    assert hash(again) == hash(attack)
    assert again.parameters() == found
    assert again is not attack


def test_the_time_of_day_is_no_seed(other, net, images, labels):
    """AutoAttack of torchattacks seeds its parts with the time at which it is made, a float."""
    runs = [
        as_attack(torchattacks.APGD(other, eps=0.05, steps=3, seed=now)).run(net, images, labels) for now in (1.5, 2.5)
    ]
    assert np.array_equal(*runs)


def test_attacks_travel(named, net, images, labels):
    name, attack = named
    if name in {"art-apgd", "art-square"}:  # ART makes their losses inside functions, where no pickle finds them
        with pytest.raises(EvaluationError, match=r"cannot be sent to another process.*'serial'"):
            pickle.dumps(attack)
        return
    copied = pickle.loads(pickle.dumps(attack))
    assert copied == attack
    assert np.array_equal(copied.run(net, images[:9], labels[:9]), attack.run(net, images[:9], labels[:9]))


def test_noise_changes_with_the_seed(net, images, labels):
    attack = as_attack(fa.LinfAdditiveUniformNoiseAttack(), eps=0.1)
    assert not np.array_equal(attack.run(net, images, labels, seed=0), attack.run(net, images, labels, seed=1))


def test_the_object_stays_as_it_was(other, estimator, net, images, labels):
    net_before = other.state_dict()["0.weight"].clone()
    theirs = normalised(torchattacks.PGD(other, eps=0.1, steps=2))
    arts = ae.ProjectedGradientDescent(estimator, eps=0.1, max_iter=2, verbose=False)
    other.train()
    for attack in (theirs, arts):
        as_attack(attack).run(net, images, labels)
    assert theirs.model is other
    assert theirs.normalization_used is not None
    assert theirs._normalization_applied is True
    assert arts.estimator is estimator
    assert arts._attack.estimator is estimator
    assert estimator.model is other
    assert other.training
    other.eval()
    assert torch.equal(other.state_dict()["0.weight"], net_before)


def test_later_changes_to_the_object_do_not_matter(other, net, images, labels):
    theirs = torchattacks.PGD(other, eps=0.1, steps=5)
    attack = as_attack(theirs)
    before = attack.run(net, images, labels)
    theirs.steps = 1
    assert attack.parameters()["steps"] == 5
    assert np.array_equal(attack.run(net, images, labels), before)


def test_the_result_is_that_of_the_library(make_net, images):
    module = make_net().eval()
    classifier = load_classifier(module)
    labels = classifier.predict(images)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    theirs = fa.LinfPGD(steps=5, random_start=False)
    _, found, _ = theirs(foolbox.PyTorchModel(module, bounds=(0, 1), device="cpu"), x, y, epsilons=0.1)
    ours = as_attack(theirs, eps=0.1).run(classifier, images, labels)
    np.testing.assert_allclose(ours, found.numpy(), atol=1e-6)
    made = torchattacks.PGD(module, eps=0.1, alpha=0.02, steps=5, random_start=False)
    np.testing.assert_allclose(as_attack(made).run(classifier, images, labels), made(x, y).numpy(), atol=1e-6)
    fitting = PyTorchClassifier(module, nn.CrossEntropyLoss(), (1, 6, 6), 5, clip_values=(0, 1))
    arts = ae.ProjectedGradientDescent(fitting, eps=0.1, eps_step=0.02, max_iter=5, verbose=False)
    direct = arts.generate(images, y=np.eye(5)[labels])
    np.testing.assert_allclose(as_attack(arts).run(classifier, images, labels), direct, atol=1e-6)


@pytest.mark.parametrize("kind", ["foolbox", "torchattacks", "art"])
def test_a_linear_model_falls_where_it_must(kind, linear, other, estimator):
    """For the linear model the exact distance is known: what is nearer than eps falls, what is farther stands."""
    needed = linear.needed["linf"]
    eps = float(np.median(needed))
    make = {
        "foolbox": lambda: as_attack(fa.LinfPGD(steps=20, rel_stepsize=0.2), eps=eps),
        "torchattacks": lambda: as_attack(torchattacks.PGD(other, eps=eps, alpha=eps / 5, steps=20)),
        "art": lambda: as_attack(
            ae.ProjectedGradientDescent(estimator, eps=eps, eps_step=eps / 5, max_iter=20, verbose=False)
        ),
    }
    moved = make[kind]().run(linear.classifier, linear.images, linear.labels)
    stands = linear.classifier.predict(moved) == linear.labels
    assert stands[needed > 1.01 * eps].all()
    assert not stands[needed < 0.99 * eps].any()


@given(eps=st.floats(1e-6, 1), seed=st.integers(0, 2**40), norm=st.sampled_from(["linf", "l2"]))
@settings(max_examples=15)
def test_balls_are_exact(eps, seed, norm):
    pixels = np.random.default_rng(seed).random((5, 1, 4, 4), dtype=np.float32)
    pixels[0], pixels[1] = 0, 1
    torch_net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    with torch.no_grad():
        torch_net[1].weight.copy_(torch.linspace(-1, 1, 48).reshape(3, 16))
        torch_net[1].bias.zero_()
    classifier = load_classifier(torch_net)
    attack = as_attack({"linf": fa.LinfPGD, "l2": fa.L2PGD}[norm](steps=2), eps=eps)
    moved = attack.run(classifier, pixels, classifier.predict(pixels), seed=seed)
    assert (lengths(moved, pixels, norm) <= eps).all()
    assert moved.min() >= 0
    assert moved.max() <= 1


def test_labels_are_enough_for_a_decision_attack(images, estimator):
    classifier = load_classifier(
        lambda pixels: (pixels.mean(axis=(1, 2, 3)) > 0.5).astype(int), outputs="labels", num_classes=2
    )
    labels = classifier.predict(images)
    hop = ae.HopSkipJump(estimator, norm=np.inf, max_iter=3, max_eval=100, init_eval=20, verbose=False)
    moved = as_attack(hop, eps=0.3).run(classifier, images, labels)
    assert (classifier.predict(moved) == labels).mean() < 0.5
    assert np.abs(moved.astype(np.float64) - images).max() <= 0.3
    noise = as_attack(fa.LinfAdditiveUniformNoiseAttack().repeat(20), eps=0.3)
    assert (classifier.predict(noise.run(classifier, images, labels)) == labels).mean() < 1
    with pytest.raises(CapabilityError, match="gradients"):
        as_attack(fa.LinfPGD(), eps=0.3).run(classifier, images, labels)
    with pytest.raises(CapabilityError, match=r"scores.*art\.SquareAttack"):
        as_attack(ae.SquareAttack(estimator, eps=0.2)).run(classifier, images, labels)


def test_a_black_box_estimator_may_stand_in(black_box, net, images, labels):
    attack = as_attack(ae.SquareAttack(PyTorchClassifier(nn.Flatten(), None, (1, 6, 6), 36), eps=0.2, verbose=False))
    assert attack.needs == "scores"
    attack = as_attack(ae.HopSkipJump(black_box, max_iter=1, max_eval=10, init_eval=5, verbose=False), eps=0.2)
    assert np.abs(attack.run(net, images[:9], labels[:9]) - images[:9]).max() <= 0.2 + 1e-6


def test_an_empty_ball_moves_nothing(net, images, labels):
    assert np.array_equal(as_attack(fa.LinfPGD(steps=5), eps=0).run(net, images, labels), images)


def test_another_radius_is_another_attack(other):
    attack = as_attack(fa.LinfPGD(steps=5), eps=0.1)
    wider = replace(attack, eps=0.2)
    assert (wider.eps, wider.name, wider.needs) == (0.2, attack.name, attack.needs)
    assert wider != attack
    with pytest.raises(ParameterError, match=r"radius of its own.*0\.2.*eps=0\.1"):
        replace(as_attack(torchattacks.PGD(other, eps=0.1)), eps=0.2)


def test_our_own_attacks_pass_through():
    ours = PGD(eps=0.1)
    assert as_attack(ours) is ours
    with pytest.raises(ParameterError, match="its own options"):
        as_attack(ours, eps=0.1)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda other, estimator: "pgd", {}, "not an attack: got 'pgd'; allowed: an attack object of pytest_rob"),
        (lambda other, estimator: fa.LinfPGD, {"eps": 0.1}, "an instance, not a class"),
        (lambda other, estimator: foolbox.distances.linf, {"eps": 0.1}, "not an attack"),
        (lambda other, estimator: estimator, {"eps": 0.1}, "not an attack"),
        (lambda other, estimator: fa.LinfPGD(), {}, "of foolbox has no radius. Give eps"),
        (lambda other, estimator: ae.HopSkipJump(estimator), {}, "of art has no radius"),
        (lambda other, estimator: torchattacks.DeepFool(other), {}, "of torchattacks has no radius"),
        (lambda other, estimator: fa.LinfPGD(), {"eps": 2}, "eps is out of range"),
        (lambda other, estimator: fa.LinfPGD(), {"eps": "0.1"}, "eps is out of range"),
        (
            lambda other, estimator: fa.LinfPGD(),
            {"eps": 0.1, "norm": "l2"},
            "another norm: got \"norm='l2'\"; allowed: linf",
        ),
        (lambda other, estimator: fa.L1PGD(), {"eps": 1}, "unknown norm .*'l1'; allowed: linf, l2"),
        (lambda other, estimator: fa.InversionAttack(), {"eps": 0.1}, "does not say its norm"),
        (lambda other, estimator: torchattacks.EADEN(other), {"eps": 0.1}, "does not say its norm"),
        (
            lambda other, estimator: torchattacks.PGD(other, eps=0.1),
            {"eps": 0.2},
            "radius of its own: .* eps=0.1, or none",
        ),
        (lambda other, estimator: ae.BoundaryAttack(estimator), {"eps": 0.1}, "targeted.*targeted=False"),
    ],
)
def test_what_cannot_be_run_is_refused(make, options, message, other, estimator):
    with pytest.raises(ParameterError, match=message):
        as_attack(make(other, estimator), **options)


def test_a_targeted_attack_of_torchattacks_is_refused(other, capsys):
    theirs = torchattacks.PGD(other, eps=0.1)
    theirs.set_mode_targeted_by_label()
    with pytest.raises(ParameterError, match="set_mode_default"):
        as_attack(theirs)


def test_a_parameter_without_content_is_refused():
    with pytest.raises(ParameterError, match=r"'steps' of an attack cannot be recorded: got <object"):
        as_attack(fa.LinfPGD(steps=object()), eps=0.1)


class Broken(fa.LinfPGD):
    """Returns what it was made with, of the class of the library as far as anyone can see."""

    def __init__(self, result):
        super().__init__(steps=1)
        self._result = result

    def run(self, model, inputs, criterion, *, epsilon, **kwargs):
        return self._result(inputs)


def broken(monkeypatch, result):
    monkeypatch.setattr(Broken, "__module__", "foolbox.attacks")
    return as_attack(Broken(result), eps=0.1)


def test_asking_for_nan_is_an_error_of_the_library(monkeypatch, net, images, labels):
    attack = broken(monkeypatch, lambda inputs: inputs * float("nan"))
    with pytest.raises(EvaluationError, match="an attack of foolbox asked the model for images with NaN"):
        attack.run(net, images, labels)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda inputs: inputs * float("nan"), "NaN or infinity"),
        (lambda inputs: inputs + float("inf"), "NaN or infinity"),
        (lambda inputs: inputs[:1], r"\(1, 1, 6, 6\)"),
    ],
)
def test_what_is_no_image_is_an_error_of_the_library(result, message, net, images, monkeypatch):
    monkeypatch.setattr(torchattacks.FGSM, "forward", lambda self, inputs, labels: result(inputs))
    attack = as_attack(torchattacks.FGSM(nn.Linear(1, 1), eps=0.1))
    with pytest.raises(EvaluationError, match=f"FGSM of torchattacks did not return images: .*{message}"):
        attack.run(net, images, net.predict(images))


def test_a_failure_inside_the_library_is_an_error_of_ours(monkeypatch, net, images, labels):
    def fail(inputs):
        raise RuntimeError("no luck")

    with pytest.raises(EvaluationError, match=r"the Broken of foolbox failed: .*RuntimeError: no luck"):
        broken(monkeypatch, fail).run(net, images, labels)


def test_a_failure_of_the_model_stays_one(images):
    classifier = load_classifier(nn.Sequential(nn.Flatten(), nn.Linear(9, 3)))
    with pytest.raises(ClassifierError, match="failed on images"):
        as_attack(fa.LinfPGD(steps=1), eps=0.1).run(classifier, images, np.zeros(60, np.int64))


def test_no_library_is_imported_before_its_objects():
    code = (
        "import sys, pytest_robustness.attacks.foreign\n"
        "print(sorted({'art', 'foolbox', 'torchattacks'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_is_a_norm_attack():
    assert isinstance(as_attack(fa.LinfPGD(steps=1), eps=0.1), Foreign)
