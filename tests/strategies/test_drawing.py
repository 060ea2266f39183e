"""What is drawn, and what it shrinks to."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings

from pytest_robustness.datasets import as_dataset
from pytest_robustness.errors import DatasetError, ParameterError
from pytest_robustness.strategies import Perturbation, images, own_transform, perturbations
from pytest_robustness.strategies.table import NAMED, RANGES

DATA = as_dataset((np.arange(5 * 4, dtype=np.uint8).reshape(5, 1, 2, 2), [3, 1, 4, 1, 5]), name="five")

QUICK = settings(max_examples=500, derandomize=True, database=None, phases=(Phase.generate, Phase.shrink))


@given(change=perturbations(max_size=2))
def test_what_is_drawn_lies_in_the_ranges(change):
    assert len(change.steps) <= 2
    names = [step.transform for step in change.steps]
    assert len(set(names)) == len(names)
    assert names == sorted(names, key=list(RANGES).index)
    for step in change.steps:
        for name, value in step.values:
            low, high, _ = NAMED[step.transform].parameters[name]
            assert low <= value <= high
            assert name != "saturation"  # which grey images do not have


@pytest.mark.parametrize("names", [(), *itertools.combinations(list(RANGES)[::3], 2), *((name,) for name in NAMED)])
def test_the_identity_is_the_simplest(names):
    assert find(perturbations(*names), lambda change: True, settings=QUICK) == Perturbation()


def test_it_shrinks_to_fewer_transforms_and_to_smaller_values():
    bright = find(perturbations(), lambda change: "brightness" in repr(change), settings=QUICK)
    assert bright == Perturbation([("brightness", {"brightness": 0.01})])
    far = find(perturbations("rotation", "scale"), lambda change: change.magnitude > 0.5, settings=QUICK)
    assert len(far.steps) == 1
    assert far.magnitude <= 0.51 + 1e-9
    two = find(perturbations("rotation", "scale", "blur"), lambda change: len(change.steps) == 2, settings=QUICK)
    assert [step.transform for step in two.steps] == ["rotation", "scale"]


def test_narrower_ranges_have_finer_steps():
    fine = find(perturbations("brightness", brightness=(-0.1, 0.1)), lambda change: change.steps, settings=QUICK)
    assert fine == Perturbation([("brightness", {"brightness": 0.001})])


def shifted(pixels, *, shift=0.0):
    return np.clip(pixels + shift, 0, 1)


@given(change=perturbations(own_transform(shifted, shift=(0, 0.5)), "gamma", max_size=2))
def test_own_transforms_are_drawn(change):
    assert {repr(step).split(",")[0] for step in change.steps} <= {"(own_transform(shifted", "('gamma'"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: perturbations("rotate"), "unknown transform: got 'rotate'.*Did you mean 'rotation'"),
        (lambda: perturbations("gamma", "gamma"), "named twice"),
        (lambda: perturbations("gamma", max_size=0), "max_size is out of range"),
        (lambda: perturbations("gamma", rotation=(0, 1)), "unknown parameter: got 'rotation'"),
        (lambda: perturbations("gamma", gamma=(2, 3)), "does not hold 1, which changes nothing"),
        (lambda: perturbations("gamma", gamma=(3, 0)), "the range of gamma is empty"),
        (lambda: perturbations("gamma", gamma=(-1, 3)), "too wide.*within"),
    ],
)
def test_what_cannot_be_drawn(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


@given(sample=images(DATA))
def test_images_are_those_of_the_data(sample):
    assert sample.images.shape == (1, 1, 2, 2)
    assert sample.images.dtype == np.uint8
    np.testing.assert_array_equal(sample.images[0], DATA.images[sample.index])
    assert sample.label == DATA.labels[sample.index]
    assert repr(sample) == f"Sample(index={sample.index}, label={sample.label})"


def test_images_shrink_to_the_first():
    assert find(images(DATA), lambda sample: True, settings=QUICK).index == 0
    assert find(images(DATA), lambda sample: sample.label == 1, settings=QUICK).index == 1
    assert find(images(DATA, [4, 2]), lambda sample: True, settings=QUICK).index == 4
    # Of a part of the data, the index is that in the whole.
    assert find(images(DATA.take([3, 1])), lambda sample: True, settings=QUICK).index == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: images(DATA, [5]), "five has no image of this index: got 5; allowed: whole numbers from 0 to 4"),
        (lambda: images(DATA, [True]), "no image of this index: got True"),
        (lambda: images(DATA, []), "no images to draw from"),
        (lambda: images(DATA.take([0, 3]), [1]), "from 0 to 3, 2 of them"),
    ],
)
def test_images_that_are_not_there(make, message):
    with pytest.raises(DatasetError, match=message):
        make()
