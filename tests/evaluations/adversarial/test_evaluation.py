from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.attacks import FGSM, PGD
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset
from pytest_robustness.errors import CapabilityError, ConfigurationError, ParameterError
from pytest_robustness.evaluations import (
    AdversarialAccuracy,
    EarlyStop,
    Outcome,
    Subject,
    Threshold,
    curve_of,
    judge,
    save_samples,
)


def part(measurement, name):
    return next(part for part in measurement.parts if part.name == name)


@pytest.mark.parametrize("attack", [FGSM(eps=0.1), PGD(eps=0.1, steps=10)])
def test_by_hand(run, attack):
    # A flat image of level m falls where |m - 1/2| < 0.1: the two at .45 and .55. Before, nine of ten were right.
    (found,) = run(AdversarialAccuracy(attack))
    assert (found.family, found.metric, found.value, found.n) == ("adversarial", "accuracy", 0.7, 10)
    assert part(found, "clean").value == 0.9
    assert part(found, "class 0").value == pytest.approx(4 / 6)
    assert part(found, "class 1").value == pytest.approx(3 / 4)
    assert found.faults == ()


@pytest.mark.parametrize(
    ("eps", "expected"), [(0.0, 0.9), (0.04, 0.9), (0.06, 0.7), (0.16, 0.5), (0.3, 0.3), (1.0, 0.0)]
)
def test_the_curve_over_budgets(run, eps, expected):
    assert run(AdversarialAccuracy("pgd", eps=eps, steps=10))[0].value == pytest.approx(expected)


def test_the_euclidean_ball(run):
    # Nine pixels at 0.1 each are a distance of 0.3.
    assert run(AdversarialAccuracy("pgd", norm="l2", eps=0.29, steps=10, random_start=False))[0].value == 0.7
    assert run(AdversarialAccuracy("pgd", norm="l2", eps=0.46, steps=10, random_start=False))[0].value == 0.5


class Masked(nn.Module):
    """A small network behind something that hides its gradients."""

    def __init__(self, hide):
        super().__init__()
        self.hide = hide
        self.net = nn.Linear(16, 2)
        with torch.no_grad():
            self.net.weight.copy_(torch.linspace(-1, 1, 32).reshape(2, 16).sin())
            self.net.bias.zero_()

    def forward(self, images):
        return self.net((self.hide(images) - 0.5).flatten(1))


def noisy_images(model):
    images = np.random.default_rng(0).uniform(0.3, 0.7, (40, 1, 4, 4)).astype(np.float32)
    return as_dataset((images, model.predict(images)))


HIDERS = {
    "quantised": lambda images: (images * 15).round() / 15,
    "detached": lambda images: images.detach(),
    "a step": lambda images: (images > 0.5).float(),
}


@pytest.mark.parametrize("hide", HIDERS.values(), ids=HIDERS)
@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_a_model_without_gradients_never_passes(run, hide, attack):
    model = load_classifier(Masked(hide))
    (found,) = run(AdversarialAccuracy(attack, eps=0.3), model=model, data=noisy_images(model))
    assert any("gradient is exactly zero" in fault for fault in found.faults)
    for bound in (0.0, 0.5, 1.0):
        for rule in ("point", "verify", "regress"):
            assert judge(found, Threshold("accuracy", ">=", bound), rule=rule).decision in {"failed", "inconclusive"}


def test_the_same_network_in_the_open_is_not_robust(run):
    model = load_classifier(Masked(lambda images: images))
    (found,) = run(AdversarialAccuracy("fgsm", eps=0.3), model=model, data=noisy_images(model))
    assert found.value == 0
    assert found.faults == ()


@pytest.mark.parametrize("factor", [1e3, 1e6])
def test_large_logits_do_not_hide_it(run, factor):
    # In float32 their softmax is exactly 0 and 1; the true answer is that nothing resists.
    model = load_classifier(nn.Sequential(Masked(lambda images: images), Times(factor)))
    (found,) = run(AdversarialAccuracy("pgd", eps=0.3), model=model, data=noisy_images(model))
    assert found.value == 0
    assert found.faults == ()


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, logits):
        return self.factor * logits


