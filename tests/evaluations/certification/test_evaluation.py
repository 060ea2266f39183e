from __future__ import annotations

import dataclasses
import json
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.certificates import SmoothedClassifier, l0_thresholds, plan_of_looks
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset
from pytest_robustness.engine import Evaluator, keys
from pytest_robustness.errors import ClassifierError, ConfigurationError, DatasetError, ParameterError
from pytest_robustness.evaluations import CertifiedAccuracy, EarlyStop, Subject, Threshold, make_requirement
from pytest_robustness.evaluations.certification.evaluation import BLOCK_SIZE
from pytest_robustness.evaluations.early import SLICE

NOISE = {"alpha": 0.9, "noise_n": 2000}
ONE = CertifiedAccuracy(radius=1, **NOISE)
CURVE = CertifiedAccuracy(radius=[1, 2], **NOISE)


@pytest.fixture(scope="module")
def evaluator(net, digits):
    return Evaluator(net, digits)


@pytest.fixture(scope="module")
def one(evaluator):
    return evaluator.measure(ONE)


@pytest.fixture(scope="module")
def curve(evaluator):
    return evaluator.measure(CURVE)


class Certain(nn.Module):
    """Calls every image class 1, whatever the noise."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :1] * 0 + torch.tensor([-3.0, 3.0])


def squares(n=20, value=1.0):
    return as_dataset((np.full((n, 1, 2, 2), value, np.float32), np.arange(n) % 2))


def test_parameters_are_builtin_and_the_usual_ones_unsaid():
    assert CertifiedAccuracy().parameters() == {"norm": "l0", "radius": 1, "alpha": 0.8}
    assert CertifiedAccuracy("l2", "0,0.5").parameters() == {"norm": "l2", "radius": [0.0, 0.5], "sigma": 0.25}
    rare = CertifiedAccuracy(radius=[3], alpha="1/3", levels=2, noise_n=10**6, noise_n0=50, noise_confidence=0.99)
    draws = {"noise_n": 10**6, "noise_n0": 50, "noise_confidence": 0.99}
    assert rare.parameters() == {"norm": "l0", "radius": 3, "alpha": "1/3", "levels": 2, **draws}
    assert json.loads(json.dumps(rare.parameters())) == rare.parameters()


def test_the_same_request_in_other_words_is_equal():
    assert CertifiedAccuracy(radius="0..3", alpha=Fraction(4, 5)) == CertifiedAccuracy(radius=[3, 2, 1, 0], levels=1)
    assert hash(CertifiedAccuracy(alpha="0.8")) == hash(CertifiedAccuracy())
    assert dataclasses.replace(ONE, radius=2).parameters() == {**ONE.parameters(), "radius": 2}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"noise_n": 0}, "noise_n is out of range: got 0"),
        ({"noise_n": 10**8}, "noise_n is out of range: got 100000000; allowed: 1 to 10,000,000 draws"),
        ({"norm": "l2", "sigma": 1e39}, "sigma is out of range"),
        ({"noise_n0": 1.5}, "noise_n0 is out of range: got 1.5"),
        ({"noise_confidence": 1}, "noise_confidence is out of range: got 1"),
        ({"radius": 3, "noise_n": 500}, "noise_n=500 draws cannot certify the radius"),
        ({"radius": [3, 4], "noise_n": 500}, "got 3; allowed: up to 2"),
        ({"radius": [0, 3], "noise_n": 500, "min_accuracy": 0.1}, "got 3; allowed: up to 2"),
        ({"norm": "l2", "radius": 1}, r"got 1\.0; allowed: up to 0\.952864"),
        ({"radius": 1, "min_median_radius": 1}, "min_median_radius needs several radii: got 'radius=1'"),
        ({"radius": [1, 2], "min_mean_radius": -1}, "mean_radius is out of range"),
        ({"min_accuracy": 80}, "0 to 1"),
        ({"noise": 0.8}, "unknown parameter of the family 'certified'"),
        ({"confidence_noise": 0.8}, "unknown parameter"),
    ],
)
def test_mistakes_are_found_before_any_work(keys, message):
    with pytest.raises(ConfigurationError, match=message):
        make_requirement("certified", keys)


def test_a_curve_goes_on_where_nothing_can_be_certified(net, digits):
    found = Evaluator(net, digits.take(np.arange(20))).measure(CertifiedAccuracy(radius=[1, 2, 3], noise_n=500))
    assert [part.name for part in found.parts] == ["radius=0", "radius=1", "radius=2", "radius=3"]
    assert found.value == 0.0
    assert "500 draws certify no image beyond radius 2" in found.warnings


def test_thresholds():
    keys = {"radius": "0..5", "min_accuracy": 0.5, "min_mean_radius": 2.5, "min_median_radius": 2, "n": 100}
    requirement = make_requirement("certified", keys)
    assert [threshold.metric for threshold in requirement.thresholds] == ["accuracy", "mean_radius", "median_radius"]
    assert requirement.overrides == {"n": 100}
    assert requirement.evaluation.radii == (0, 1, 2, 3, 4, 5)


def test_the_certificates_are_those_of_the_smoothed_classifier(one, curve, net, digits):
    smoothed = SmoothedClassifier(load_classifier(net, input_shape=(1, 8, 8), num_classes=10), ONE.noise)
    chosen = digits.take(np.searchsorted(digits.ids, one.samples["index"][:10]))
    at = smoothed.certify_at(chosen.images, 1, n=2000, ids=chosen.ids)
    whole = smoothed.certify(chosen.images, n=2000, ids=chosen.ids)
    assert np.array_equal(one.samples["certified"][:10], at.certified)
    assert np.array_equal(one.samples["draws"][:10], at.draws)
    assert np.array_equal(curve.samples["radius"][:10], whole.radius)
    assert np.array_equal(curve.samples["prediction"][:10], whole.labels)
    assert np.array_equal(curve.samples["p_lower"][:10], whole.p_lower)


def test_one_radius(one, digits):
    samples = one.samples
    assert sorted(samples["index"]) == sorted(digits.ids)
    assert np.array_equal(digits.labels[samples["index"]], samples["label"])
    certified = samples["certified"] & (samples["guess"] == samples["label"])
    assert one.value == certified.mean()
    assert 0.1 < one.value < 0.9
    assert np.array_equal(samples["correct"], certified)
    assert np.array_equal(samples["radius"], np.where(samples["certified"], 1, -1))
    assert np.array_equal(samples["prediction"] == -1, ~samples["certified"])
    assert not one.others
    assert [part.name for part in one.parts] == ["right guess", *(f"class {k}" for k in range(10))]
    assert one.parts[0].value == (samples["guess"] == samples["label"]).mean() > one.value
    assert sum(part.value * part.n for part in one.parts[1:]) == pytest.approx(100 * one.value)


def test_one_radius_takes_few_draws(one):
    # Each image goes twice through the model without noise: grey, and black and white.
    assert one.forwards == one.samples["draws"].sum() + 200
    assert one.samples["draws"].max() <= 2100
    assert one.samples["draws"].mean() < 1000
    details = one.details["certificates"]
    assert (details["draws"], details["most_draws"]) == (one.samples["draws"].mean(), one.samples["draws"].max())
    assert one.samples["seconds"].sum() == pytest.approx(one.seconds)


def test_several_radii(one, curve):
    samples = curve.samples
    assert (samples["draws"] == 2100).all()
    assert curve.forwards == 100 * 2100 + 200
    right = samples["prediction"] == samples["label"]
    assert curve.value == (right & (samples["radius"] >= 2)).mean()
    assert [part.name for part in curve.parts] == ["radius=0", "radius=1", "radius=2"]
    assert [part.value for part in curve.parts] == [(right & (samples["radius"] >= r)).mean() for r in range(3)]
    assert 1 > curve.parts[0].value > curve.parts[1].value > curve.value
    # The draws of both are the same. A single look pardons a few more failures than many looks.
    assert 0 <= curve.parts[1].value - one.value < 0.1
    assert np.mean(one.samples["certified"] & (samples["radius"] < 1)) == 0
    assert curve["mean_radius"].value == np.where(right, samples["radius"], 0).mean()
    assert curve["median_radius"].value in (0, 1)
    assert curve["mean_radius"].higher_is_better
    assert curve["mean_radius"].low < curve["mean_radius"].value < curve["mean_radius"].high <= 2


def test_details_are_small_and_builtin(one, curve):
    for found in (one, curve):
        details = found.details["certificates"]
        assert json.loads(json.dumps(details, allow_nan=False)) == details
        assert len(json.dumps(details)) < 1000
        assert details["accuracy"][-1] == found.value
        assert (details["low"][-1], details["high"][-1]) == (found.low, found.high)
        assert details["statement"].startswith("for each image, a false certificate has a chance of at most 0.001;")
        assert details["channels"] == 1
        assert 0.0009 < details["error"] <= 0.001
    assert (one.details["certificates"]["loss"], curve.details["certificates"]["loss"]) == (0.1, 0.0)
    plan = plan_of_looks(ONE.noise.least(1), error=Fraction(1, 1000), n=2000, loss=Fraction(1, 20))
    assert one.details["certificates"]["error"] == plan.error < curve.details["certificates"]["error"] == 0.001
    assert (one.details["certificates"]["radii"], one.details["certificates"]["sequential"]) == ([1], True)
    details = curve.details["certificates"]
    assert (details["radii"], details["sequential"]) == ([0, 1, 2], False)
    assert details["mean_radius"] == curve["mean_radius"].value
    assert details["undecided"] == (curve.samples["prediction"] == -1).sum()
    assert not curve["mean_radius"].details


def test_a_mean_radius_needs_several(one):
    with pytest.raises(ParameterError, match=r"no mean_radius.*It needs several radii: radius=\[0, 1, 2\]"):
        one["mean_radius"]


def test_an_image_is_certified_alike_in_any_company(net, digits, one):
    few = Evaluator(net, digits.take([70, 3, 41]), batch_size=64).measure(ONE)
    rows = [list(one.samples["index"]).index(index) for index in few.samples["index"]]
    for name in ("guess", "certified", "draws", "failures"):
        assert np.array_equal(few.samples[name], one.samples[name][rows])
    other = Evaluator(net, digits, seed=1).measure(ONE)
    assert not np.array_equal(np.sort(other.samples["failures"]), np.sort(one.samples["failures"]))


def test_blocks_are_kept_and_a_run_goes_on(net, digits, tmp_path, one):
    class StopError(Exception):
        pass

    def stop(progress):
        if progress.done == 3:
            raise StopError

    with pytest.raises(StopError):
        Evaluator(net, digits, cache=tmp_path, progress=stop).measure(ONE)
    assert len(list(tmp_path.rglob("*.npz"))) == 3
    resumed = Evaluator(net, digits, cache=tmp_path)
    before = resumed.classifier.passes.snapshot()
    found = resumed.measure(ONE)
    spent = (resumed.classifier.passes - before).forwards
    done = one.samples["draws"][: 3 * BLOCK_SIZE].sum() + 2 * 3 * BLOCK_SIZE
    assert spent == one.forwards - done
    assert (found.value, found.forwards, found.cached) == (one.value, one.forwards, False)
    assert Evaluator(net, digits, cache=tmp_path).measure(ONE).cached


def test_whatever_matters_is_in_the_key(evaluator):
    def key(evaluation):
        return keys.evaluation_key(evaluation, Subject(evaluator.classifier, evaluator.dataset, 0, 500), "")

    changes = [
        *({"alpha": "9001/10000"}, {"alpha": "1/3", "radius": 0}, {"alpha": 1 / 3, "radius": 0}, {"levels": 16}),
        *({"radius": 2}, {"radius": [1, 2]}, {"noise_n": 2001}, {"noise_n0": 99}, {"noise_confidence": 0.99}),
    ]
    found = {key(CertifiedAccuracy(**{"radius": 1, **NOISE, **change})) for change in changes}
    assert len(found | {key(ONE), key(CertifiedAccuracy("l2", 0.1, noise_n=2000))}) == len(changes) + 2
    # Of several radii the draws are the same for any radii, and any confidence.
    changes = [{"radius": "0..3"}, {"noise_confidence": 0.99}, {"radius": [0, 2], "noise_confidence": 0.9}]
    assert {key(CertifiedAccuracy(**{"radius": [1, 2], **NOISE, **change})) for change in changes} == {key(CURVE)}
    draws = [{"noise_n": 2001}, {"noise_n0": 99}, {"alpha": 0.8}, {"levels": 16}]
    found = {key(CertifiedAccuracy(**{"radius": [1, 2], **NOISE, **change})) for change in draws}
    assert len(found | {key(CURVE), key(ONE)}) == 6


def test_other_radii_and_another_confidence_take_no_new_draws(net, digits, tmp_path):
    few = digits.take(range(10))
    Evaluator(net, few, cache=tmp_path).measure(CURVE)
    for change in ({"radius": (0, 1, 3)}, {"noise_confidence": 0.9}):
        evaluation = dataclasses.replace(CURVE, **change)
        found = Evaluator(net, few, cache=tmp_path).measure(evaluation)
        assert found.cached
        anew = Evaluator(net, few).measure(evaluation)
        assert [part.value for part in found.parts] == [part.value for part in anew.parts]
        for name in ("radius", "prediction", "p_lower", "guess"):
            assert np.array_equal(found.samples[name], anew.samples[name])


def test_images_of_a_curve_are_stored_two_by_two(net, digits, tmp_path):
    Evaluator(net, digits.take(range(9)), cache=tmp_path).measure(CURVE)
    assert len(list(tmp_path.rglob("*.npz"))) == 5


@pytest.mark.parametrize("n", [10, 11, 20])
def test_few_draws_make_a_curve_of_radius_0(net, digits, n):
    found = Evaluator(net, digits.take(range(10))).measure(CertifiedAccuracy(radius="0..3", noise_n=n))
    mean = found["mean_radius"]
    assert (mean.value, mean.low, mean.high) == (0.0, 0.0, 0.0)
    assert f"{n} draws certify no image beyond radius 0" in found.warnings


def colour(n=12):
    return as_dataset((np.ones((n, 3, 2, 2), np.float32), np.ones(n, int)))


@pytest.mark.parametrize("radius", [1, [0, 1]])
def test_in_colour_it_is_values_that_are_counted(radius):
    found = Evaluator(load_classifier(Certain(), num_classes=2), colour()).measure(
        CertifiedAccuracy(radius=radius, noise_n=500)
    )
    text = "the radius counts values, of which a pixel has 3: a change of r pixels changes up to 3 r of them"
    assert found.warnings == (text,)
    details = found.details["certificates"]
    assert (details["noise"], details["channels"]) == ("values kept with probability 0.8", 3)
    gaussian = Evaluator(load_classifier(Certain(), num_classes=2), colour()).measure(
        CertifiedAccuracy("l2", 0.1, noise_n=500)
    )
    assert gaussian.warnings == ()


def test_no_radius_is_larger_than_an_image():
    evaluator = Evaluator(load_classifier(Certain(), num_classes=2), squares(4))
    before = evaluator.classifier.passes.snapshot()
    for radius in (5, [0, 5]):
        with pytest.raises(ParameterError, match=r"larger than the images have values: got 5; allowed: 0 to 4"):
            evaluator.measure(CertifiedAccuracy(radius=radius, alpha=0.72, noise_n=100_000))
    assert (evaluator.classifier.passes - before).forwards == 0
    found = evaluator.measure(CertifiedAccuracy(radius=[0, 4], alpha=0.72, noise_n=10_000))
    assert found.samples["radius"].tolist() == [4] * 4
    assert found["mean_radius"].high <= 4


def test_a_model_that_is_always_wrong_is_not_told_to_learn_the_noise():
    data = as_dataset((np.ones((12, 1, 2, 2), np.float32), np.zeros(12, int)))
    found = Evaluator(load_classifier(Certain(), num_classes=2), data).measure(CertifiedAccuracy(noise_n=500))
    assert found.value == 0.0
    assert found.warnings == ()


def test_the_name_says_at_which_of_several_radii(one, curve):
    assert one.name.endswith(".accuracy")
    assert curve.name.endswith("radius=[1,2], alpha=0.9, noise_n=2000).accuracy at radius 2")
    assert curve["mean_radius"].name.endswith(".mean_radius")


def test_it_ends_as_soon_as_the_verdict_is_known(net, digits, tmp_path, one):
    stop = EarlyStop(threshold=Threshold("accuracy", ">=", 0.9), rule="point")
    early = Evaluator(net, digits, cache=tmp_path).measure(ONE, early=stop)
    assert early.settled is not None
    assert early.settled.decision == "failed"
    assert early.forwards < one.forwards
    assert len(early.samples["index"]) == SLICE
    # What was done by then is not done again.
    evaluator = Evaluator(net, digits, cache=tmp_path)
    before = evaluator.classifier.passes.snapshot()
    whole = evaluator.measure(ONE)
    assert (evaluator.classifier.passes - before).forwards == one.forwards - early.forwards
    assert whole.value == one.value
    several = Evaluator(net, digits.take(range(8))).measure(CURVE, early=stop)
    assert several.settled is None


def test_gaussian_noise(evaluator):
    found = evaluator.measure(CertifiedAccuracy("l2", [0.1, 0.4], sigma=0.25, noise_n=500))
    samples = found.samples
    assert samples["radius"].dtype == np.float64
    assert [part.name for part in found.parts] == ["radius=0", "radius=0.1", "radius=0.4"]
    assert found.value == ((samples["prediction"] == samples["label"]) & (samples["radius"] >= 0.4)).mean() > 0.1
    assert found["median_radius"].value > 0.1
    assert found.forwards == 100 * 601  # once without noise: nothing is made black and white
    single = evaluator.measure(CertifiedAccuracy("l2", 0.1, noise_n=500))
    assert abs(single.value - found.parts[1].value) < 0.1


def test_a_model_that_never_changes_its_mind_is_certified_as_far_as_draws_reach():
    evaluator = Evaluator(load_classifier(Certain(), num_classes=2), squares())
    found = evaluator.measure(CertifiedAccuracy(radius="0..4", noise_n=1000))
    assert found.value == 0.5  # the other half is wrong, with certainty
    assert found["mean_radius"].value == 2.0
    assert found["median_radius"].value == 4.0
    single = evaluator.measure(CertifiedAccuracy(radius=3))
    # 881 draws without a failure would do if one looked once; looking often costs a little.
    least = math.ceil(math.log(0.001) / math.log(l0_thresholds(0.8, 3)[3]))
    assert least == 881
    assert (single.samples["draws"] > 100 + least).all()
    assert (single.samples["draws"] <= 100 + 970).all()
    assert single.warnings == ()


def test_levels_of_grey(net, digits):
    # 17 levels of grey, 0 to 16, are those of these images; a pixel of 1/7 is none of them.
    found = Evaluator(net, digits.take(range(16))).measure(
        CertifiedAccuracy(radius=[0, 1], levels=16, alpha=0.6, noise_n=500)
    )
    assert found.forwards == 16 * 601
    assert found.parts[0].value > 0.1
    grey = np.zeros((600, 1, 8, 8), np.float32)
    grey[-1, 0, 0, 0] = 1 / 7
    evaluator = Evaluator(net, (grey, np.zeros(600, int)))
    before = evaluator.classifier.passes.snapshot()
    with pytest.raises(DatasetError, match=r"none of the values of noise with levels=16: got 0\.14"):
        evaluator.measure(CertifiedAccuracy(radius=0, levels=16, noise_n=100))
    assert (evaluator.classifier.passes - before).forwards == 0


def test_a_model_without_a_shape_is_told_what_it_needs():
    bare = load_classifier(lambda images: images.reshape(len(images), -1)[:, :2], outputs="logits", num_classes=2)
    with pytest.raises(ClassifierError, match=r"needs a base model of a fixed shape.*Give load_classifier an input_s"):
        CertifiedAccuracy().plan(Subject(bare, squares(), 0, 500), {})
    # The evaluator knows the shape from the images.
    assert Evaluator(bare, squares()).measure(CertifiedAccuracy(radius=0, noise_n=100)).n == 20


class Fragile(nn.Module):
    """Right on one picture, and nowhere else: class 1 where every pixel is white."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        white = (images.flatten(1) == 1).all(dim=1).float()
        return torch.stack([0.5 - white, white - 0.5], dim=1)


