"""Calibration under corruptions and under attack."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.attacks import make_attack
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset, load_dataset
from pytest_robustness.engine import Evaluator
from pytest_robustness.errors import CapabilityError, ConfigurationError, DatasetError, ParameterError
from pytest_robustness.evaluations import Calibration, Threshold, judge, make_requirement
from pytest_robustness.metrics import brier_terms, clustered_interval, expected_calibration_error
from pytest_robustness.transforms import corrupt


class Halves(nn.Module):
    """Compares the upper half of an image with the lower: class 1 where the upper one is brighter."""

    def __init__(self, factor: float = 8.0) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        middle = images.shape[2] // 2
        score = self.factor * (images[:, :, :middle].mean(dim=(1, 2, 3)) - images[:, :, middle:].mean(dim=(1, 2, 3)))
        return torch.stack([torch.zeros_like(score), score], dim=1)


@pytest.fixture(scope="module")
def halves():
    return load_classifier(Halves(), num_classes=2)


@pytest.fixture(scope="module")
def pictures(halves):
    """120 images of 28 x 28 pixels, labelled by chance with the model's own probabilities."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (120, 1, 28, 28), dtype=np.uint8) // 2
    images[:, :, :14] += generator.integers(0, 120, (120, 1, 1, 1), dtype=np.uint8)
    images[:, :, 14:] += generator.integers(0, 120, (120, 1, 1, 1), dtype=np.uint8)
    labels = (generator.random(120) < halves.probabilities(images)[:, 1]).astype(np.int64)
    return as_dataset((images, labels))


NAMES = ("shear", "fog", "translate")


def test_under_corruption_each_is_a_part_and_the_value_their_mean(run, halves, pictures):
    found = run(Calibration(under="mnist-c-generated", corruptions=NAMES), model=halves, data=pictures)
    ece, brier = found[0], found[4]
    each = []
    for name, part in zip(NAMES, ece.parts, strict=True):
        images = corrupt(pictures.images, name, seed=0, ids=pictures.ids)
        each.append(halves.probabilities(images))
        assert part.name == name
        assert part.value == pytest.approx(expected_calibration_error(each[-1], pictures.labels))
        assert part.low <= part.value <= part.high
    assert ece.value == pytest.approx(np.mean([part.value for part in ece.parts]))
    assert ece.low <= ece.value <= ece.high
    assert ece.worst_part is not None
    assert sum(bar["n"] for bar in ece.details["bins"]) == 3 * 120
    worst = {m.metric: m for m in found}["worst_ece"]
    assert worst.value == max(part.value for part in ece.parts)
    assert worst.low <= worst.value <= worst.high
    # Looking for the worst widens the interval, and chance has more to choose from.
    assert worst.high >= max(part.high for part in ece.parts)
    assert worst.noise_floor > ece.noise_floor
    asked = make_requirement("calibration", {"under": "mnist-c", "max_each": 0.1})
    assert asked.thresholds == (Threshold("worst_ece", "<=", 0.1),)
    with pytest.raises(ConfigurationError, match="max_each needs several corruptions"):
        make_requirement("calibration", {"max_each": 0.1})
    # The mean Brier score is that of one cluster for each image.
    shares = np.mean([brier_terms(p, pictures.labels) for p in each], axis=0) / 2
    assert (brier.value, brier.low, brier.high) == pytest.approx(
        (2 * shares.mean(), *(2 * end for end in clustered_interval(shares)))
    )
    assert ece.name == "calibration(under=mnist-c-generated, corruptions=[shear,fog,translate]).ece"


def test_levels_of_severity_are_one_part(run, halves, pictures):
    found = run(Calibration(under="common", corruptions=["contrast"], severities=[1, 5]), model=halves, data=pictures)
    alone = [
        run(Calibration(under="common", corruptions=["contrast"], severities=[level]), model=halves, data=pictures)[0]
        for level in (1, 5)
    ]
    assert found[0].value == pytest.approx(np.mean([m.value for m in alone]))
    assert found[0].parts == ()


def test_one_corruption_has_no_parts(run, halves, pictures):
    one = run(Calibration(under="mnist-c-generated", corruptions=["shear"]), model=halves, data=pictures)[0]
    assert one.parts == ()
    assert one.value != run(Calibration(), model=halves, data=pictures)[0].value


def test_the_published_images(data_dir):
    from example_models.lenet5 import load

    data = load_dataset("mnist", n=300, seed=0)
    found = Evaluator(load(), data).measure(Calibration(under="mnist-c", corruptions=["scale", "stripe"]))
    assert [part.name for part in found.parts] == ["scale", "stripe"]
    assert found.n == 300
    plain = Evaluator(load(), data).measure(Calibration())
    assert found.value > plain.value + 0.02
    assert judge(found, Threshold("ece", "<=", 0.01)).decision == "failed"


