from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.integrate import trapezoid
from sklearn.ensemble import RandomForestClassifier
from torch import nn

from example_models import lenet5
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset, load_dataset
from pytest_robustness.engine import Evaluator
from pytest_robustness.errors import CapabilityError, ConfigurationError, ParameterError
from pytest_robustness.evaluations import Accuracy, Saliency, Threshold, judge, make_requirement
from pytest_robustness.evaluations.saliency.curves import FRACTIONS, area, area_difference, weights
from pytest_robustness.evaluations.saliency.summary import difference, doubts
from pytest_robustness.evaluations.summaries import Estimate
from pytest_robustness.metrics import binomial_interval
from pytest_robustness.saliency import (
    Gradient,
    IntegratedGradients,
    Occlusion,
    ink_first,
    map_for,
    masked,
    most_salient_first,
    pixel_saliency,
)

METRICS = ["accuracy", "random_ink", "random", "excess_drop", "deletion_area", "insertion_area"]


class Weighted(nn.Module):
    """Class 1 where a weighted sum of twelve pixels is above 1: pixel p of a channel weighs 1 / (1 + p)."""

    def __init__(self, channels=1):
        super().__init__()
        self.register_buffer("weight", (1 / (1 + torch.arange(12.0))).repeat(channels) / channels)

    def forward(self, images):
        score = images.flatten(1) @ self.weight - 1
        return torch.stack([-score, score], dim=1)


def weighted_data(channels=1, n=60):
    images = np.random.default_rng(0).random((n, channels, 3, 4)).astype(np.float32)
    images[images < 0.3] = 0
    model = load_classifier(Weighted(channels)).bound(images)
    labels = model.predict(images)
    labels[::7] = 1 - labels[::7]
    return model, as_dataset((images, labels))


def named(measurements):
    return {m.metric: m for m in measurements}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mask", [0.0, 0.9, "mean", "invert"])
def test_by_hand(run, channels, mask):
    model, data = weighted_data(channels)
    found = named(run(Saliency(fraction=0.25, mask=mask, map="gradient"), model=model, data=data))
    assert list(found) == METRICS
    # The gradient is the row of weights, so that the most salient three of twelve pixels are the upper left ones.
    where = np.zeros((60, 3, 4), bool)
    where[:, 0, :3] = True
    hits = model.predict(masked(data.images, where, mask)) == data.labels
    assert found["accuracy"].value == pytest.approx(hits.mean())
    assert (found["accuracy"].low, found["accuracy"].high) == binomial_interval(hits.sum(), 60)
    random, ink = ink_first(data.images, mask, ids=data.ids, seed=0)
    for name, ranks in (("random", random), ("random_ink", ink)):
        control = (model.predict(masked(data.images, ranks < 3, mask)) == data.labels).mean()
        assert found[name].value == pytest.approx(control)
        assert next(p for p in found["accuracy"].parts if p.name == name).value == found[name].value
    drop = found["excess_drop"]
    assert drop.value == pytest.approx(found["random_ink"].value - found["accuracy"].value)
    assert -1 <= drop.low <= drop.value <= drop.high <= 1
    assert [m.higher_is_better for m in found.values()] == [True, True, True, False, True, True]
    assert all(m.n == 60 for m in found.values())


def test_curves_by_hand(run):
    model, data = weighted_data()
    found = named(run(Saliency(map="gradient"), model=model, data=data))
    order = np.arange(12).reshape(1, 3, 4)
    counts = [0, 0, 1, 1, 2, 3, 6, 9, 12]  # floor of 12 times 0, 5, 10, 15, 20, 30, 50, 75 and 100 %
    curves = {
        name: [
            (model.predict(np.where(keep(order, k)[:, None], data.images, np.float32(0))) == data.labels).mean()
            for k in counts
        ]
        for name, keep in (("deletion", lambda o, k: o >= k), ("insertion", lambda o, k: o < k))
    }
    details = found["accuracy"].details["saliency_curves"]
    for name, curve in curves.items():
        assert details[name] == pytest.approx(curve)
        assert found[f"{name}_area"].value == pytest.approx(trapezoid(curve, np.array(counts) / 12))
        assert found[f"{name}_area"].low <= found[f"{name}_area"].value <= found[f"{name}_area"].high
    assert details["deletion"][::8] == details["insertion"][::-8] == details["random_ink"][::8]
    assert (details["map"], details["mask"], details["fraction"]) == ("gradient", 0.0, 0.15)
    assert details["fractions"] == list(FRACTIONS)
    control = found["deletion_area"].parts[0]
    assert control.name == "random_ink"
    assert control.value == pytest.approx(trapezoid(details["random_ink"], np.array(counts) / 12))


