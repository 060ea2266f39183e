from __future__ import annotations

import numpy as np
import pytest

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import CapabilityError, ParameterError
from pytest_robustness.saliency import Occlusion


def test_a_patch_of_a_linear_model_loses_what_its_pixels_add(linear, images, weights):
    taken_for = linear.predict(images)
    found = Occlusion(size=1).attributions(linear, images)
    added = (weights[taken_for] * images).sum(axis=1)
    for channel in range(2):
        np.testing.assert_allclose(found[:, channel], added, atol=1e-5)
    covered = Occlusion(size=1, value=0.25).attributions(linear, images)[:, 0]
    np.testing.assert_allclose(covered, (weights[taken_for] * (images - 0.25)).sum(axis=1), atol=1e-5)


def test_overlapping_patches_and_the_edge(linear, images, weights):
    # Patches of 4 x 4, two apart, on 5 x 6 pixels: rows 0-3 and 2-4, columns 0-3 and 2-5.
    added = (weights[linear.predict(images)] * images).sum(axis=1)
    rows, columns = (slice(0, 4), slice(2, 5)), (slice(0, 4), slice(2, 6))
    total, count = np.zeros_like(added), np.zeros((5, 6))
    for row in rows:
        for column in columns:
            total[:, row, column] += added[:, row, column].sum(axis=(1, 2))[:, None, None]
            count[row, column] += 1
    assert count.min() == 1
    np.testing.assert_allclose(Occlusion(size=4, stride=2).attributions(linear, images)[:, 0], total / count, atol=1e-5)


def test_one_patch_over_everything(linear, images):
    rows, taken_for = np.arange(9), linear.predict(images)
    blank = linear.logits(np.zeros_like(images))[rows, taken_for]
    found = Occlusion(size=100).attributions(linear, images)
    np.testing.assert_allclose(found.std(axis=(1, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(found[:, 0, 0, 0], linear.logits(images)[rows, taken_for] - blank, atol=1e-6)


@pytest.mark.parametrize(("side", "patches"), [(5, 25), (8, 16), (28, 49), (32, 49)])
def test_the_patch_is_a_seventh_of_the_side(side, patches):
    model = load_classifier(lambda batch: np.asarray(batch)[:, 0, 0, :4]).bound(np.zeros((2, 1, side, side)))
    before = model.passes.snapshot()
    Occlusion().attributions(model, np.zeros((3, 1, side, side)), [0, 1, 2])
    assert (model.passes - before).forwards == 3 * (patches + 1)


def test_the_score_is_a_probability_where_there_are_no_logits():
    def probabilities(batch):
        first = np.asarray(batch)[:, 0, 0, 0].astype(np.float64)
        return np.stack([first, 1 - first], axis=1)

    images = np.full((1, 1, 3, 3), 0.75, np.float32)
    model = load_classifier(probabilities, outputs="probabilities").bound(images)
    found = Occlusion(size=1).attributions(model, images)[0, 0]
    assert found[0, 0] == pytest.approx(0.75)
    assert np.count_nonzero(found) == 1


def test_labels_say_nothing_of_what_they_rest_on():
    images = np.random.default_rng(0).random((4, 1, 3, 3))
    model = load_classifier(lambda batch: np.zeros(len(batch), int), outputs="labels").bound(images, num_classes=2)
    with pytest.raises(CapabilityError, match=r"'occlusion' needs scores.*returns logits or probabilities"):
        Occlusion().attributions(model, images)


@pytest.mark.parametrize("option", ["size", "stride"])
@pytest.mark.parametrize("value", [0, 1.5, True])
def test_impossible_patches(option, value):
    with pytest.raises(ParameterError, match=f"{option} is out of range"):
        Occlusion(**{option: value})


def test_gaps_between_patches_are_refused():
    with pytest.raises(ParameterError, match=r"stride leaves gaps.*got 5; allowed: 1 to the size of the patch, 4"):
        Occlusion(size=4, stride=5)


def test_impossible_cover():
    with pytest.raises(ParameterError, match="value is out of range"):
        Occlusion(value=1.5)