def test_published_images_are_for_mnist_alone(run, halves, pictures, data_dir):
    with pytest.raises(DatasetError, match="MNIST-C corrupts the MNIST test set alone"):
        run(Calibration(under="mnist-c"), model=halves, data=pictures)


def test_under_attack_the_images_are_those_of_the_attack(run, halves, pictures):
    evaluation = Calibration(under="adversarial", attack="pgd", eps=0.05, steps=5)
    found = run(evaluation, model=halves, data=pictures)
    moved = make_attack("pgd", eps=0.05, steps=5).run(
        halves, pictures.images, pictures.labels, seed=0, ids=pictures.ids
    )
    expected = expected_calibration_error(halves.probabilities(moved), pictures.labels)
    assert found[0].value == pytest.approx(expected)
    clean = run(Calibration(), model=halves, data=pictures)[0]
    assert found[0].value > clean.value + 0.05
    assert not any(m.faults for m in found)
    assert evaluation.parameters() == {"under": "adversarial", "attack": "pgd", "norm": "linf", "eps": 0.05, "steps": 5}
    assert evaluation.attack == make_attack("pgd", eps=0.05, steps=5)


def test_pgd_is_the_attack_by_default():
    assert Calibration(under="adversarial", eps=0.1) == Calibration(under="adversarial", attack="pgd", eps=0.1)


def test_a_radius_of_0_is_the_data_as_they_are(run, halves, pictures):
    found = run(Calibration(under="adversarial", eps=0.0), model=halves, data=pictures)[0]
    assert found.value == pytest.approx(run(Calibration(), model=halves, data=pictures)[0].value, abs=1e-6)


class Masked(Halves):
    """The same decisions, with a gradient that is 0 everywhere."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(torch.round(images * 8) / 8)


def test_an_attack_that_could_not_work_makes_the_measurement_faulty(run, pictures):
    model = load_classifier(Masked(), num_classes=2)
    found = run(Calibration(under="adversarial", attack="pgd", eps=0.05, steps=5), model=model, data=pictures)
    assert all(m.faults for m in found)
    assert judge(found[0], Threshold("ece", "<=", 0.9)).decision == "failed"


def test_a_weak_attack_is_warned_of(run, halves, pictures):
    found = run(Calibration(under="adversarial", attack="fgsm", eps=0.002), model=halves, data=pictures)
    assert not found[0].faults
    assert all("the value" not in text for text in found[0].warnings)


def test_attacks_need_what_they_need(run, pictures):
    model = load_classifier(lambda x: np.tile([0.3, 0.7], (len(x), 1)), outputs="probabilities", num_classes=2)
    with pytest.raises(CapabilityError, match="offers no gradients"):
        run(Calibration(under="adversarial", eps=0.1), model=model, data=pictures)


def test_scaling_under_shift(run, halves, pictures):
    hot = run(Calibration(under="mnist-c-generated", corruptions=NAMES, temperature=100), model=halves, data=pictures)
    assert hot[5].value == pytest.approx(np.log(2), abs=0.01)
    hot = run(Calibration(under="adversarial", eps=0.05, steps=5, temperature=100), model=halves, data=pictures)
    assert hot[5].value == pytest.approx(np.log(2), abs=0.01)
    assert hot[0].details["temperature"] == 100


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"under": "mnistc"}, "unknown shift for calibration: got 'mnistc'.*Did you mean 'mnist-c'"),
        ({"under": 3}, "unknown shift"),
        ({"under": "adversarial"}, "the attack 'pgd' needs a radius"),
        ({"under": "adversarial", "attack": "pgdd", "eps": 0.1}, "unknown attack"),
        ({"under": "adversarial", "eps": 0.1, "stepss": 3}, "unknown option of the attack 'pgd'"),
        ({"under": "adversarial", "eps": [0.1, 0.2]}, "at one radius"),
        ({"under": "adversarial", "eps": 0.1, "save": "x.npz"}, "takes no save"),
        ({"under": "adversarial", "eps": 0.1, "corruptions": ["fog"]}, "unknown option of the attack 'pgd'"),
        ({"under": "mnist-c", "eps": 0.1}, "unknown option of calibration under 'mnist-c': got 'eps'"),
        ({"under": "mnist-c", "attack": "pgd"}, "goes with under='adversarial'"),
        ({"attack": "pgd"}, "goes with under='adversarial'"),
        ({"under": "mnist-c", "corruptions": ["fogg"]}, "Did you mean 'fog'"),
        ({"under": "mnist-c", "reference": "lenet5"}, "unknown option of calibration"),
    ],
)
def test_impossible_shifts(parameters, message):
    with pytest.raises(ParameterError, match=message):
        Calibration.build(**parameters)