def test_the_difference_of_two_areas():
    rng = np.random.default_rng(0)
    more, less = rng.random((len(FRACTIONS), 80)) < 0.7, rng.random((len(FRACTIONS), 80)) < 0.4
    found = area_difference(more, less, 784, 0.95)
    assert found.value == pytest.approx(area(more, 784, 0.95).value - area(less, 784, 0.95).value)
    assert -1 <= found.low < found.value < found.high <= 1
    same = area_difference(more, more, 784, 0.95)
    assert (same.value, same.low < 0 < same.high) == (0.0, True)


@pytest.mark.parametrize("pixels", [1, 9, 12, 784])
def test_the_area_of_a_constant_is_the_constant(pixels):
    assert weights(pixels).sum() == pytest.approx(1)
    assert (weights(pixels) >= 0).all()


def test_nothing_and_everything_masked(run):
    model, data = weighted_data()
    clean = run(Accuracy(), model=model, data=data)[0]
    curves = run(Saliency(), model=model, data=data)[0].details["saliency_curves"]
    assert {curves[name][0] for name in ("deletion", "random_ink")} == {clean.value}
    assert {curves[name][-1] for name in ("insertion", "random_ink_insertion")} == {clean.value}
    for mask, value in (("zero", 0.0), (0.4, 0.4)):
        everything = named(run(Saliency(fraction=1, mask=mask), model=model, data=data))
        blank = (model.predict(np.full_like(data.images, value)) == data.labels).mean()
        assert {everything[name].value for name in ("accuracy", "random", "random_ink")} == {blank}


def test_without_curves_they_cost_nothing():
    model, data = weighted_data()
    plain = Evaluator(model, data).measure(Saliency(map="gradient", curves=False))
    whole = Evaluator(model, data).measure(Saliency(map="gradient"))
    assert [m.metric for m in (plain, *plain.others)] == METRICS[:4]
    assert [m.value for m in (plain, *plain.others)] == [m.value for m in (whole, *whole.others)][:4]
    assert "saliency_curves" not in plain.details
    # Of each sample: as it is, its gradient, masked in three orders; seven inner fractions of four curves, and blank.
    assert (plain.forwards, plain.backwards) == (5 * 60, 60)
    assert (whole.forwards, whole.backwards) == ((5 + 29) * 60, 60)
    auto = Evaluator(model, data).measure(Saliency(curves=False))
    assert (auto.forwards, auto.backwards) == ((4 + 8) * 60, 8 * 60)


def test_signs(run):
    class Two(nn.Module):
        def forward(self, images):
            left, right = images[:, 0, 0, 0], images[:, 0, 0, 1]
            return torch.stack([left - 3 * right, -left + right], dim=1)

    images = np.zeros((4, 1, 1, 2), np.float32)
    images[:, 0, 0] = (1.0, 0.25)  # 0.25 for class 0, -0.75 for class 1
    model, data = load_classifier(Two()), as_dataset((images, np.zeros(4, int)))
    # By size the right pixel speaks loudest for class 0 when it weighs 3: gradient -3, times the pixel -0.75, below 1.
    found = [
        run(Saliency(fraction=0.5, map=name, signed=signed), model=model, data=data)[0].value
        for name, signed in (("gradient", False), ("gradient-times-input", False), ("gradient-times-input", True))
    ]
    assert found == [1.0, 0.0, 0.0]
    images[:, 0, 0] = (1.0, 0.3)
    weak = as_dataset((np.array([[[[0.5, 0.6]]]] * 4, np.float32), np.ones(4, int)))
    # Class 1: -0.5 and +0.6 have the larger size on the right; only the right one speaks for it.
    assert run(Saliency(fraction=0.5, map="gradient-times-input", signed=True), model=model, data=weak)[0].value == 0.0


