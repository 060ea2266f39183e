"""Verdicts of an unchanged model do not flip from one sample of the data to the next; 1,000 runs are a benchmark."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.flakiness import Check, simulate
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset
from pytest_robustness.evaluations import Accuracy, AdversarialAccuracy


@pytest.fixture(scope="module")
def population():
    """5,000 images; the tests label a share of them as the model would."""
    return np.random.default_rng(0).integers(0, 256, (5000, 1, 5, 5), dtype=np.uint8)


def labelled(net, images, share):
    """Return the images with labels of which the model gets this share right."""
    answers = load_classifier(net).predict(images)
    wrong = np.random.default_rng(1).random(len(images)) >= share
    return as_dataset((images, np.where(wrong, (answers + 1) % 4, answers)))


@pytest.mark.parametrize("share", [0.97, 0.85, 0.6])
def test_no_verdict_flips_two_points_from_the_bound(net, population, share):
    data = labelled(net, population, share)
    better, worse = simulate(net, data, [Check(Accuracy(), "accuracy")], runs=150, n=1000, distances=(0.02, -0.02))
    assert better.truth == pytest.approx(share, abs=0.01)
    assert better.flips("verify") == better.flips("regress") == worse.flips("verify") == 0
    assert better.counts("regress") == (150, 0, 0)
    missed = worse.expected("regress", runs=150, n=1000, population=5000)
    assert worse.flips("regress") == pytest.approx(missed, abs=5 * math.sqrt(missed + 1))
    assert better.expected("verify", runs=1000, n=1000, population=5000) < 0.6
    assert better.counts("verify")[2] == 0
    assert worse.counts("verify")[0] == 0


def test_under_attack(net, population):
    data = labelled(net, population, 0.95)
    check = Check(AdversarialAccuracy("fgsm", eps=0.02), "accuracy")
    better, worse = simulate(net, data, [check], runs=25, n=1000, distances=(0.02, -0.02))
    assert better.truth < 0.94
    assert better.flips("verify") == better.flips("regress") == worse.flips("verify") == 0


def test_a_plain_comparison_does_flip(net, population):
    # That the simulation sees flips where there are some: of the value itself, half a point from the bound.
    data = labelled(net, population, 0.85)
    (gate,) = simulate(net, data, [Check(Accuracy(), "accuracy")], runs=150, n=1000, distances=(0.005,))
    assert gate.flips("point") > 20
    assert gate.flips("verify") == gate.flips("regress") == 0
    assert gate.counts("verify")[1] > 100
