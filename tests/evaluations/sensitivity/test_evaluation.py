"""The family: names and ranges, metrics by hand, samplers that agree, errors of the user."""

from __future__ import annotations

import itertools
import math
import pickle
from itertools import product

import numpy as np
import pytest
from scipy.integrate import trapezoid

from pytest_robustness import Evaluator
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset
from pytest_robustness.errors import DatasetError, ParameterError
from pytest_robustness.evaluations import Accuracy, Sensitivity, make_requirement, surface_of
from pytest_robustness.evaluations.base import Outcome, Subject
from pytest_robustness.evaluations.sensitivity.evaluation import POINTS_IN_BLOCK
from pytest_robustness.transforms import gamma_brightness

WIDE = {"gamma": (0.2, 4.0), "brightness": (-0.6, 0.6)}


def accuracy_by_hand(classifier, dataset, gamma, brightness):
    changed = gamma_brightness(dataset.images, gamma, brightness)
    return (classifier.predict(changed) == dataset.labels).mean()


@pytest.fixture
def slopes():
    """400 flat images of bytes with means all over [0, 1], labelled bright above 1/2 with noise: a smooth surface."""
    rng = np.random.default_rng(0)
    means = rng.uniform(0, 1, 400)
    labels = (means + rng.normal(0, 0.15, 400) > 0.5).astype(np.int64)
    images = np.broadcast_to(np.rint(255 * means).astype(np.uint8)[:, None, None, None], (400, 1, 2, 2))
    return as_dataset((images, labels))


@pytest.mark.parametrize("sampler", ["tensor", "grid"])
def test_by_hand(run, classifier, dataset, sampler):
    box = {"gamma": (0.5, 2.0), "brightness": (-0.3, 0.3)}
    found = {m.metric: m for m in run(Sensitivity(**box, points=36, level=0.7, sampler=sampler))}
    assert list(found) == ["mean", "worst", "area", "max_drop", "robust_box"]
    gammas, shifts = (np.array(axis) for axis in found["mean"].details["axes"])
    assert len(gammas) * len(shifts) <= 36
    assert (gammas[0], gammas[-1], shifts[0], shifts[-1]) == (0.5, 2.0, -0.3, 0.3)
    surface = np.array([[accuracy_by_hand(classifier, dataset, g, b) for b in shifts] for g in gammas])
    np.testing.assert_allclose(found["mean"].details["accuracy"], surface)
    by_hand = trapezoid(trapezoid(surface, shifts, axis=1), gammas) / (0.6 * 1.5)
    assert found["mean"].value == pytest.approx(by_hand)
    assert found["worst"].value == pytest.approx(surface.min())
    assert found["max_drop"].value == pytest.approx(0.9 - surface.min())
    assert [part.value for part in found["mean"].parts] == pytest.approx(surface.ravel())
    assert all(m.low <= m.value <= m.high for m in found.values())
    assert [m.higher_is_better for m in found.values()] == [True, True, True, False, True]


def test_the_identity_is_the_clean_accuracy(run, classifier, slopes):
    mean, *_ = run(Sensitivity(**WIDE, points=50), data=slopes)
    (clean,) = run(Accuracy(), data=slopes)
    values = {part.name: part.value for part in mean.parts}
    assert values["gamma=1, brightness=0"] == clean.value == mean.details["clean"]
    assert surface_of(mean).interpolated(1.0, 0.0) == clean.value


def test_every_accuracy_is_kept_and_nothing_is_computed_twice(classifier, slopes):
    evaluation = Sensitivity(**WIDE, points=120)
    subject = Subject(classifier, slopes, 0, 500)
    outcomes, seen, rounds = {}, [], 0
    while blocks := evaluation.plan(subject, outcomes):
        rounds += 1
        assert all(len(block.points) <= POINTS_IN_BLOCK for block in blocks)
        seen += [point for block in blocks for point in block.points if block.start == 0]
        outcomes |= {block: Outcome(evaluation.run_block(subject, block)) for block in blocks}
    assert rounds > 3
    assert len(seen) == len(set(seen)) <= 120
    mean, *_ = evaluation.summarise(subject, outcomes, confidence=0.95)
    assert set(product(*mean.details["axes"])) == set(seen)


