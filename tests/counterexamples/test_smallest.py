"""The smallest failing change of one image, against closed forms."""

from __future__ import annotations

import math
import random

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.counterexamples import Origin, find_counterexamples, smallest_failure
from pytest_robustness.counterexamples.cases import Case
from pytest_robustness.counterexamples.shrinking import ShrinkSearch
from pytest_robustness.errors import ClassifierError, DatasetError, EvaluationError, ParameterError
from pytest_robustness.evaluations import Sensitivity
from pytest_robustness.strategies import Perturbation, perturbations
from pytest_robustness.transforms.geometric import rotate

from .conftest import bright, pointing_up


@pytest.mark.parametrize("index", [0, 7, 9, 10, 19])
def test_a_threshold_on_the_mean_brightness(greys, index):
    found = smallest_failure(bright, "brightness", image=index, data=greys)
    exact = 0.5 - float(greys.images[index].mean())
    assert found.magnitude == pytest.approx(abs(exact), abs=2e-4)
    assert dict(found.perturbation.steps[0].values)["brightness"] == pytest.approx(exact, abs=2e-4)
    # The failing side of the bracket: at the other side the prediction still holds.
    assert found.holds_at.magnitude < found.magnitude <= found.holds_at.magnitude + 1.0001e-4
    assert (found.index, found.label, found.before, found.after) == (index, *(int(index > 9),) * 2, int(index < 10))
    np.testing.assert_array_equal(found.image, found.perturbation(greys.pixels([index]))[0])
    assert bright(found.image[None])[0].argmax() == found.after
    assert found.linf == pytest.approx(found.magnitude, abs=1e-6)
    assert found.l2 == pytest.approx(8 * found.magnitude, abs=1e-5)


def test_gamma_on_a_grey_image(greys):
    mean = float(greys.images[5].mean())
    found = smallest_failure(bright, "gamma", image=5, data=greys, tolerance=1e-5)
    assert dict(found.perturbation.steps[0].values)["gamma"] == pytest.approx(math.log(0.5) / math.log(mean), abs=2e-4)


def test_a_rotation(spot):
    # The spot leaves the upper quarter at 45 degrees, in either direction alike.
    found = smallest_failure(pointing_up, "rotation", image=spot)
    assert abs(dict(found.perturbation.steps[0].values)["rotation"]) == pytest.approx(math.pi / 4, abs=0.01)
    assert found.index is None
    turned = rotate(spot[0], 0.6)
    back = smallest_failure(pointing_up, "rotation", image=(turned, 1))
    # Turned to one side already, it is the nearer border that counts.
    assert dict(back.perturbation.steps[0].values)["rotation"] == pytest.approx(math.pi / 4 - 0.6, abs=0.01)


def test_the_scan_sees_what_bisection_alone_would_not():
    def banded(images):
        mean = np.asarray(images).mean(axis=(1, 2, 3))
        return ((mean < 0.3) | (mean > 0.5)).astype(np.int64)  # wrong between, right again farther out

    found = smallest_failure(banded, "brightness", image=(np.full((4, 4), 0.2, np.float32), 1))
    assert found.magnitude == pytest.approx(0.1, abs=2e-4)
    assert "right again" in found.search
    # And what lies between two points of the scan it does not see: that is what a finer scan is for.
    assert smallest_failure(banded, "brightness", image=(np.full((4, 4), 0.2, np.float32), 1), scan=2) is None


def test_none_where_nothing_fails(greys):
    assert smallest_failure(bright, "rotation", image=0, data=greys) is None
    assert smallest_failure(bright, ("rotation", "blur"), image=0, data=greys) is None
    assert smallest_failure(bright, "brightness", image=0, data=greys, brightness=(-0.2, 0.2)) is None


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_shrinking_leaves_the_one_transform_that_matters(greys, seed):
    # Grey images stay below the threshold whatever is done but for more light.
    strategy = perturbations("rotation", "contrast", "brightness", "blur", contrast=(0.5, 2))
    found = smallest_failure(bright, strategy, image=5, data=greys, seed=seed)
    ((step),) = found.perturbation.steps
    assert step.transform == "brightness"
    # The smallest of the steps of a hundredth that is enough.
    exact = 0.5 - float(greys.images[5].mean())
    assert dict(step.values)["brightness"] == pytest.approx(math.ceil(exact * 100) / 100)


