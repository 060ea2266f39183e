"""The learner of python-adaptive, asked and told in rounds, beside the package's own runners."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from adaptive import BlockingRunner, Learner2D
from adaptive.runner import simple

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset
from pytest_robustness.engine import Evaluator
from pytest_robustness.evaluations import Sensitivity, surface_of
from pytest_robustness.evaluations.sensitivity.mesh import triangle_mesh
from pytest_robustness.transforms import gamma_brightness

BOX = {"gamma": (0.2, 4.0), "brightness": (-0.6, 0.6)}
POINTS = 150


@pytest.fixture(scope="module")
def model():
    return load_classifier(lambda pixels: np.stack([1 - pixels.mean(axis=(1, 2, 3)), pixels.mean(axis=(1, 2, 3))], 1))


@pytest.fixture(scope="module")
def slopes():
    """2,000 flat images of bytes, labelled bright above 1/2 with noise: a smooth surface."""
    rng = np.random.default_rng(0)
    means = rng.uniform(0, 1, 2000)
    labels = (means + rng.normal(0, 0.15, 2000) > 0.5).astype(np.int64)
    return as_dataset((np.rint(255 * means).astype(np.uint8)[:, None, None, None], labels))


@pytest.fixture(scope="module")
def accuracy(model, slopes):
    def at(point):
        return float((model.predict(gamma_brightness(slopes.images, *point)) == slopes.labels).mean())

    return at


@pytest.fixture(scope="module")
def ours(model, slopes):
    return Evaluator(model, slopes).measure(Sensitivity(**BOX, points=POINTS, sampler="learner2d"))


@pytest.mark.parametrize("threads", [0, 2])
def test_it_agrees_with_the_runners_of_adaptive(ours, accuracy, threads):
    learner = Learner2D(accuracy, bounds=list(BOX.values()))
    if threads:
        with ThreadPoolExecutor(threads) as executor:
            BlockingRunner(learner, npoints_goal=POINTS, executor=executor)
    else:
        simple(learner, npoints_goal=POINTS)
    surface = surface_of(ours)
    assert len(surface.points) == POINTS <= learner.npoints
    # What was measured is what the learner would have been told.
    for point, value in list(zip(surface.points, surface.accuracies, strict=True))[::10]:
        assert value == accuracy(point)
    points = np.array(list(learner.data))
    theirs = triangle_mesh(points, surface.box).weights(len(points)) @ np.array(list(learner.data.values()))
    assert ours.value == pytest.approx(theirs, abs=min(ours.details["between"], 0.005))