def measured(classifier, data, evaluation, turn=1):
    """Measure in whole batches: a surface has hundreds of points."""
    subject, outcomes = Subject(classifier, data, 0, 500), {}
    while blocks := list(evaluation.plan(subject, outcomes)):
        outcomes |= {block: Outcome(evaluation.run_block(subject, block)) for block in blocks[::turn]}
    return evaluation.summarise(subject, outcomes, confidence=0.95)


@pytest.mark.parametrize("sampler", ["tensor", "grid", "learner2d"])
def test_the_samplers_agree(classifier, slopes, sampler):
    def metrics(**options):
        found = measured(classifier, slopes, Sensitivity(**WIDE, level=0.8, **options))
        return {m.metric: m for m in found}

    dense, found = metrics(points=2500, sampler="grid"), metrics(points=400, sampler=sampler)
    assert found["mean"].value == pytest.approx(dense["mean"].value, abs=0.01)
    assert found["worst"].value == pytest.approx(dense["worst"].value, abs=0.02)
    assert found["area"].value == pytest.approx(dense["area"].value, abs=0.03)
    assert found["robust_box"].value == pytest.approx(dense["robust_box"].value, abs=0.06)
    assert found["area"].low <= dense["area"].value <= found["area"].high
    # The same interpolant, looked at from the outside.
    surface = surface_of(next(iter(found.values())))
    places = [np.linspace(low, high, 81) for low, high in surface.ranges]
    between = surface.interpolated(*np.meshgrid(*places, indexing="ij"))
    assert trapezoid(trapezoid(between, dx=1 / 80, axis=1), dx=1 / 80) == pytest.approx(surface.mean(), abs=2e-3)
    assert surface.mean() == pytest.approx(found["mean"].value)


@pytest.mark.parametrize("sampler", ["tensor", "learner2d"])
def test_the_order_of_the_blocks_does_not_matter(classifier, slopes, sampler):
    evaluation = Sensitivity(**WIDE, points=60, sampler=sampler)
    found = [measured(classifier, slopes, evaluation, turn)[0] for turn in (1, -1)]
    assert found[0].details == found[1].details
    assert found[0].value == found[1].value


def test_a_tensor_grid_refines_the_axis_that_bends(run, slopes):
    # Only one parameter of this transform does anything: nearly all points must go there.
    def darker(images, nothing=0.0, amount=0.0):
        return np.clip(images - amount, 0, 1)

    mean, *_ = run(Sensitivity(transform=darker, nothing=(-1.0, 1.0), amount=(0.0, 1.0), points=100), data=slopes)
    nothing, amount = mean.details["axes"]
    assert len(nothing) <= 5
    assert len(amount) >= 20


def test_tolerance_ends_the_sampling(run, classifier, slopes):
    coarse, *_ = measured(classifier, slopes, Sensitivity(**WIDE, tolerance=0.02))
    fine, *_ = measured(classifier, slopes, Sensitivity(**WIDE, tolerance=0.005))
    assert coarse.details["estimated_error"] <= 0.02
    assert fine.details["estimated_error"] <= 0.005
    assert len(coarse.parts) < len(fine.parts) < 2000
    assert not coarse.warnings
    missed, *_ = run(Sensitivity(**WIDE, tolerance=1e-4, points=30), data=slopes)
    assert "above the tolerance of 0.0001" in missed.warnings[0]


def test_seconds_end_the_sampling_and_say_so(run, slopes):
    # The blocks of this fixture take half a second each: one unchanged, one with the first nine points.
    short, *_ = run(Sensitivity(**WIDE, seconds=0.9), data=slopes)
    assert len(short.parts) == 9
    assert any("ended by time" in warning for warning in short.warnings)


def test_one_parameter(run, dataset):
    found = {m.metric: m for m in run(Sensitivity(contrast=(0.5, 2.0), points=9, level=0.8))}
    assert len(found["mean"].details["axes"]) == 1
    assert found["robust_box"].details["ranges"][0][0] <= 1 <= found["robust_box"].details["ranges"][0][1]
    table = surface_of(found["mean"]).to_dataframe()
    assert list(table.columns) == ["contrast", "accuracy", "low", "high", "n"]


