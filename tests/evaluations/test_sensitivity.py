from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import trapezoid

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset
from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations import Accuracy, Sensitivity
from pytest_robustness.evaluations.sensitivity import area_above, bilinear_weights
from pytest_robustness.transforms import gamma_brightness


def surface_by_hand(classifier, dataset, gammas, shifts):
    return np.array(
        [
            [(classifier.predict(gamma_brightness(dataset.images, g, b)) == dataset.labels).mean() for b in shifts]
            for g in gammas
        ]
    )


def test_by_hand(run, classifier, dataset):
    evaluation = Sensitivity(gamma=(0.5, 2.0), brightness=(-0.3, 0.3), points=36, level=0.7)
    found = {m.metric: m for m in run(evaluation)}
    assert list(found) == ["mean", "worst", "area", "max_drop"]
    gammas, shifts = evaluation.grid()
    surface = surface_by_hand(classifier, dataset, gammas, shifts)
    np.testing.assert_allclose(found["mean"].details["accuracy"], surface)
    by_hand = trapezoid(trapezoid(surface, shifts, axis=1), gammas) / (0.6 * 1.5)
    assert found["mean"].value == pytest.approx(by_hand)
    assert found["worst"].value == pytest.approx(surface.min())
    assert found["max_drop"].value == pytest.approx(0.9 - surface.min())
    assert (found["max_drop"].low, found["max_drop"].high) == pytest.approx(
        (0.9 - found["worst"].high, 0.9 - found["worst"].low)
    )
    assert [part.value for part in found["mean"].parts] == pytest.approx(surface.ravel())
    assert found["area"].parts == ()
    assert all(m.low <= m.value <= m.high for m in found.values())
    assert [m.higher_is_better for m in found.values()] == [True, True, True, False]


def test_the_identity_is_the_clean_accuracy(run, classifier, dataset):
    # On a grid with the identity at a corner, that point and the largest drop speak of the same clean accuracy.
    mean, worst, _, drop = run(Sensitivity(gamma=(1.0, 2.0), brightness=(0.0, 0.2), points=4))
    (clean,) = run(Accuracy())
    assert mean.parts[0].value == clean.value
    assert drop.value == pytest.approx(clean.value - worst.value)


def test_the_grid_is_finer_in_brightness():
    gammas, shifts = Sensitivity(gamma=(0.5, 2.0), brightness=(-0.2, 0.2), points=100).grid()
    assert (len(gammas), len(shifts)) == (5, 20)
    assert (gammas[0], gammas[-1], shifts[0], shifts[-1]) == (0.5, 2.0, -0.2, 0.2)
    assert [len(axis) for axis in Sensitivity(points=4).grid()] == [2, 2]


AXES = st.lists(st.floats(0.01, 3), min_size=1, max_size=6).map(lambda widths: np.cumsum([0.0, *widths]))


@given(AXES, AXES, st.floats(-2, 2), st.floats(-2, 2), st.floats(-2, 2))
def test_weights_give_the_exact_mean_of_a_bilinear_surface(x, y, a, b, c):
    weights = bilinear_weights(x, y)
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0).all()
    surface = a * x[:, None] + b * y[None, :] + c * x[:, None] * y[None, :]
    middle_x, middle_y = (x[0] + x[-1]) / 2, (y[0] + y[-1]) / 2
    exact = a * middle_x + b * middle_y + c * middle_x * middle_y
    assert (weights * surface).sum() == pytest.approx(exact, abs=1e-9)


@given(st.integers(2, 9), st.integers(2, 9), st.floats(0.01, 0.99))
def test_area_of_a_slope(rows, columns, level):
    # The surface x over the unit square is at least `level` on 1 - level of it; 16 samples a cell resolve 1/32 cell.
    surface = np.repeat(np.linspace(0, 1, rows)[:, None], columns, axis=1)
    found = area_above(surface, surface, surface, level)
    assert found.value == pytest.approx(1 - level, abs=0.51 / 16 / (rows - 1))
    assert found.low <= found.value <= found.high
    assert found.high - found.low <= 1.001 / (rows - 1)


def test_area_below_a_diagonal_of_a_product():
    # x y >= 1/2 on the unit square: 1 - 1/2 - ln(2)/2.
    axis = np.linspace(0, 1, 2)
    surface = np.outer(axis, axis)
    found = area_above(surface, surface, surface, 0.5, refine=400)
    assert found.value == pytest.approx(0.5 - np.log(2) / 2, abs=2e-3)


def test_the_bracket_allows_for_the_intervals():
    flat = np.full((3, 3), 0.9)
    assert area_above(flat, flat - 0.1, flat + 0.05, 0.85) == (1.0, 0.0, 1.0)
    assert area_above(flat, flat - 0.01, flat + 0.05, 0.85) == (1.0, 1.0, 1.0)
    assert area_above(flat, flat - 0.1, flat + 0.01, 0.95) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": (2.0, 0.5)}, "range of gamma is empty"),
        ({"gamma": (1.0, 1.0)}, "range of gamma is empty"),
        ({"gamma": (-1.0, 1.0)}, "lower end of gamma"),
        ({"gamma": 2.0}, "gamma must be a range"),
        ({"gamma": (1, 2, 3)}, "gamma must be a range"),
        ({"brightness": (0.0, float("nan"))}, "upper end of brightness"),
        ({"brightness": ("0", "1")}, "lower end of brightness"),
        ({"points": 3}, "points"),
        ({"points": 10.5}, "points"),
        ({"level": 90}, "level is out of range"),
        ({"level": -0.1}, "level is out of range"),
    ],
)
def test_impossible_boxes_are_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        Sensitivity(**options)


@pytest.mark.parametrize("n", [5, 50, 99, 149, 151, 199])
def test_a_perfect_model_is_evaluated_whatever_the_rounding(run, n):
    """The weights of the interpolant sum to 1 but for rounding, which for some n took the mean of an image past 1."""
    images = np.tile(np.array([[0, 255], [255, 0]], np.uint8).reshape(2, 1, 1, 2), (n, 1, 1, 1))[:n]
    model = load_classifier(lambda pixels: pixels[:, 0, 0], num_classes=2)
    mean, *_ = run(Sensitivity(), model=model, data=as_dataset((images, np.tile([1, 0], n)[:n])))
    assert mean.value == pytest.approx(1.0, abs=1e-12)
    assert mean.high == 1.0