def test_no_budget_needs_no_gradients(run):
    model = load_classifier(Masked(HIDERS["detached"]))
    (found,) = run(AdversarialAccuracy("pgd", eps=0.0, steps=2), model=model, data=noisy_images(model))
    assert (found.value, found.faults) == (1.0, ())


def test_a_black_box_is_told_what_works_without_gradients(run):
    model = load_classifier(lambda images: np.zeros((len(images), 2)), num_classes=2)
    with pytest.raises(CapabilityError, match="offers no gradients"):
        run(AdversarialAccuracy("pgd", eps=0.1), model=model)


def test_several_radii_are_a_curve(run):
    # A flat image of level m falls where |m - 1/2| < eps; the ninth of ten is wrong from the start.
    (found,) = run(AdversarialAccuracy("pgd", eps=[0.16, 0.06, 0.3, 0.16], steps=10))
    assert found.value == pytest.approx(0.3)
    assert found.parameters["eps"] == [0.06, 0.16, 0.3]
    assert [part.name for part in found.parts] == ["clean", "eps=0.06", "eps=0.16", "eps=0.3"]
    curve = curve_of(found)
    assert curve.accuracy == pytest.approx((0.7, 0.5, 0.3))
    assert (curve.clean, curve.norm, curve.attack, curve.n) == (0.9, "linf", "pgd", 10)


def test_a_curve_spends_nothing_on_those_that_fell_at_a_smaller_radius(classifier, dataset, run):
    before = classifier.passes.snapshot()
    run(AdversarialAccuracy("fgsm", eps=[0.06, 0.16, 0.3]))
    # Ten clean; the step takes two passes: nine at the first radius, seven at the second, five at the third. Then the
    # two that fell at each are looked at again, and the three that never did are examined.
    steps = 10 + 2 * (9 + 7 + 5) + 6
    assert (classifier.passes - before).forwards >= steps
    examined = (classifier.passes - before).forwards - steps
    again = classifier.passes.snapshot()
    run(AdversarialAccuracy("fgsm", eps=0.3))
    assert (classifier.passes - again).forwards == 10 + 2 * 9 + 6 + examined


def test_one_radius_is_no_curve(run):
    with pytest.raises(ParameterError, match="no curve"):
        curve_of(run(AdversarialAccuracy("fgsm", eps=0.1))[0])


@pytest.mark.parametrize("eps", [[], [0.1, -0.1], ["a"]])
def test_impossible_radii(eps):
    with pytest.raises(ParameterError, match="eps"):
        AdversarialAccuracy("fgsm", eps=eps)


def test_what_is_known_of_every_sample(run, dataset):
    (found,) = run(AdversarialAccuracy("fgsm", eps=0.1))
    samples = found.samples
    assert samples["index"].tolist() == list(range(10))
    assert samples["label"].tolist() == dataset.labels.tolist()
    assert np.flatnonzero(samples["fooled"]).tolist() == [4, 5, 8]
    assert samples["prediction"][[4, 5, 8]].tolist() == [1, 0, 1]
    assert samples["distance"][[4, 5]] == pytest.approx(0.1)
    assert samples["distance"][8] == 0


def test_adversarial_images_are_saved_in_the_order_of_the_data(run, dataset, classifier, tmp_path):
    shuffled = dataset.take(np.array([7, 4, 1, 5, 8, 0, 9, 2, 3, 6]))
    (found,) = run(AdversarialAccuracy("pgd", eps=0.16, steps=5, save="found.npz"), data=shuffled)
    save_samples(found, tmp_path / "deep" / "found.npz")
    with np.load(tmp_path / "deep" / "found.npz") as saved:
        assert sorted(saved) == ["distance", "fooled", "images", "index", "label", "norm", "prediction"]
        assert saved["index"].tolist() == list(range(10))
        assert saved["norm"] == "linf"
        assert np.array_equal(classifier.predict(saved["images"]), saved["prediction"])
        assert np.array_equal(saved["label"], dataset.labels)
        assert np.array_equal(saved["prediction"] != saved["label"], saved["fooled"])
        moved = np.abs(saved["images"].astype(float) - dataset.pixels().astype(float)).max(axis=(1, 2, 3))
        assert np.array_equal(moved, np.where(saved["fooled"], saved["distance"], 0))
        assert moved.max() <= 0.16