def test_a_map_with_options_is_named_with_them(run):
    model, data = weighted_data()
    found = run(Saliency(map=IntegratedGradients(steps=3)), model=model, data=data)[0]
    assert found.name == "saliency(fraction=0.15, map=integrated-gradients(steps=3), mask=0).accuracy"
    assert found.details["saliency_curves"]["map"] == "integrated-gradients(steps=3)"
    by_name = Saliency(map="integrated-gradients", steps=3)
    assert by_name == Saliency(map=IntegratedGradients(steps=3)) != Saliency(map="integrated-gradients")
    assert by_name.parameters()["map"] == "integrated-gradients(steps=3)"
    assert Saliency(mask="zero") == Saliency()
    assert Saliency().parameters() == {"fraction": 0.15, "map": "auto", "mask": 0.0}


def test_without_gradients_by_occlusion():
    _, data = weighted_data()
    forest = RandomForestClassifier(5, random_state=0).fit(data.images.reshape(60, 12), data.labels)
    evaluator = Evaluator(forest, data)
    found = evaluator.measure(Saliency(fraction=0.25))
    assert "no gradients: saliency by occlusion" in found.warnings
    named_so = evaluator.measure(Saliency(fraction=0.25, map="occlusion"))
    assert (found.value, found.backwards) == (named_so.value, 0)
    assert not [text for text in named_so.warnings if "no gradients" in text]
    found_by = Occlusion().attributions(evaluator.classifier, data.images)
    ranks = most_salient_first(pixel_saliency(found_by, signed=True))
    hits = evaluator.classifier.predict(masked(data.images, ranks < 3, 0.0)) == data.labels
    assert found.value == hits.mean()


def test_labels_only():
    _, data = weighted_data()
    labels_only = load_classifier(lambda batch: np.zeros(len(batch), int), outputs="labels")
    with pytest.raises(CapabilityError, match="returns logits or probabilities"):
        Evaluator(labels_only, data).measure(Saliency())


class Saturated(nn.Module):
    """Probabilities of exactly 0 and 1: the logarithm of the larger one does not move."""

    def forward(self, images):
        return torch.softmax(1e4 * Weighted()(images), dim=1)


def test_a_map_of_zeros_is_a_fault():
    _, data = weighted_data()
    model = load_classifier(Saturated(), outputs="probabilities")
    found = named([(m := Evaluator(model, data).measure(Saliency(map="gradient"))), *m.others])
    assert found["accuracy"].faults
    assert "60 of 60 images is zero in every pixel: use map='occlusion'" in found["accuracy"].faults[0]
    assert found["deletion_area"].faults
    assert not found["random"].faults
    # A probability of exactly 1 that stays 1 is as silent under small patches, not under large ones.
    assert "larger patches" in Evaluator(model, data).measure(Saliency(map="occlusion")).faults[0]
    logits = load_classifier(Weighted())
    assert not Evaluator(logits, data).measure(Saliency(map="occlusion")).faults


def test_a_few_blank_images_are_a_warning(run):
    model, data = weighted_data()
    images = data.images.copy()
    images[:2] = 0
    sparse = as_dataset((images, data.labels))
    found = run(Saliency(map="gradient-times-input"), model=model, data=sparse)[0]
    assert found.faults == ()
    assert "the saliency of 2 of 60 images is zero in every pixel" in found.warnings