def test_two_parameters_of_different_transforms_act_in_a_fixed_order(run, slopes):
    one, *_ = run(Sensitivity(contrast=(0.5, 2.0), rotation=(-0.5, 0.5), points=16), data=slopes)
    other, *_ = run(Sensitivity(rotation=(-0.5, 0.5), contrast=(0.5, 2.0), points=16), data=slopes)
    # The axes are those that were named; the accuracies are the same.
    assert one.details["parameters"] == other.details["parameters"][::-1]
    assert one.value == pytest.approx(other.value, abs=0.02)
    assert [t.name for t in Sensitivity(contrast=(0.5, 2.0), rotation=(-0.5, 0.5)).transforms()] == [
        "geometry",
        "contrast",
    ]


def test_at_a_jump_both_sides_are_known(run, slopes):
    # 0 ** 0 = 1: at gamma = 0 every image is white, just above those stay black that were.
    images = np.maximum(slopes.images, 1)
    images[:200] = 0
    labels = np.array([0] * 200 + [1] * 200)
    mean, worst, *_ = run(
        Sensitivity(gamma=(0.0, 2.0), brightness=(-0.1, 0.1), points=40), data=as_dataset((images, labels))
    )
    gammas = mean.details["axes"][0]
    assert gammas[0] == 0
    assert 0 < gammas[1] < 1e-5
    assert np.ptp(np.diff(mean.details["accuracy"], axis=0)[0]) == 0
    assert mean.details["accuracy"][0] == [0.5] * len(mean.details["axes"][1])
    assert min(mean.details["accuracy"][1]) == 1.0
    assert worst.value <= 0.5
    # An edge has no area.
    inner = np.array(mean.details["accuracy"])[1:]
    assert mean.value == pytest.approx(
        trapezoid(trapezoid(inner, mean.details["axes"][1], axis=1), gammas[1:]) / 0.4, abs=1e-5
    )


@pytest.mark.parametrize("points", [6, 7, 9, 40, 101])
def test_a_grid_has_at_most_its_points_at_a_jump_as_well(points):
    evaluation = Sensitivity(gamma=(0.0, 2.0), brightness=(-0.1, 0.1), points=points, sampler="grid")
    found = evaluation.next_points({})
    assert len(found) <= points
    gammas, shifts = (sorted(set(axis)) for axis in zip(*found, strict=True))
    assert len(found) == len(gammas) * len(shifts)
    assert (gammas[0], gammas[-1]) == (0.0, 2.0)
    assert 0 < gammas[1] < 1e-5  # the limit at the jump


@pytest.mark.parametrize("points", [9, 10, 15])
def test_a_tensor_grid_always_has_the_identity_and_the_jump(run, slopes, points):
    mean, *_ = run(Sensitivity(gamma=(0.5, 2.0), brightness=(-0.1, 0.3), points=points), data=slopes)
    assert 1.0 in mean.details["axes"][0]
    assert 0.0 in mean.details["axes"][1]


def test_what_is_made_of_outcomes_is_no_part_of_them():
    alike = [Sensitivity(level=level, points=points) for level, points in ((0.9, 100), (0.5, 100), (0.9, 50))]
    assert alike[0].outcome_parameters() == alike[1].outcome_parameters() == alike[2].outcome_parameters()
    assert len({str(evaluation.parameters()) for evaluation in alike}) == 3
    # Points name the values of the parameters in their order.
    one, other = (
        Sensitivity(**dict(pairs)) for pairs in itertools.permutations([("scale", (1, 2)), ("shear", (0, 1))])
    )
    assert one.outcome_parameters() != other.outcome_parameters()


def test_another_level_costs_nothing(classifier, slopes):
    evaluator = Evaluator(classifier, slopes)
    first = evaluator.measure(Sensitivity(points=16, level=0.9))
    before = evaluator.classifier.passes.forwards
    second = evaluator.measure(Sensitivity(points=16, level=0.6))
    assert evaluator.classifier.passes.forwards == before
    assert second.cached
    assert second["area"].value > first["area"].value