def test_a_model_that_was_not_trained_for_the_noise():
    data = as_dataset((np.ones((12, 1, 5, 5), np.float32), np.ones(12, int)))
    for radius in (1, [0, 1]):
        found = Evaluator(Fragile(), data).measure(CertifiedAccuracy(radius=radius, noise_n=200))
        assert found.value == 0
        text = (
            "under the noise (pixels kept with probability 0.8) the base model gets 0% of the images right, without it"
            " 100%: train it on images with this noise, or take less noise"
        )
        assert found.warnings == (text,)


class Brightness(nn.Module):
    """Class 1 where the mean is above 0.3."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        mean = images.flatten(1).mean(dim=1)
        return torch.stack([0.3 - mean, mean - 0.3], dim=1)


def test_what_black_and_white_costs_is_told():
    grey = as_dataset((np.full((12, 1, 5, 5), 0.4, np.float32), np.ones(12, int)))
    found = Evaluator(Brightness(), grey).measure(CertifiedAccuracy(radius=0, noise_n=100))
    assert any("gets 0% of them right, of the grey ones 100%; train it on black and white" in w for w in found.warnings)
    kept = Evaluator(Brightness(), grey).measure(CertifiedAccuracy(radius=0, levels=5, noise_n=100))
    assert not any("black and white" in w for w in kept.warnings)
    assert kept.value == 1.0


def test_images_that_more_draws_might_certify_are_counted(evaluator):
    few = evaluator.measure(CertifiedAccuracy(radius=1, alpha=0.9, noise_n=125))
    count = few.details["certificates"]["undecided"]
    assert count > 0
    assert f"{count} images are not certified, but might be with more draws than noise_n=125" in few.warnings
    more = evaluator.measure(ONE)
    assert more.value > few.value
    assert more.details["certificates"]["undecided"] < count
    refuted = ~few.samples["certified"] & (few.samples["draws"] == 100)
    assert not more.samples["certified"][refuted].any()