def test_a_map_that_finds_nothing_is_told():
    class Backwards(nn.Module):
        """The gradient is largest where nothing is ever seen."""

        def forward(self, images):
            seen, unseen = images[:, 0, 0].sum(dim=1) - 2, 9 * images[:, 0, 1:].sum(dim=(1, 2))
            return torch.stack([-seen - unseen, seen + unseen], dim=1)

    images = np.random.default_rng(0).random((80, 1, 3, 4)).astype(np.float32)
    images[:, :, 1:] = 0
    labels = (images[:, 0, 0].sum(axis=1) > 2).astype(int)
    evaluator = Evaluator(Backwards(), (images, labels))
    found = evaluator.measure(Saliency(fraction=0.3, map="gradient"))
    assert found.value == 1.0  # nothing is lost
    assert found["excess_drop"].value < 0
    bounds = [("accuracy", ">=", 0.9), ("excess_drop", "<=", 0.1), ("deletion_area", ">=", 0.3)]
    for bound in bounds:
        threshold = Threshold(*bound)
        for rule in ("point", "regress"):
            verdict = judge(found[threshold.metric], threshold, rule=rule)
            assert verdict.decision == "inconclusive", bound
            assert "random ink pixels costs as much, the map finds no more" in verdict.reason
            mend = "use another map, such as map='auto'"
            whole = threshold.metric == "deletion_area"
            assert verdict.reason.endswith(mend if whole else f"{mend}, or a smaller fraction")
    # Shown first, such pixels can only be too few: a better map could but raise the area.
    assert not any(found[metric].doubts for metric in ("insertion_area", "random", "random_ink"))
    # What fails under a map that finds little fails all the more.
    assert judge(found["deletion_area"], Threshold("deletion_area", ">=", 0.99), rule="point").decision == "failed"
    better = evaluator.measure(Saliency(fraction=0.1))
    assert evaluator.measure(Saliency(fraction=0.1, map="gradient")).doubts
    assert not better.doubts
    assert not better["excess_drop"].doubts


def test_where_random_ink_costs_nothing_no_map_is_blamed(run):
    class Constant(nn.Module):
        """Takes every image for class 0, a little more so the brighter it is."""

        def forward(self, images):
            score = 1 + images.flatten(1).mean(dim=1)
            return torch.stack([score, -score], dim=1)

    _, data = weighted_data()
    robust = as_dataset((data.images, np.zeros(60, int)))
    found = run(Saliency(fraction=0.5), model=load_classifier(Constant()), data=robust)
    assert found[0].value == 1.0
    assert not any(m.doubts or m.warnings for m in found)
    assert judge(found[0], Threshold("accuracy", ">=", 0.9)).decision == "passed"


def test_few_samples_are_told_from_a_poor_map():
    drop, cost, used = Estimate(0.2, -0.1, 0.5), Estimate(0.5, 0.3, 0.7), IntegratedGradients()
    (told,) = doubts(drop, cost, used, 0.0, n=12)
    assert told.startswith("12 samples do not show that the map costs more than random ink (0.2 [-0.1, 0.5]): measure")
    assert "map='occlusion'" in told
    assert "size=2, stride=1" in doubts(drop, cost, Occlusion(), 0.0, n=12)[0]
    assert not doubts(drop, Estimate(0.1, 0.02, 0.2), used, 0.0, n=12)
    assert not doubts(Estimate(0.2, 0.01, 0.4), cost, used, 0.0, n=12)


def test_a_map_that_compares_with_something_else_than_the_mask_is_told_so():
    drop, cost = Estimate(-0.2, -0.3, -0.1), Estimate(0.5, 0.3, 0.7)
    assert "use baseline=1.0, which pixels are masked by" in doubts(drop, cost, IntegratedGradients(), 1.0, n=50)[0]
    assert "use value='mean', which pixels are masked by" in doubts(drop, cost, Occlusion(), "mean", n=50)[0]
    (told,) = doubts(drop, cost, IntegratedGradients(baseline=1.0), 1.0, n=50)
    assert "use another map, such as map='occlusion', value=1.0" in told


def test_chance_does_not_cast_doubt_on_a_map_nor_clear_one():
    # Draws of 60 digits: the automatic map is never doubted, an order of the ink by chance nearly always.
    digits = load_dataset("mnist-5k").sample(600, seed=0)
    model, images = load_classifier(lenet5.load()).bound(digits.pixels(slice(2))), digits.pixels()
    used = map_for(model)
    salient = most_salient_first(pixel_saliency(used.attributions(model, images), signed=True))
    (_, ink), (_, chance) = (ink_first(images, 0.0, ids=digits.ids, seed=seed) for seed in (0, 1))
    clean = model.predict(images) == digits.labels
    left, control, as_bad = (
        model.predict(masked(images, r < 117, 0.0)) == digits.labels for r in (salient, ink, chance)
    )
    rng, told = np.random.default_rng(0), {"salient": 0, "chance": 0}
    for _ in range(200):
        rows = rng.choice(600, 60, replace=False)
        cost = difference(clean[rows], control[rows], 0.95)
        for name, hits in (("salient", left), ("chance", as_bad)):
            told[name] += bool(doubts(difference(control[rows], hits[rows], 0.95), cost, used, 0.0, n=60))
    assert told["salient"] == 0
    assert told["chance"] >= 180


