"""Counterexamples of a requirement: which samples, how small, and what the report says."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from pytest_robustness.attacks import FGSM, PGD
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.counterexamples import Origin, find_counterexamples, smallest_failure
from pytest_robustness.datasets import as_dataset, load_dataset
from pytest_robustness.engine import Evaluator
from pytest_robustness.errors import ConfigurationError, EvaluationError, ParameterError
from pytest_robustness.evaluations import (
    Accuracy,
    AdversarialAccuracy,
    Calibration,
    CorruptionAccuracy,
    Requirement,
    Sensitivity,
)
from pytest_robustness.strategies import perturbations

from .conftest import bright


@pytest.fixture
def net():
    """A linear model with gradients: class 1 where the mean brightness is above 0.5."""
    import torch

    class Mean(torch.nn.Module):
        def forward(self, images):
            mean = images.flatten(1).mean(1)
            return 20 * torch.stack([0.5 - mean, mean - 0.5], 1)

    return Mean()


def test_every_sample_that_fails_under_a_transform_is_found(greys):
    found = find_counterexamples(bright, greys, "brightness", brightness=(-0.1, 0.1), limit=20)
    distance = np.abs(0.5 - greys.images.mean(axis=(1, 2, 3)))
    assert sorted(one.index for one in found) == np.flatnonzero(distance < 0.1).tolist()
    assert [one.magnitude for one in found] == sorted(one.magnitude for one in found)
    for one in found:
        assert one.magnitude == pytest.approx(distance[one.index], abs=2e-4)
        alone = smallest_failure(bright, "brightness", image=one.index, data=greys, brightness=(-0.1, 0.1))
        assert alone.perturbation == one.perturbation
    assert (found.examined, found.right, found.n) == (20, 20, 20)


def test_it_stops_where_there_are_enough(greys):
    many = as_dataset((np.tile(greys.images, (20, 1, 1, 1)), np.tile(greys.labels, 20)))
    found = find_counterexamples(bright, many, "brightness", limit=3)
    assert len(found) == 3
    assert found.examined == 100 < len(many)
    other = find_counterexamples(bright, many, "brightness", limit=3, seed=1)
    assert {one.index for one in found} != {one.index for one in other}
    again = find_counterexamples(bright, many, "brightness", limit=3)
    assert [one.perturbation for one in again] == [one.perturbation for one in found]


def test_samples_that_are_wrong_to_begin_with_are_no_counterexamples(greys):
    swapped = as_dataset((greys.images, np.where(np.arange(20) < 2, 1, greys.labels)))
    found = find_counterexamples(bright, swapped, "brightness", limit=20)
    assert found.right == 18
    assert {0, 1}.isdisjoint(one.index for one in found)


def test_a_model_that_is_never_right_has_not_passed(greys):
    swapped = as_dataset((greys.images, 1 - greys.labels))
    with pytest.raises(EvaluationError, match="none of 20 samples is right before any change"):
        find_counterexamples(bright, swapped, "brightness")


def test_none_is_an_empty_table(greys):
    found = find_counterexamples(bright, greys, "blur")
    assert len(found) == 0
    assert not found
    assert "no counterexample of at most 10; 20 of 20 samples looked at, 20 of them right as they are" in str(found)
    assert "32 values of blur" in found.summary
    assert found.to_dataframe().empty
    assert "<table" not in found.to_html()
    with pytest.raises(EvaluationError, match="no counterexample to draw"):
        found.plot()


@pytest.mark.parametrize("attack", [FGSM(norm="linf", eps=0.2), PGD(norm="linf", eps=0.2, steps=5, random_start=False)])
def test_on_the_way_to_an_attacked_image(net, greys, attack):
    found = find_counterexamples(net, greys, AdversarialAccuracy(attack=attack), limit=20)
    distance = np.abs(0.5 - greys.images.mean(axis=(1, 2, 3)))
    assert sorted(one.index for one in found) == np.flatnonzero(distance < 0.2).tolist()
    for one in found:
        # On a linear model, the sign of the gradient leads straight to the border.
        assert one.linf == pytest.approx(distance[one.index], abs=1e-3)
        assert one.magnitude <= 1


def test_those_of_a_measurement_are_those_that_it_counts(net, greys):
    measurement = Evaluator(net, greys).measure(AdversarialAccuracy("pgd", norm="linf", eps=0.15, steps=10))
    found = find_counterexamples(net, greys, measurement, limit=20)
    assert sorted(one.index for one in found) == sorted(measurement.samples["index"][measurement.samples["fooled"]])
    same = Requirement(evaluation=AdversarialAccuracy("pgd", norm="linf", eps=0.15, steps=10))
    assert [one.magnitude for one in find_counterexamples(net, greys, same, limit=20)] == [
        one.magnitude for one in found
    ]


def test_on_the_way_to_corrupted_images(digits_model, digits):
    evaluation = CorruptionAccuracy("mnist-c-generated", corruptions=["brightness", "fog"])
    found = find_counterexamples(digits_model, digits, evaluation, limit=4)
    assert len(found) == 4
    for one in found:
        assert 0 < one.magnitude <= 1
        assert "towards(corrupt(data.images[data.ids ==" in one.reproduce
    assert "2 corruptions, then 32 values of strength, then bisection to 0.001" in found.summary


@pytest.mark.parametrize(
    "evaluation",
    [
        Sensitivity(gamma=(0.5, 2), brightness=(-0.4, -0.2)),
        Sensitivity(gamma=(0.3, 3), brightness=None),
        Sensitivity(rotation=(-0.6, 0.6), contrast=(0.5, 2)),
        Sensitivity(rotation=(-0.6, 0.6), scale=(0.7, 1.3)),
    ],
    ids=str,
)
def test_in_the_box_of_a_surface(digits_model, digits, evaluation):
    found = find_counterexamples(digits_model, digits, evaluation, limit=3)
    assert len(found) == 3
    box = dict(evaluation.ranges)
    identity = dict(zip(evaluation.box.names, evaluation.box.identity, strict=True))
    for one in found:
        for step in one.perturbation.steps:
            for name, value in step.moved.items():
                assert min(box[name][0], identity[name]) <= value <= max(box[name][1], identity[name])


def test_over_the_box_of_a_function_of_the_user(greys):
    def veiled(images, veil=0.0):
        return images * (1 - veil)

    found = find_counterexamples(bright, greys, Sensitivity(transform=veiled, veil=(0.1, 0.3)), limit=20)
    means = greys.images.mean(axis=(1, 2, 3))
    assert sorted(one.index for one in found) == np.flatnonzero((means > 0.5) & (means * 0.7 <= 0.5)).tolist()

    def unknown(images, veil):
        return images * (1 - veil)

    with pytest.raises(ParameterError, match="the value of veil that changes nothing is not known"):
        find_counterexamples(bright, greys, Sensitivity(transform=unknown, veil=(0.1, 0.3)))


def test_the_lines_reproduce(digits_model, digits, capsys):
    sources = [
        CorruptionAccuracy("mnist-c-generated", corruptions=["brightness"]),
        Sensitivity(rotation=(-0.6, 0.6), scale=(0.7, 1.3)),
        perturbations("salt_and_pepper", "shear"),
        ("gaussian_noise", "rotation"),
    ]
    for what in sources:
        found = find_counterexamples(digits_model, digits, what, limit=2, seed=5)
        assert len(found) == 2
        for one in found:
            exec(one.reproduce, {"model": load_classifier(digits_model), "data": digits})
            assert capsys.readouterr().out == f"[{one.after}]\n"


def test_the_line_of_an_attack_reproduces(net, greys, capsys):
    evaluation = AdversarialAccuracy("pgd", norm="linf", eps=0.15, steps=4)
    (one,) = find_counterexamples(net, greys, evaluation, limit=1)
    assert "attacks.PGD(norm='linf', eps=0.15, steps=4).run(model, " in one.reproduce
    exec(one.reproduce, {"model": load_classifier(net), "data": greys})
    assert capsys.readouterr().out == f"[{one.after}]\n"


def test_the_published_images_of_mnist_c(data_dir, capsys):
    from example_models.lenet5 import load

    data = load_dataset("mnist", n=200)
    evaluation = CorruptionAccuracy("mnist-c", corruptions=["fog", "glass_blur"])
    found = find_counterexamples(
        load(), data, evaluation, limit=2, origin=Origin("example_models.lenet5:load", "mnist")
    )
    assert len(found) == 2
    for one in found:
        exec(one.reproduce, {})
        assert capsys.readouterr().out == f"[{one.after}]\n"


@pytest.mark.parametrize(
    ("what", "options", "message"),
    [
        (Accuracy(), {}, "changes no images: got 'accuracy'; allowed: adversarial, corruption, sensitivity"),
        (Requirement(evaluation=Calibration()), {}, "changes no images: got 'calibration'"),
        (Sensitivity(), {"scan": 3}, "a requirement takes no further options"),
        ("rotaton", {}, "Did you mean 'rotation'"),
        ("rotation", {"limit": 0}, "limit is out of range"),
    ],
)
def test_what_is_refused(greys, what, options, message):
    with pytest.raises(ParameterError, match=message):
        find_counterexamples(bright, greys, what, **options)


def test_a_measurement_of_an_attack_without_a_name(net, greys):
    from dataclasses import replace

    measurement = Evaluator(net, greys).measure(AdversarialAccuracy("fgsm", norm="linf", eps=0.1))
    foreign = replace(measurement, parameters={**measurement.parameters, "attack": "foreign"})
    with pytest.raises(ParameterError, match="no evaluation can be made of this measurement"):
        find_counterexamples(net, greys, foreign)


def test_a_model_that_depends_on_its_batch(greys):
    def jealous(images):
        pixels = np.asarray(images)
        return ((pixels.mean(axis=(1, 2, 3)) > 0.5) ^ (len(pixels) == 19)).astype(np.int64)

    model = load_classifier(jealous, outputs="labels", num_classes=2, input_shape=(1, 8, 8))
    mixed = as_dataset((greys.images, np.where(np.arange(20) == 0, 1, greys.labels)))  # 19 of them are right
    with pytest.raises(EvaluationError, match="failed among others is right on its own"):
        find_counterexamples(model, mixed, "rotation", limit=1)


def test_the_report(digits_model, digits, tmp_path):
    found = find_counterexamples(digits_model, digits, ("rotation", "brightness"), limit=3)
    frame = found.to_dataframe()
    assert list(frame["index"]) == [one.index for one in found]
    assert list(frame["magnitude"]) == [one.magnitude for one in found]
    assert frame["perturbation"][0] == repr(found[0].perturbation)
    assert [one.index for one in found[1:]] == list(frame["index"][1:])
    text = str(found)
    assert text.startswith("('rotation', 'brightness'): 3 counterexamples of at most 3; ")
    assert len(text.splitlines()) == 5
    markdown = found.to_markdown()
    assert markdown.count("print(model.predict(") == 3
    assert f"| {found[0].index} | {found[0].before} → {found[0].after} |" in markdown
    html = found.to_html()
    assert html.count("data:image/png;base64,") == 3
    assert "&#x27;rotation&#x27;" in html
    rows = list(csv.DictReader(io.StringIO(found.save(tmp_path / "new" / "a.csv").read_text())))
    assert [row["reproduce"] for row in rows] == [one.reproduce for one in found]
    assert found.save(tmp_path / "a.html").read_text() == html
    assert found.save(tmp_path / "a.md").read_text() == markdown
    with pytest.raises(ParameterError, match=r"unknown format of a report: got .*a\.txt"):
        found.save(tmp_path / "a.txt")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        found.save(tmp_path / "a.md" / "b.md")


def test_pictures(digits_model, digits, tmp_path):
    from PIL import Image

    found = find_counterexamples(digits_model, digits, "rotation", limit=3)
    first, second = found.save(tmp_path / "a.png"), found.save(tmp_path / "b.png")
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as sheet:
        assert sheet.height > 2 * 1.5 * 150  # three rows
    one = found[0]
    with Image.open(one.save(tmp_path / "one.png")) as image:
        np.testing.assert_array_equal(np.asarray(image), np.rint(255 * one.image[0]))
    np.testing.assert_array_equal(np.load(one.save(tmp_path / "one.npy")), one.image)
    axes = one.plot(tmp_path / "one.svg").axes
    assert [a.get_title() for a in axes[:3]] == [
        f"image {one.index}: {one.before}",
        f"becomes {one.after}",
        "difference",
    ]
    for call in (one.save, one.plot, found.plot):
        with pytest.raises(ParameterError, match="unknown format of"):
            call(tmp_path / "one.gif")


def test_a_picture_of_colours(tmp_path):
    from PIL import Image

    def reddish(images):
        return (np.asarray(images)[:, 0].mean(axis=(1, 2)) > 0.5).astype(np.int64)

    image = np.stack([np.full((6, 5), level, np.float32) for level in (0.6, 0.2, 0.9)])
    found = smallest_failure(load_classifier(reddish, outputs="labels"), "saturation", image=(image, 1))
    with Image.open(found.save(tmp_path / "one.png")) as picture:
        assert picture.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(picture), np.rint(255 * found.image).transpose(1, 2, 0))
    found.plot(tmp_path / "sheet.png")
    assert str(found).startswith("the image: 1 becomes 0 by Perturbation([('saturation'")