def test_images_cannot_be_saved_elsewhere(run, tmp_path):
    with pytest.raises(ParameterError, match=r"\.npz"):
        AdversarialAccuracy("fgsm", eps=0.1, save="found.png")
    with pytest.raises(ParameterError, match="holds no images"):
        save_samples(run(AdversarialAccuracy("fgsm", eps=0.1))[0], tmp_path / "found.npz")
    (tmp_path / "file").write_text("")
    (found,) = run(AdversarialAccuracy("fgsm", eps=0.1, save="found.npz"))
    with pytest.raises(ConfigurationError, match="cannot be written"):
        save_samples(found, tmp_path / "file" / "found.npz")


def test_a_model_trained_on_the_attack_is_said_to_be(run):
    (found,) = run(AdversarialAccuracy("pgd", eps=0.1, steps=3, trained_on=["pgd"]))
    assert any("trained on pgd" in warning for warning in found.warnings)
    assert run(AdversarialAccuracy("fgsm", eps=0.1, trained_on=["pgd"]))[0].warnings == ()


def test_what_a_model_without_gradients_was_attacked_by(run, classifier):
    scores = load_classifier(classifier.logits, num_classes=2)
    (found,) = run(AdversarialAccuracy("autoattack-fast", eps=0.1), model=scores)
    assert found.value == pytest.approx(0.7)
    assert found.warnings == ("no gradients: attacked through its scores, by square and hopskipjump",)
    labels = load_classifier(classifier.predict, num_classes=2, outputs="labels")
    (found,) = run(AdversarialAccuracy("autoattack-fast", eps=0.1), model=labels)
    assert found.value == pytest.approx(0.7)
    assert found.warnings == ("no gradients: attacked through its labels, by hopskipjump",)
    assert run(AdversarialAccuracy("square", eps=0.1, queries=100), model=scores)[0].warnings == ()


def test_a_verdict_may_end_it(classifier, dataset):
    # 1,000 images of which nine in ten fall: no more than a few slices are attacked.
    images = np.repeat(dataset.pixels(), 100, axis=0)
    labels = np.repeat(dataset.labels, 100)
    many = as_dataset((images, labels)).take(np.random.default_rng(0).permutation(1000))
    stop = EarlyStop(threshold=Threshold("accuracy", ">=", 0.85), rule="point")
    outcomes, evaluation = {}, AdversarialAccuracy("pgd", eps=0.3, steps=5)
    subject = Subject(classifier, many, 0, 500, {}, stop)
    while blocks := evaluation.plan(subject, outcomes):
        outcomes |= {block: Outcome(evaluation.run_block(subject, block)) for block in blocks}
    (found,) = evaluation.summarise(subject, outcomes, confidence=0.95)
    assert {block.part for block in outcomes} == {"clean", "0.0 pgd"}
    assert sum(block.stop - block.start for block in outcomes if block.part != "clean") < 200
    verdict = judge(found, stop.threshold)
    assert verdict.decision == "failed"
    assert "certain" in verdict.reason
    assert found.low <= found.value <= found.high < 0.85
    other = judge(found, Threshold("accuracy", ">=", 0.1))
    assert (other.decision, "settled" in other.reason) == ("inconclusive", True)


def test_an_attack_object_brings_its_own_options():
    assert AdversarialAccuracy(PGD(eps=0.1)) == AdversarialAccuracy("pgd", eps=0.1)
    with pytest.raises(ParameterError, match="its own options"):
        AdversarialAccuracy(PGD(eps=0.1), eps=0.2)