def test_order_batches_and_blocks_change_nothing():
    digits = load_dataset("mnist-5k").sample(600, seed=0)  # two blocks
    values = []
    for data, size in ((digits, 500), (digits, 64), (digits.take(np.arange(600)[::-1]), 200)):
        found = Evaluator(lenet5.load(), data, batch_size=size).measure(Saliency(map="gradient"))
        values.append([(m.value, m.low, m.high) for m in (found, *found.others)])
    assert values[0] == values[1] == values[2]


def test_on_real_digits():
    # Most of the largest gradients of LeNet-5 lie on black, which the mask leaves as it is; what it changes is found by
    # integrated gradients.
    digits = load_dataset("mnist-5k").sample(500, seed=0)
    evaluator = Evaluator(lenet5.load(), digits)
    gradient, signed = (
        evaluator.measure(Saliency(**options)) for options in ({"map": "gradient"}, {"map": "auto", "curves": False})
    )
    assert gradient.doubts
    assert not signed.doubts
    assert gradient["random"].value > 0.95
    assert gradient["random_ink"].value < 0.75
    assert signed.value < 0.15 < signed["excess_drop"].value
    assert gradient["insertion_area"].value > 0.5 > gradient["deletion_area"].value


def test_examples_are_a_picture(run):
    model, data = weighted_data()
    examples = run(Saliency(fraction=0.25, map="gradient"), model=model, data=data)[0].details["saliency_examples"]
    assert examples["names"] == ["original", "saliency", "masked"]
    assert len(examples["captions"]) == examples["columns"] == 8
    picture = np.asarray(Image.open(BytesIO(base64.b64decode(examples["png"]))).convert("RGB"))
    assert picture.shape == (3 * 3, 8 * 4, 3)
    first = picture[:, :4]
    np.testing.assert_array_equal(first[:3, :, 0], np.rint(data.images[0, 0] * 255))
    assert not first[6, :3].any()  # the three masked pixels
    np.testing.assert_array_equal(first[7:, :, 0], first[1:3, :, 0])


WRONG = {
    "fraction": ({"fraction": 1.5}, r"fraction is out of range: got 1.5; allowed: a number from 0 to 1"),
    "nothing": ({"fraction": 0}, r"a fraction of 0 masks nothing: got 0; allowed: a number above 0, at most 1"),
    "percent": ({"fraction": 15}, r"fraction is out of range: got 15"),
    "text": ({"fraction": "15 %"}, r"fraction is out of range: got '15 %'"),
    "map": ({"map": "grad"}, r"unknown saliency map: got 'grad'; allowed: gradient, .*map='auto'"),
    "map type": ({"map": Gradient}, r"unknown saliency map"),
    "mask": ({"mask": "grey"}, r"unknown mask: got 'grey'"),
    "mask range": ({"mask": 255}, r"mask is out of range: got 255; allowed: a number from 0 to 1"),
    "option": ({"map": "smoothgrad", "steps": 4}, r"'smoothgrad': got 'steps'; allowed: samples, sigma\. steps is an"),
    "no options": (
        {"map": "gradient", "sigma": 1},
        r"'gradient' has no options: got 'sigma'. sigma is an option",
    ),
    "option of no map": ({"map": "gradient", "step": 1}, r"unknown parameter of the family 'saliency': got 'step'"),
    "automatic": (
        {"baseline": 0.5},
        r"map='auto' takes no options: got \['baseline'\].*'gradient-times-input' or ",
    ),
    "twice": ({"map": IntegratedGradients(), "steps": 4}, r"brings its own options: got \['steps'\]"),
    "range": ({"map": "integrated-gradients", "steps": 0}, r"steps is out of range: got 0"),
    "signed": ({"signed": 1}, r"signed must be true or false: got 1"),
    "curves": ({"curves": "no"}, r"curves must be true or false: got 'no'"),
    "no sign": ({"map": "smoothgrad", "signed": True}, r"'smoothgrad' has no sign.*allowed: gradient-times-input, int"),
}