def test_user_transforms_can_be_measured_and_gated(run, dataset):
    def shifted(images, shift=0.0, *, seed, ids):
        assert seed == 0
        assert len(ids) == len(images)
        images += shift  # a copy: what it does to its argument stays without effect
        return np.clip(images, 0, 1)

    evaluation = Sensitivity(transform=shifted, shift=(-0.3, 0.3), points=9)
    mean, *_ = run(evaluation)
    assert mean.parameters["transform"].endswith("shifted")
    assert not evaluation.identified
    assert make_requirement("sensitivity", {"transform": shifted, "shift": (-0.3, 0.3), "min_robust_box": 0.1})
    by_brightness, *_ = run(Sensitivity(brightness=(-0.3, 0.3), gamma=None, points=9))
    assert mean.details["accuracy"] == by_brightness.details["accuracy"]
    assert run(Sensitivity(transform=shifted, shift=(0.1, 0.3)))[-1].metric == "max_drop"  # no identity, no robust box


def wrong_shape(images, shift):
    return images[:, :, 1:]


def out_of_range(images, shift):
    return images + 2


def not_a_number(images, shift):
    return images * np.nan


def labels_instead(images, shift):
    return np.zeros(images.shape, np.int64)


def raises(images, shift):
    raise KeyError("lost")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (wrong_shape, "wrong_shape.shift=1. changes the shape of the images: got .8, 1, 2, 3."),
        (out_of_range, r"leaves the range of pixels: got '2.05 to 2.95'; allowed: floats in \[0, 1\]"),
        (not_a_number, "values that are not finite"),
        (labels_instead, "returns no pixels: got 'int64'"),
        (raises, "raises.shift=1. failed: KeyError: 'lost'"),
    ],
)
def test_wrong_results_of_user_transforms(run, function, message):
    with pytest.raises(ParameterError, match=message):
        run(Sensitivity(transform=function, shift=(0, 3), points=4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": (2.0, 0.5)}, "range of gamma is reversed"),
        ({"gamma": (1.0, 1.0)}, "range of gamma is empty"),
        ({"gamma": (-1.0, 1.0)}, "lower end of gamma"),
        ({"gamma": 2.0}, "gamma must be a range"),
        ({"gamma": (1, 2, 3)}, "gamma must be a range"),
        ({"brightness": (0.0, float("nan"))}, "upper end of brightness"),
        ({"brightness": (0.0, 1.5)}, "upper end of brightness is out of range"),
        ({"brightness": ("0", "1")}, "lower end of brightness"),
        ({"gamma": None, "brightness": None}, "one or two parameters"),
        ({"gamma": (0.5, 2), "brightness": (-1, 1), "scale": (0.5, 2)}, "one or two parameters: got"),
        ({"rotatoin": (-1, 1)}, "Did you mean 'rotation'"),
        ({"salt_and_pepper": (0, 1.5)}, "upper end of salt_and_pepper is out of range"),
        ({"scale": (0, 1)}, "lower end of scale"),
        ({"points": 0}, "points"),
        ({"points": 8}, "too few points for tensor: got 8; allowed: 9 or more in this box"),
        ({"points": 11, "gamma": (0.0, 2.0)}, "too few points for tensor: got 11; allowed: 12 or more"),
        ({"points": 2, "rotation": (-1, 1)}, "allowed: 3 or more in this box. It begins with both ends"),
        ({"points": 5, "gamma": (0.0, 2.0), "sampler": "grid"}, "too few points for grid: got 5; allowed: 6 or more"),
        ({"points": 3, "sampler": "learner2d"}, "too few points for learner2d: got 3; allowed: 4 or more"),
        ({"points": 10.5}, "points"),
        ({"level": 90}, "level is out of range"),
        ({"level": -0.1}, "level is out of range"),
        ({"sampler": "tensors"}, "Did you mean 'tensor'"),
        ({"tolerance": 0}, "tolerance is out of range"),
        ({"seconds": -1}, "seconds is out of range"),
        ({"sampler": "grid", "tolerance": 0.1}, "a grid has one"),
        ({"sampler": "learner2d", "rotation": (-1, 1)}, "learner2d samples two parameters"),
        ({"transform": wrong_shape}, "one or two parameters"),
        ({"transform": wrong_shape, "shfit": (0, 3)}, "has no such parameter: got 'shfit'; allowed: shift"),
        ({"transform": 3, "shift": (0, 3)}, "transform must be a function"),
        ({"transform": lambda images, a, b: images, "a": (0, 3)}, "Give a range for b"),
    ],
)
def test_impossible_requests_are_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        Sensitivity(**options)


