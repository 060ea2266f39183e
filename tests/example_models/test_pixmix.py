"""PixMix: fractals from a seed, and digits mixed with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from example_models import lenet5, pixmix
from example_models.recipes import Moment

TARGETS = torch.eye(10)[torch.arange(400) % 10]


@pytest.fixture
def moment() -> Moment:
    return Moment(lenet5.load(), 0.0, torch.Generator().manual_seed(0))


@pytest.fixture
def images() -> torch.Tensor:
    images = torch.zeros((400, 1, 28, 28))
    images[:, :, 8:20, 10:18] = torch.rand((400, 1, 12, 8), generator=torch.Generator().manual_seed(1))
    return images


def test_fractals_are_the_same_each_time_and_none_like_another() -> None:
    fractals = pixmix.fractals()
    generator = np.random.default_rng(pixmix.SEED)
    again = np.stack([pixmix._fractal(generator) for _ in range(50)])
    np.testing.assert_array_equal(fractals[:50, 0].numpy(), again.astype(np.float32))
    assert fractals.shape == (pixmix.FRACTALS, 1, 28, 28)
    assert fractals.min() == 0
    torch.testing.assert_close(fractals.amax(dim=(1, 2, 3)), torch.ones(pixmix.FRACTALS))
    assert len(fractals.unique(dim=0)) == pixmix.FRACTALS
    # Neither a few points nor a full square: black and grey, in most of the pictures.
    black = (fractals == 0).float().mean(dim=(1, 2, 3))
    assert black.quantile(0.05) > 0.02
    assert black.quantile(0.95) < 0.98


def test_mixed_digits_are_images_with_the_targets_of_the_digits(moment: Moment, images: torch.Tensor) -> None:
    mixed, targets = pixmix.pixmix(images, TARGETS, moment)
    assert targets is TARGETS
    assert mixed.shape == images.shape
    assert not mixed.isnan().any()
    assert mixed.min() >= 0
    assert mixed.max() <= 1
    # One in five goes through no round, and half of those start from the image itself.
    untouched = (mixed == images).all(dim=(1, 2, 3)).float().mean()
    assert 0.05 <= untouched <= 0.2


def test_the_weights_are_large_for_the_image_and_small_for_the_other(moment: Moment) -> None:
    much, little = pixmix._weights(4000, moment)
    assert much.min() > 0
    assert much.max() < 2
    assert little.abs().max() < 1
    assert ((much > 1) == (little < 0)).all()
    # The means of Beta(3, 1) and Beta(1, 3) are 3/4 and 1/4; the second pair is 1 + Beta(1, 3) and -Beta(1, 3).
    assert much[much < 1].mean() == pytest.approx(0.75, abs=0.02)
    assert little[much < 1].mean() == pytest.approx(0.25, abs=0.02)
    assert much[much > 1].mean() == pytest.approx(1.25, abs=0.02)
    assert little[much > 1].mean() == pytest.approx(-0.25, abs=0.02)


def test_mixing_with_full_weight_of_one_is_that_one(monkeypatch: pytest.MonkeyPatch, moment: Moment) -> None:
    one, other = torch.rand(2, 5, 1, 28, 28, generator=moment.generator)
    monkeypatch.setattr(pixmix, "_weights", lambda n, moment: (torch.ones(n, 1, 1, 1), torch.zeros(n, 1, 1, 1)))
    torch.testing.assert_close(pixmix._add(one, other, moment), one)
    torch.testing.assert_close(pixmix._multiply(one, other, moment), one)


def test_changed_copies_are_changed_a_little(moment: Moment, images: torch.Tensor) -> None:
    changed = pixmix.changed(images, moment)
    assert changed.min() >= 0
    assert changed.max() <= 1 + 1e-6
    moved = (changed - images).abs().mean(dim=(1, 2, 3))
    assert (moved > 1e-4).float().mean() > 0.8
    assert moved.mean() < images.mean()


def test_every_way_of_mixing_is_taken(moment: Moment, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: dict[str, list[torch.Tensor]] = {"_add": [], "_multiply": []}
    for name, others in calls.items():
        real = getattr(pixmix, name)

        def noted(one: Any, other: Any, _: Moment, *, seen: list[Any] = others, real: Any = real) -> Any:
            seen.append(other)
            return real(one, other, moment)

        monkeypatch.setattr(pixmix, name, noted)
    pixmix.pixmix(images, TARGETS, moment)
    assert len(calls["_add"]) == len(calls["_multiply"]) == 4
    known = {picture.numpy().tobytes() for picture in pixmix.fractals()}
    for others in calls["_add"]:
        share = np.mean([other.numpy().tobytes() in known for other in others])
        assert 0.4 <= share <= 0.6  # the others are changed copies


def test_half_of_the_rounds_multiply(moment: Moment, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixmix, "_add", lambda one, *_: torch.zeros_like(one))
    monkeypatch.setattr(pixmix, "_multiply", lambda one, *_: torch.ones_like(one))
    mixed, _ = pixmix.pixmix(images, TARGETS, moment)
    flat = mixed.flatten(1)
    white, black = (flat == 1).all(dim=1), (flat == 0).all(dim=1)
    assert (white | black).float().mean() == pytest.approx(0.8, abs=0.08)  # one in five has no round
    assert (white.sum() / (white | black).sum()).item() == pytest.approx(0.5, abs=0.1)


def test_sums_and_products_are_those_of_the_paper(moment: Moment, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = torch.rand(2, 5, 1, 28, 28, generator=moment.generator)
    a, b = torch.full((5, 1, 1, 1), 0.7), torch.full((5, 1, 1, 1), 0.2)
    monkeypatch.setattr(pixmix, "_weights", lambda n, moment: (a, b))
    torch.testing.assert_close(pixmix._add(one, other, moment), 0.7 * one + 0.2 * other + 0.05)
    torch.testing.assert_close(pixmix._multiply(one, other, moment), (2 * one) ** 0.7 * (2 * other) ** 0.2 / 2)


def test_copies_are_turned_and_shifted_no_further_than_that(moment: Moment) -> None:
    # A point stays within what 9 degrees, a shear of 0.09 and a shift of a tenth can do to it, and a pixel of blur.
    points = torch.zeros((400, 1, 28, 28))
    points[:, :, 14, 24] = 1.0
    changed = pixmix.changed(points, moment)
    rows, columns = (changed > 0.02).any(dim=0)[0].nonzero(as_tuple=True)
    assert (rows - 14).abs().max() <= 4
    assert (columns - 24).abs().max() <= 4
    assert (rows - 14).abs().max() >= 2