def test_a_single_transform_of_several_is_bisected(greys):
    found = smallest_failure(bright, ("rotation", "brightness", "shear"), image=5, data=greys)
    assert found.magnitude == pytest.approx(0.5 - float(greys.images[5].mean()), abs=2e-4)
    assert len(found.perturbation.steps) == 1


def test_a_composition_where_no_transform_alone_is_enough(greys):
    image = (np.full((9, 9), 0.6, np.float32), 1)

    def needs_both(images):
        # Wrong only where the corner is black (scaled down) and the centre is dark (less light).
        pixels = np.asarray(images)[:, 0]
        return (~((pixels[:, 0, 0] < 0.1) & (pixels[:, 4, 4] < 0.5))).astype(np.int64)

    assert smallest_failure(needs_both, "scale", image=image) is None
    narrow = {"brightness": (-0.2, 0.2)}
    assert smallest_failure(needs_both, "brightness", image=image, **narrow) is None
    found = smallest_failure(needs_both, ("scale", "brightness"), image=image, **narrow)
    assert [step.transform for step in found.perturbation.steps] == ["scale", "brightness"]
    assert "shrinking" in found.search


def test_the_trials_on_all_samples_are_those_on_one(greys):
    # So a sample that fails under one of the trials is found again by itself.
    search = ShrinkSearch(perturbations("rotation", "brightness", "blur"), seed=4, examples=60)
    case = Case(load_classifier(bright).bound(greys.images), greys.take([2]))
    failing = [trial for trial, fails in zip(search.trials, case.fails(search.trials), strict=True) if fails]
    assert failing
    assert search.shrunk(case).magnitude <= failing[0].magnitude
    hopeless = ShrinkSearch(perturbations("rotation", "blur"), seed=4, examples=60)
    assert not case.fails(hopeless.trials).any()
    assert hopeless.shrunk(case) is None


def test_a_function_with_a_range(greys):
    def shaded(images, shade=0.0):
        return images * (1 - shade)

    found = smallest_failure(bright, shaded, image=15, data=greys, shade=(0, 1))
    assert found.magnitude == pytest.approx(1 - 0.5 / float(greys.images[15].mean()), abs=2e-4)
    assert "own_transform(shaded, shade=(0.0, 1.0, 0.0)), {'shade': 0." in repr(found.perturbation)


def test_a_function_that_looks_at_its_batch_is_not_blamed_on_the_model(greys):
    def stretched(images, k=0.0):
        return images * (1 - k) + k * (images - images.min()) / max(np.ptp(images), 0.2)

    message = "stretched makes of an image depends on the others in the batch"
    for what in (stretched, Sensitivity(transform=stretched, k=(0.0, 1.0))):
        options = {"k": (0.0, 1.0)} if what is stretched else {}
        with pytest.raises(ParameterError, match=message):
            find_counterexamples(bright, greys, what, limit=1, **options)


def test_a_function_called_like_a_transform_is_not_taken_for_it(greys):
    def gamma(images, gamma=1.0):
        return np.clip(images * gamma, 0, 1)

    found = smallest_failure(bright, gamma, image=5, data=greys, gamma=(0.5, 4.0))
    assert dict(found.perturbation.steps[0].values)["gamma"] == pytest.approx(0.5 / greys.images[5].mean(), abs=1e-3)


def test_a_long_scan_goes_in_batches(greys):
    sizes = []

    def counted(images):
        sizes.append(len(images))
        return bright(images)

    found = smallest_failure(counted, "brightness", image=3, data=greys, scan=2000)
    assert found.magnitude == pytest.approx(0.5 - float(greys.images[3].mean()), abs=2e-4)
    assert max(sizes) <= 500


def global_state():
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), name, keys.tobytes(), rest