def test_a_bound_on_a_robust_box_needs_the_identity_inside():
    with pytest.raises(ParameterError, match="min_robust_box needs a box that holds the point"):
        Sensitivity(gamma=(2.0, 3.0)).check_bounds(["robust_box"])
    Sensitivity(gamma=(1.0, 3.0)).check_bounds(["robust_box"])


def test_colours_need_colours(run, dataset):
    with pytest.raises(DatasetError, match=r"saturation needs images with three channels.*got '1 channel'"):
        run(Sensitivity(saturation=(0.0, 2.0)))


def test_parameters_name_what_is_not_usual():
    assert Sensitivity().parameters() == {"gamma": [0.5, 2.0], "brightness": [-0.2, 0.2]}
    assert Sensitivity(gamma=(0.8, 1.2)).parameters() == {"gamma": [0.8, 1.2], "brightness": [-0.2, 0.2]}
    assert Sensitivity(rotation=(-1, 1), points=50, sampler="grid", level=0.8).parameters() == {
        "rotation": [-1.0, 1.0],
        "sampler": "grid",
        "level": 0.8,
        "points": 50,
    }
    assert Sensitivity(seconds=5).parameters()["seconds"] == 5.0
    assert Sensitivity(points=50) == Sensitivity(points=50) != Sensitivity(points=51)
    assert len({Sensitivity(points=50), Sensitivity(points=50)}) == 1


def test_it_can_be_sent_to_another_process():
    for evaluation in (
        Sensitivity(rotation=(-1, 1), contrast=(0, 1)),
        Sensitivity(transform=wrong_shape, shift=(0, 1)),
    ):
        again = pickle.loads(pickle.dumps(evaluation))
        assert again == evaluation
        assert again.box == evaluation.box
        assert [t.name for t in again.transforms()] == [t.name for t in evaluation.transforms()]


@pytest.mark.parametrize("n", [5, 50, 99, 149, 151, 199])
def test_a_perfect_model_is_evaluated_whatever_the_rounding(run, n):
    """The weights of the interpolant sum to 1 but for rounding, which for some n took the mean of an image past 1."""
    images = np.tile(np.array([[0, 255], [255, 0]], np.uint8).reshape(2, 1, 1, 2), (n, 1, 1, 1))[:n]
    model = load_classifier(lambda pixels: pixels[:, 0, 0], num_classes=2)
    mean, *_ = run(Sensitivity(), model=model, data=as_dataset((images, np.tile([1, 0], n)[:n])))
    assert mean.value == pytest.approx(1.0, abs=1e-12)
    assert mean.high == 1.0


@pytest.mark.parametrize("ends", [(1, 1 + 2e-16), (0, 5e-324), (1.0, 1.0 + 1e-12)])
def test_a_range_without_numbers_between_its_ends_is_refused(ends):
    with pytest.raises(ParameterError, match="cannot be divided"):
        Sensitivity(scale=ends) if ends[0] else Sensitivity(rotation=ends)


def test_a_tolerance_does_not_end_where_little_was_seen(run):
    # The middle and both ends are alike: what lies between must be looked at all the same.
    found = run(Sensitivity(rotation=(-2 * math.pi, 2 * math.pi), tolerance=0.05))[0]
    assert len(found.parts) >= 9


def test_all_the_images_are_a_sample_of_the_box(run):
    assert all(measurement.sampled for measurement in run(Sensitivity(points=16)))
