from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.attacks.spatial import Shift, Spatial, shifted
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import ParameterError
from pytest_robustness.transforms.geometric import rotate, translate


class Corner(nn.Module):
    """Says 1 where the upper left pixel is bright, else 0."""

    def forward(self, pixels):
        bright = pixels[:, 0, 0, 0] - 0.5
        return torch.stack([-bright, bright], dim=1)


@pytest.mark.parametrize("shape", [(4, 1, 6, 6), (2, 3, 5, 8)])
@pytest.mark.parametrize("degrees", [0.0, 17.0, -30.0, 90.0, 180.0])
def test_rotations_are_those_of_the_transforms(shape, degrees):
    images = np.random.default_rng(0).random(shape, dtype=np.float32)
    moved = shifted(torch.from_numpy(images), Shift(degrees, 0.0, 0.0)).numpy()
    np.testing.assert_allclose(moved, rotate(images, np.radians(degrees)), atol=2e-5)


@pytest.mark.parametrize(("down", "right"), [(1, 0), (0, -2), (3, 2), (9, 0)])
def test_translations_are_those_of_the_transforms(down, right):
    images = np.random.default_rng(0).random((3, 1, 6, 7), dtype=np.float32)
    moved = shifted(torch.from_numpy(images), Shift(0.0, float(down), float(right))).numpy()
    np.testing.assert_allclose(moved, translate(images, down, right), atol=1e-5)


def test_half_a_pixel_is_a_mean_of_two():
    images = torch.tensor([[[[0.0, 1.0, 0.0, 0.0]] * 3]])
    np.testing.assert_allclose(shifted(images, Shift(0.0, 0.0, 0.5))[0, 0, 1], [0, 0.5, 0.5, 0], atol=1e-6)


def test_the_translation_comes_after_the_rotation():
    images = np.random.default_rng(1).random((2, 1, 7, 7), dtype=np.float32)
    moved = shifted(torch.from_numpy(images), Shift(90.0, 2.0, 0.0)).numpy()
    np.testing.assert_allclose(moved, translate(np.rot90(images, axes=(2, 3)), 2, 0), atol=2e-5)


def test_the_smallest_shift_that_fools_is_returned():
    # One bright pixel two to the right of the corner: only a shift by two or more to the left makes the corner bright.
    images = np.zeros((1, 1, 8, 8), dtype=np.float32)
    images[0, 0, 0, 2] = 1
    attack = Spatial(rotations=1, max_translation=3, translations=7)
    moved = attack.run(load_classifier(Corner()), images, np.array([0]))
    np.testing.assert_allclose(moved, translate(images, 0, -2), atol=1e-5)


def test_the_grid_goes_from_small_to_large():
    shifts = Spatial(max_rotation=20, rotations=5, max_translation=2, translations=3).shifts()
    assert len(shifts) == 5 * 3 * 3 - 1
    sizes = [np.hypot(np.hypot(s.degrees / 20, s.down / 2), s.right / 2) for s in shifts]
    assert sizes == pytest.approx(sorted(sizes))
    assert shifts[0].degrees == -10
    assert len(Spatial().shifts()) == 31 * 5 * 5 - 1


def test_the_cost_of_resisting_is_exact_and_the_fooled_leave(net, images, labels):
    right = net.predict(images) == labels
    attack = Spatial(rotations=5, translations=3, max_rotation=3, max_translation=0.3)
    before = net.passes.snapshot()
    moved = attack.run(net, images, labels)
    spent = (net.passes - before).forwards
    robust = net.predict(moved) == labels
    assert 0 < robust.sum() < right.sum()
    assert 60 + robust.sum() * 44 <= spent < 60 + right.sum() * 44
    assert np.array_equal(moved[robust], images[robust])
    constant = load_classifier(lambda pixels: np.zeros(len(pixels), dtype=np.int64), outputs="labels", num_classes=2)
    before = constant.passes.snapshot()
    attack.run(constant, images, np.zeros(60, dtype=np.int64))
    assert (constant.passes - before).forwards == 60 + 60 * 44


def test_neither_batch_nor_order_matters(net, images, labels):
    attack = Spatial(rotations=5, translations=3)
    whole = attack.run(net, images, labels)
    order = np.random.default_rng(0).permutation(60)
    np.testing.assert_array_equal(attack.run(net, images[order], labels[order], batch_size=7), whole[order])


def test_labels_are_enough(net, images, labels):
    by_labels = load_classifier(net.predict, outputs="labels", num_classes=5)
    attack = Spatial(rotations=5, translations=3)
    assert np.array_equal(attack.run(by_labels, images, labels), attack.run(net, images, labels))


@pytest.mark.parametrize(
    "options",
    [{"max_rotation": -1}, {"max_rotation": 181}, {"max_translation": -1}, {"rotations": 0}, {"translations": 1.5}],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ParameterError, match=next(iter(options))):
        Spatial(**options)
    with pytest.raises(ParameterError, match="targeted"):
        Spatial(target=1)