@pytest.mark.parametrize(("parameters", "message"), WRONG.values(), ids=WRONG)
def test_impossible_parameters(parameters, message):
    with pytest.raises(ParameterError, match=message):
        Saliency(**parameters)


def test_less_than_a_pixel(run):
    model, data = weighted_data()
    with pytest.raises(ParameterError, match=r"less than one of 12 pixels: got 0.05; allowed: from 0.0833"):
        run(Saliency(fraction=0.05), model=model, data=data)


@pytest.mark.parametrize("name", ["auto", "gradient-times-input", "occlusion"])
def test_attributions_count_with_their_sign_where_there_is_one(run, name):
    model, data = weighted_data()
    by_default, with_it, sizes = (
        [m.value for m in run(Saliency(map=name, mask=0.5, signed=signed), model=model, data=data)]
        for signed in (None, True, False)
    )
    assert by_default == with_it != sizes


@pytest.mark.parametrize("mask", [0.0, 1.0, "mean", "invert"])
def test_the_automatic_map_asks_what_the_mask_changes(run, mask):
    # Of a linear model the score falls by the weight times the change: nothing costs it more than these pixels.
    model, data = weighted_data()
    weights = 1 / (1 + np.arange(12.0)).reshape(3, 4)
    change = data.images[:, 0] - masked(data.images, np.ones((60, 3, 4), bool), mask)[:, 0]
    falls = weights * change * np.where(model.predict(data.images) == 1, 1, -1)[:, None, None]
    hits = model.predict(masked(data.images, most_salient_first(falls) < 3, mask)) == data.labels
    assert run(Saliency(fraction=0.25, mask=mask), model=model, data=data)[0].value == hits.mean()


def test_thresholds():
    made = make_requirement("saliency", {"min_accuracy": 0.3, "max_excess_drop": 0.2, "min_deletion_area": 0.2})
    assert [(t.metric, t.op) for t in made.thresholds] == [
        ("accuracy", ">="), ("excess_drop", "<="), ("deletion_area", ">="),
    ]  # fmt: skip
    assert made.evaluation == Saliency()
    options = make_requirement("saliency", {"map": "occlusion", "size": 2, "min_accuracy": 0.3})
    assert options.evaluation == Saliency(map=Occlusion(size=2))
    with pytest.raises(ConfigurationError, match=r"unknown parameter .*'siz'.*Thresholds of saliency: min_accuracy"):
        make_requirement("saliency", {"map": "occlusion", "siz": 2})
    with pytest.raises(ConfigurationError, match=r"unknown threshold of the family 'saliency'.*min_acuracy"):
        make_requirement("saliency", {"min_acuracy": 0.3})


def test_stored_outcomes_are_as_good(tmp_path):
    digits, evaluation = load_dataset("mnist-5k").sample(20, seed=0), Saliency(map=IntegratedGradients(steps=2))
    first, again = (Evaluator(lenet5.load(), digits, cache=tmp_path).measure(evaluation) for _ in range(2))
    assert (first.cached, again.cached) == (False, True)
    assert again.details == first.details
    assert [(m.value, m.low, m.high) for m in again.others] == [(m.value, m.low, m.high) for m in first.others]
    other = Evaluator(lenet5.load(), digits, cache=tmp_path).measure(Saliency(map=IntegratedGradients(steps=3)))
    assert not other.cached


def test_grey_and_rgb_of_the_same_image_agree(run):
    model, data = weighted_data()
    three = as_dataset((np.repeat(data.images, 3, axis=1), data.labels))
    grey, rgb = (run(Saliency(), model=m, data=d) for m, d in ((model, data), (weighted_data(3)[0], three)))
    assert [m.value for m in grey] == [m.value for m in rgb]
