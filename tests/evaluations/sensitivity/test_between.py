"""The interval of the mean: it allows for what lies between the points, and says where little is known of it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from example_models.mlp_adam import load
from pytest_robustness import Evaluator, load_classifier, load_dataset
from pytest_robustness.datasets import as_dataset
from pytest_robustness.evaluations import Sensitivity, Threshold, judge
from pytest_robustness.evaluations.base import Outcome, Subject
from pytest_robustness.evaluations.sensitivity.between import mean_error
from pytest_robustness.evaluations.sensitivity.box import Box
from pytest_robustness.evaluations.sensitivity.folding import fold
from pytest_robustness.evaluations.sensitivity.mesh import grid_mesh, triangle_mesh
from pytest_robustness.evaluations.sensitivity.samplers import SAMPLERS, axes_of
from pytest_robustness.transforms import gamma_brightness_table

UNIT = Box(("a", "b"), ((0.0, 1.0), (0.0, 1.0)), (0.3, 0.5), (False, False))


def logistic(t):
    return 1 / (1 + np.exp(-t))


def bumps(seed):
    """Accuracies that rise and fall in up to eight places, at random."""
    rng = np.random.default_rng(seed)
    count = rng.integers(3, 9)
    centres, widths, heights = rng.random((count, 2)), rng.uniform(0.05, 0.35, (count, 2)), rng.uniform(-6, 6, count)

    def surface(x, y):
        places = np.stack([x, y], axis=-1)[..., None, :]
        return logistic((heights * np.exp(-(((places - centres) / widths) ** 2).sum(axis=-1))).sum(axis=-1) + 1)

    return surface


def dip(x, y, width):
    return 0.95 - 0.85 * np.exp(-(((x - 0.62) / width) ** 2 + ((y - 0.3) / width) ** 2))


NASTY = {
    "flat": lambda x, y: np.full_like(x, 0.95),
    "cliff": lambda x, y: 0.1 + 0.85 * logistic(-40 * (y - 0.3 - 0.1 * x)),
    "step": lambda x, y: np.where(y > 0.37, 0.1, 0.95),
    "slanting step": lambda x, y: np.where(x + y > 0.9, 0.1, 0.95),
    "ridge": lambda x, y: 0.1 + 0.85 * np.exp(-(((x - y) / 0.08) ** 2)),
    "ring": lambda x, y: 0.1 + 0.85 * np.exp(-(((np.hypot(x - 0.5, y - 0.5) - 0.3) / 0.05) ** 2)),
    "narrow dip": lambda x, y: dip(x, y, 0.1),
    "wide dip": lambda x, y: dip(x, y, 0.2),
    "waves": lambda x, y: 0.5 + 0.45 * np.cos(2 * np.pi * x) * np.cos(2 * np.pi * y),
    "hole": lambda x, y: 0.95 - 0.85 * 16 * x * (1 - x) * y * (1 - y),
    "trench": lambda x, y: 0.95 - 0.85 * np.exp(-(((y - 0.22) / 0.06) ** 2)),
    **{f"bumps {seed}": bumps(seed) for seed in range(8)},
}
BLIND = {("trench", 16)}
"""All of 16 points lie beside it: nothing that looks at the points can know of it."""


def sampled(surface, sampler, limit):
    known = {}
    while points := SAMPLERS[sampler](UNIT, known, limit):
        values = surface(*np.array(points).T)
        known = dict(sorted((known | dict(zip(points, values.tolist(), strict=True))).items()))
    points, values = np.array(list(known)), np.array(list(known.values()))
    axes = None if sampler == "learner2d" else axes_of(known)
    mesh = triangle_mesh(points, UNIT) if axes is None else grid_mesh(axes)
    return mesh.weights(len(points)) @ values, mean_error(UNIT, points, values, axes)


@pytest.mark.parametrize("sampler", ["tensor", "grid", "learner2d"])
def test_the_error_of_the_mean_is_allowed_for(sampler):
    middles = (np.arange(400) + 0.5) / 400
    grid = np.meshgrid(middles, middles, indexing="ij")
    missed, allowed = [], {}
    for (name, surface), limit in product(NASTY.items(), [9, 16, 36, 100]):
        mean, error = sampled(surface, sampler, limit)
        allowed.setdefault(limit, []).append(error)
        if abs(mean - surface(*grid).mean()) > error and (name, limit) not in BLIND:
            missed.append((name, limit))
    assert missed == []
    # And not by saying nothing: what is allowed for shrinks faster than 1 / sqrt(points).
    typical = {limit: np.median(errors) for limit, errors in allowed.items()}
    assert typical[9] > 3 * typical[36] > 6 * typical[100]
    assert typical[100] < 0.04


def test_what_no_point_can_see_is_allowed_for_as_points_are_few():
    flat = {limit: sampled(NASTY["flat"], "grid", limit)[1] for limit in (9, 36, 400)}
    # A parabola of sag 1/2 over the axis, from chords of h: h ** 2 / 3 along each axis, shared by the inner lines.
    assert flat[9] == pytest.approx(2 * (1 / 2) ** 2 / 3)
    assert flat[36] == pytest.approx(2 * (1 / 5) ** 2 / 3 / 4)
    assert flat[400] < 0.001


def test_the_jump_itself_has_no_area():
    jumping = Box(("a",), ((0.0, 1.0),), None, (True,))
    axis = (0.0, 1e-6, 0.25, 0.5, 0.75, 1.0)
    values = np.array([0.0, 0.9, 0.9, 0.9, 0.9, 0.9])
    with_jump = mean_error(jumping, np.array(axis)[:, None], values, (axis,))
    assert with_jump == pytest.approx(0.25**2 / 3 / 3, rel=1e-4)


class OfImages(Sensitivity):
    """Classifies no images: of those at each point, the share that the function `surface` says is right."""

    surface = staticmethod(lambda gamma, brightness: 1.0)

    def run_block(self, subject, block):
        order = (subject.samples(block).ids * 7919 % 1000 + 0.5) / 1000
        if block.part == "identity":
            return {"correct": order < 1.0}
        return {"correct": np.stack([order < self.surface(*point) for point in block.points])}


def measured(evaluation, n=1000, early=None):
    data = as_dataset((np.zeros((n, 1, 2, 2), np.uint8), np.zeros(n, np.int64)))
    subject, outcomes = Subject(None, data, 0, 500, {}, early), {}
    while blocks := evaluation.plan(subject, outcomes):
        outcomes |= {block: Outcome(evaluation.run_block(subject, block)) for block in blocks}
    return {m.metric: m for m in evaluation.summarise(subject, outcomes, confidence=0.95)}


class Holes(OfImages):
    """Right at the ends and the middle of the range of brightness; between them nothing is."""

    surface = staticmethod(lambda gamma, brightness: 0.5 + 0.5 * np.cos(20 * np.pi * brightness))


def test_a_mean_does_not_pass_at_few_points_that_happen_to_be_good():
    # The mean is one half. At nine points all is well, and judged by the images alone it would pass.
    mean = measured(Holes(gamma=(0.5, 2.0), brightness=(-0.2, 0.2), points=9))["mean"]
    assert mean.value == pytest.approx(1.0)
    assert mean.low < 0.81
    assert judge(mean, Threshold("mean", ">=", 0.85)).decision == "inconclusive"
    assert all("few points" in doubt for doubt in mean.doubts)
    assert mean.doubts
    assert mean.details["between"] == pytest.approx(1 - mean.low, abs=0.01)


def test_many_points_need_no_warning():
    mean = measured(OfImages(points=100))["mean"]
    assert mean.warnings == ()
    assert (mean.value, mean.high) == pytest.approx((1.0, 1.0))
    assert 0.97 < mean.low < 1 - mean.details["between"]


@pytest.mark.parametrize("points", [9, 16, 36, 100, 400])
def test_the_interval_holds_the_mean_of_a_fine_grid(data_dir, points):
    """On the surface of the study, where accuracy goes from 0.1 to 0.98."""
    del data_dir
    truth, data = _truth()
    for sampler in ("tensor", "grid", "learner2d"):
        evaluation = Sensitivity(gamma=(0.1, 10.0), brightness=(-1.0, 1.0), points=points, sampler=sampler)
        mean = Evaluator(load(), data).measure(evaluation)
        assert mean.low <= truth <= mean.high
        assert abs(mean.value - truth) <= mean.details["between"]
        # As sharp as it can be: the images alone make an interval of about 0.02.
        assert points < 400 or mean.high - mean.low < 0.08


def _truth(cache={}):  # noqa: B006
    """Return the mean over a fine grid, by the trapezoid rule, on the same images."""
    if not cache:
        data = load_dataset("mnist", n=1000)
        folded = fold(load_classifier(load()).bound(data.images[:4]), data.images)
        lines = np.linspace(0.1, 10, 61), np.linspace(-1, 1, 61)
        values = [(folded.predict(gamma_brightness_table(g, b)) == data.labels).mean() for g, b in product(*lines)]
        weights = grid_mesh(tuple(tuple(line.tolist()) for line in lines)).weights(61 * 61)
        cache["truth"] = float(weights @ values), data
    return cache["truth"]


class Turns(OfImages):
    """Right at three angles, and hardly anywhere between them."""

    surface = staticmethod(lambda brightness: 0.3 + 0.7 * (np.cos(10 * np.pi * brightness) > 0.95))


def test_nothing_passes_by_a_few_points_that_happen_to_be_good():
    found = measured(Turns(gamma=None, brightness=(-0.2, 0.2), points=3, level=0.9))
    bounds = [("mean", ">=", 0.7), ("area", ">=", 1.0), ("robust_box", ">=", 1.0), ("worst", ">=", 0.9)]
    for metric, op, bound in [*bounds, ("max_drop", "<=", 0.1)]:
        verdict = judge(found[metric], Threshold(metric, op, bound))
        assert verdict.decision == "inconclusive", metric
        assert "few points" in verdict.reason or metric == "mean"
    assert (
        "bracket [1, 1] lies wholly >= 1, but few points: what lies"
        in judge(found["area"], Threshold("area", ">=", 1.0)).reason
    )
    assert "few points: 3 values of a parameter do not show" in found["worst"].doubts[0]
    assert found["mean"].ends == "95 % interval"
    enough = measured(Turns(gamma=None, brightness=(-0.2, 0.2), points=40, level=0.9))
    assert judge(enough["worst"], Threshold("worst", ">=", 0.9)).decision == "failed"


class Ridge(OfImages):
    """Good around the unchanged images alone, which an even grid leaves out."""

    surface = staticmethod(
        lambda gamma, brightness: 1.0 - 0.8 * ((np.abs(brightness) > 0.02) | (np.abs(gamma - 1) > 0.02))
    )


@pytest.mark.parametrize("sampler", ["grid", "learner2d", "tensor"])
def test_the_area_is_possibly_as_large_as_the_box_around_what_is_known(sampler):
    found = measured(Ridge(gamma=(0.5, 2.0), brightness=(-0.2, 0.2), points=16, sampler=sampler, level=0.9))
    assert found["area"].high >= found["robust_box"].high > 0
    assert judge(found["area"], Threshold("area", ">=", 0.001)).decision == "inconclusive"