def test_the_same_seed_gives_the_same_result_and_leaves_no_trace(greys):
    before = global_state(), repr(hypothesis.settings())
    several = ("rotation", "gaussian_noise", "brightness")
    for transform in (several, perturbations(*several)):
        first, second = (smallest_failure(bright, transform, image=8, data=greys, seed=3) for _ in range(2))
        assert first.perturbation == second.perturbation
        assert first.forwards == second.forwards
    assert (global_state(), repr(hypothesis.settings())) == before


def test_the_profile_of_the_user_does_not_matter(greys):
    expected = smallest_failure(bright, perturbations(), image=8, data=greys)
    hypothesis.settings.register_profile("odd", max_examples=1, phases=(hypothesis.Phase.explicit,), deadline=1)
    hypothesis.settings.load_profile("odd")
    try:
        found = smallest_failure(bright, perturbations(), image=8, data=greys)
    finally:
        hypothesis.settings.load_profile("robustness")
    assert found.perturbation == expected.perturbation


def test_inside_a_property_of_the_user(greys):
    calls = []

    @hypothesis.settings(max_examples=5, database=None)
    @hypothesis.given(st.integers(0, 19))
    def check(index):
        found = smallest_failure(bright, perturbations("brightness"), image=index, data=greys, examples=100)
        calls.append(found is not None)

    check()
    assert any(calls)
    assert hypothesis.settings().max_examples == 50  # as the profile of these tests has it


def test_the_line_that_reproduces_it(greys, capsys, tmp_path):
    found = smallest_failure(bright, "brightness", image=3, data=greys)
    exec(found.reproduce, {"model": load_classifier(bright), "data": greys})
    assert capsys.readouterr().out == "[1]\n"
    assert found.reproduce.endswith("# 0 becomes 1")
    (tmp_path / "model.py").write_text("def bright(x):\n    m = x.mean((1, 2, 3))\n    return (m > 0.5).astype(int)\n")
    np.savez(tmp_path / "greys.npz", images=greys.images, labels=greys.labels)
    origin = Origin(f"{tmp_path}/model.py:bright", f"{tmp_path}/greys.npz")
    found = smallest_failure(bright, "brightness", image=3, data=greys, origin=origin)
    exec(found.reproduce, {})
    assert capsys.readouterr().out == "[1]\n"
    light = greys.images[9] + np.float32(0.1)
    by_hand = smallest_failure(bright, "gamma", image=(light, 1))
    exec(by_hand.reproduce, {"model": load_classifier(bright), "image": light[None]})
    assert capsys.readouterr().out == "[0]\n"


