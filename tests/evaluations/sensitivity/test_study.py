"""The study of siemdejong/model-robustness-benchmark (mnist_robustness.py) again, on the perceptron trained here.

It sampled the accuracy of scikit-learn's MLP-adam on the 10,000 MNIST test images at 2,002 points, gamma in [0, 10] and
brightness in [-1, 1], with gamma clipped at 0.1. Of its file sensitivity_results.npz: the best accuracy is 0.9784 near
gamma 0.37, brightness -0.21, the worst 0.0892, the area-weighted (Delaunay) mean 0.5766, and between 0.305 and 0.356 of
the area has an accuracy of at least 0.9. Our perceptron was trained on another machine: its accuracies differ by some
hundredths.
"""

from __future__ import annotations

import numpy as np
import pytest

from example_models.mlp_adam import load
from pytest_robustness import Evaluator, load_classifier, load_dataset
from pytest_robustness.evaluations import Sensitivity, surface_of
from pytest_robustness.evaluations.sensitivity.folding import fold
from pytest_robustness.transforms import gamma_brightness_table

BOX = {"gamma": (0.1, 10.0), "brightness": (-1.0, 1.0)}


@pytest.fixture(scope="module")
def digits(data_dir):
    return load_dataset("mnist")


def test_the_published_study(digits):
    evaluator = Evaluator(load(), digits)
    mean = evaluator.measure(Sensitivity(**BOX, points=300))
    surface = surface_of(mean)
    gamma, brightness = surface.points[surface.accuracies.argmax()]
    assert surface.accuracies.max() == pytest.approx(0.978, abs=0.003)
    assert 0.1 <= gamma <= 1.2
    assert -0.45 <= brightness <= -0.05
    # All black: whatever it answers then is right for one class in ten, here the fives.
    assert mean["worst"].value == surface.interpolated(5.0, -1.0) == 0.0892
    assert mean.value == pytest.approx(0.577, abs=0.03)
    area = mean["area"]
    assert 0.305 <= area.value <= 0.356
    assert area.low <= 0.356
    assert area.high >= 0.305
    # The mean over the points that happened to be sampled says something else.
    assert abs(surface.accuracies.mean() - mean.value) > 0.005


def test_both_sides_of_gamma_zero(digits):
    # 0 ** 0 = 1 turns all images white, of which no model can know anything; as a limit they are black and white.
    surface = surface_of(
        Evaluator(load(), digits).measure(Sensitivity(gamma=(0.0, 10.0), brightness=(-1, 1), points=60))
    )
    assert surface.interpolated(0.0, 0.0) < 0.12
    assert surface.interpolated(surface.axes[0][1], 0.0) > 0.95


@pytest.mark.parametrize(("points", "mean_error", "most"), [(100, 0.0070, 0.16), (400, 0.0022, 0.09)])
def test_the_error_of_the_tensor_grid(digits, points, mean_error, most):
    """Bounds: of a tensor grid with as many points on the surface of the study, 2,000 images, in an earlier trial."""
    some = digits.sample(2000, seed=0)
    places = np.linspace(0.1, 10, 41), np.linspace(-1, 1, 61)
    folded = fold(load_classifier(load()).bound(some.images[:4]), some.images)
    truth = np.array(
        [[(folded.predict(gamma_brightness_table(g, b)) == some.labels).mean() for b in places[1]] for g in places[0]]
    )
    mean = Evaluator(load(), some).measure(Sensitivity(**BOX, points=points))
    surface = surface_of(mean)
    grid = np.meshgrid(*places, indexing="ij")
    linear, smooth = (np.abs(surface.interpolated(*grid, smooth=choice) - truth) for choice in (False, True))
    assert linear.mean() <= mean_error
    assert linear.max() <= most
    assert smooth.mean() <= 0.85 * linear.mean()
    assert mean["area"].low <= (truth >= 0.9).mean() <= mean["area"].high
    assert mean.details["estimated_error"] == pytest.approx(linear.mean(), rel=0.5)
