from __future__ import annotations

import numpy as np
import pytest

from pytest_robustness.datasets import load_dataset, load_mnist_c, mnist_c_corruptions
from pytest_robustness.errors import DataUnavailableError, ParameterError
from pytest_robustness.evaluations import CorruptionAccuracy
from pytest_robustness.evaluations.corruption import MNIST_C
from pytest_robustness.evaluations.summaries import lowest
from pytest_robustness.metrics import binomial_interval, clustered_interval
from pytest_robustness.transforms import CORRUPTIONS, corrupt


def test_by_hand(run):
    # brightness adds 1/2 to every pixel: all images but the darkest are bright then, up to and including level .05
    # (.05 + .5 > .5). So the answers are "bright" for all ten, right for the four that are labelled so.
    mean, worst = run(CorruptionAccuracy(suite="mnist-c-generated", corruptions=["brightness", "translate"]))
    by_name = {part.name: part for part in mean.parts}
    assert by_name["brightness"].value == 0.4
    assert (mean.metric, worst.metric) == ("accuracy", "worst")
    assert mean.value == pytest.approx((0.4 + by_name["translate"].value) / 2)
    assert worst.value == min(part.value for part in worst.parts) == 0.4


def test_the_images_are_those_of_the_transforms(run, classifier, dataset):
    mean, _ = run(CorruptionAccuracy(suite="mnist-c-generated"))
    pixels = np.rint(dataset.pixels() * 255).astype(np.uint8)
    for part, name in zip(mean.parts, CORRUPTIONS, strict=True):
        answers = classifier.predict(corrupt(pixels, name, seed=0, ids=dataset.ids))
        assert (part.name, part.value) == (name, (answers == dataset.labels).mean())


def test_one_image_is_one_cluster(run, classifier, dataset):
    mean, _ = run(CorruptionAccuracy(suite="mnist-c-generated"))
    pixels = np.rint(dataset.pixels() * 255).astype(np.uint8)
    shares = np.mean([classifier.predict(corrupt(pixels, name)) == dataset.labels for name in CORRUPTIONS], axis=0)
    assert mean.value == pytest.approx(shares.mean())
    assert (mean.low, mean.high) == pytest.approx(clustered_interval(shares))
    # Ten images, not eighty pairs.
    pairs = binomial_interval(shares.sum() * len(CORRUPTIONS), 10 * len(CORRUPTIONS))
    assert mean.high - mean.low > pairs.high - pairs.low


def test_the_worst_allows_for_the_search():
    found = lowest([0.9, 0.8, 0.7], n=100, confidence=0.94)
    assert found.value == 0.7
    assert (found.low, found.high) == binomial_interval(70, 100, confidence=0.98)
    alone = lowest([0.7], n=100, confidence=0.94)
    assert (alone.low, alone.high) == binomial_interval(70, 100, confidence=0.94)


def test_the_worst_is_not_covered_by_luck():
    # Ten corruptions, all truly 0.8: the smallest of ten observed shares lies below, its interval must reach up to 0.8.
    draws = np.random.default_rng(0).binomial(200, 0.8, (400, 10)) / 200
    ends = [lowest(row.tolist(), n=200, confidence=0.95) for row in draws]
    assert np.mean([end.low <= 0.8 <= end.high for end in ends]) >= 0.95


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"suite": "cifar-c"}, "allowed: mnist-c, mnist-c-generated"),
        ({"suite": "mnist-c", "corruptions": ["fogg"]}, "Did you mean 'fog'"),
        ({"suite": "mnist-c-generated", "corruptions": ["fog"]}, "corruption of the suite 'mnist-c-generated'"),
        ({"corruptions": []}, "sequence of names"),
        ({"corruptions": "shear"}, "sequence of names"),
        ({"corruptions": 3}, "sequence of names"),
        ({"corruptions": ["shear", "shear"]}, "must not repeat"),
    ],
)
def test_mistakes_are_found_before_any_data_is(options, message):
    with pytest.raises(ParameterError, match=message):
        CorruptionAccuracy(**options)


def test_a_missing_corruption_is_not_left_out_of_the_mean(monkeypatch, tmp_path, dataset):
    monkeypatch.setenv("PYTEST_ROBUSTNESS_DATA", str(tmp_path))
    folder = tmp_path / "mnist_c" / "shear"
    folder.mkdir(parents=True)
    for name in ("test_images.npy", "test_labels.npy"):
        (folder / name).touch()
    with pytest.raises(DataUnavailableError, match="no brightness, canny_edges"):
        CorruptionAccuracy().further_data(dataset, seed=0)


def test_the_published_images(data_dir, run, monkeypatch):
    assert set(MNIST_C) == set(mnist_c_corruptions())
    assert len(MNIST_C) == 15

    def parity(images):
        return (np.asarray(images).sum(axis=(1, 2, 3)) * 255).round().astype(np.int64) % 10

    from pytest_robustness.classifiers import load_classifier

    model = load_classifier(parity, outputs="labels", num_classes=10)
    data = load_dataset("mnist", n=700, seed=1)
    mean, worst = run(CorruptionAccuracy(corruptions=["fog", "shear"]), model=model, data=data)
    for part, name in zip(mean.parts, ["fog", "shear"], strict=True):
        expected = (model.predict(load_mnist_c(name, like=data).images) == data.labels).mean()
        assert (part.name, part.value, part.n) == (name, pytest.approx(expected), 700)
    assert worst.population == 10_000