def test_the_line_runs_for_a_function_of_ones_own(greys, capsys):
    def lighter(images, k=0.0):
        return np.clip(images + k, 0, 1)

    names = {"model": load_classifier(bright), "data": greys, "lighter": lighter, "function": lighter}
    found = smallest_failure(bright, lighter, image=3, data=greys, k=(0, 1))
    exec(found.reproduce, names)
    assert capsys.readouterr().out == "[1]\n"
    nameless = smallest_failure(bright, lambda images, k=0.0: lighter(images, k), image=3, data=greys, k=(0, 1))
    exec(nameless.reproduce, names)
    assert capsys.readouterr().out == "[1]\n"
    report = find_counterexamples(bright, greys, Sensitivity(transform=lighter, k=(0.0, 1.0)), limit=1)
    exec(report.found[0].reproduce, names)
    assert "becomes" in report.found[0].reproduce


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"transform": "rotaton"}, ParameterError, "unknown transform: got 'rotaton'.*Did you mean 'rotation'"),
        ({"transform": ("rotation", "blurr")}, ParameterError, "unknown transform: got 'blurr'.*'blur'"),
        ({"transform": 3}, ParameterError, "unknown transform: got 3"),
        ({"transform": "rotation", "angle": (0, 1)}, ParameterError, "unknown parameter.*rotation.*got 'angle'"),
        ({"transform": "rotation", "rotation": (0.5, 1)}, ParameterError, "does not hold 0"),
        ({"transform": bright}, ParameterError, "needs a range"),
        ({"transform": perturbations("gamma"), "gamma": (0, 2)}, ParameterError, "a strategy takes no ranges"),
        ({"transform": st.integers()}, ParameterError, "must draw perturbations: got 0"),
        (
            {"transform": perturbations("gamma").filter(lambda change: False)},
            ParameterError,
            "the strategy draws no perturbation at all",
        ),
        ({"image": 20}, DatasetError, "no image of this index: got 20; allowed: whole numbers from 0 to 19"),
        ({"image": -1}, DatasetError, "no image of this index"),
        ({"image": 3, "data": None}, ParameterError, "an index needs a data set"),
        ({"image": (np.zeros((1, 1, 8, 8)), 0)}, ParameterError, "not an image with its label"),
        ({"image": (np.zeros((8, 8)), 0.5)}, ParameterError, "not an image with its label"),
        ({"image": (np.full((8, 8), 0.9), 0)}, ParameterError, "wrongly before any change: got '1, label 0'"),
        ({"scan": 0}, ParameterError, "scan is out of range"),
        ({"scan": 10**9}, ParameterError, "scan is out of range: got 1000000000; allowed: 1 to 10,000"),
        ({"transform": ("gamma", "blur"), "scan": 10**9}, ParameterError, "scan is out of range"),
        ({"transform": ("gamma", "blur"), "scan": "many"}, ParameterError, "scan"),
        ({"transform": ("gamma", "blur"), "examples": 10**9}, ParameterError, "examples is out of range"),
        ({"transform": []}, ParameterError, r"no transform is named: got \[\]"),
        ({"transform": ()}, ParameterError, "no transform is named"),
        ({"transform": lambda images, k: images, "k": (0, 1)}, ParameterError, "k that changes nothing is not known"),
        ({"transform": lambda images, scan=0: images, "scan": (0, 1)}, ParameterError, "like an option: got 'scan'"),
        ({"transform": lambda images, k=0.5: images * k, "k": (0, 1)}, ParameterError, "changes images where it is to"),
        ({"transform": lambda images, k=0: images * RNG.random(), "k": (0, 1)}, ParameterError, "from call to call"),
        ({"tolerance": 0}, ParameterError, "tolerance is out of range"),
        ({"transform": ("gamma", "blur"), "examples": 0}, ParameterError, "examples is out of range"),
    ],
)
def test_what_is_refused(greys, arguments, error, message):
    with pytest.raises(error, match=message):
        smallest_failure(bright, **{"transform": "brightness", "image": 3, "data": greys, **arguments})


def test_a_model_that_fails_while_shrinking(greys):
    def fragile(images):
        if np.asarray(images).max() > 0.9:
            raise OSError("no more memory")
        return np.zeros(len(images), np.int64)

    for transform in ("brightness", perturbations("brightness", "rotation")):
        with pytest.raises(ClassifierError, match="no more memory"):
            smallest_failure(load_classifier(fragile, num_classes=2, outputs="labels"), transform, image=0, data=greys)


def test_a_model_that_throws_dice_has_no_counterexamples(greys):
    rng = np.random.default_rng(0)

    def dice(images):
        return rng.integers(0, 2, len(images))

    with pytest.raises(EvaluationError, match="of dice change from call to call"):
        smallest_failure(load_classifier(dice, outputs="labels"), "rotation", image=0, data=greys)


def test_a_counterexample_is_seen_once_more():
    asked = []

    def forgetful(images):
        asked.append(len(images))
        return np.full(len(images), int(sum(asked) > 60 and len(images) > 1))

    model = load_classifier(forgetful, outputs="labels", num_classes=2, input_shape=(1, 4, 4))
    with pytest.raises(EvaluationError, match="from call to call, or with the images beside one"):
        smallest_failure(model, "rotation", image=(np.zeros((4, 4)), 0))


def test_changes_that_are_equal_are_one():
    assert len({Perturbation([("gamma", {"gamma": 2})]), Perturbation([("gamma", {"gamma": 2.0})])}) == 1
