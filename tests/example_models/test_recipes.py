"""What training does to digits before a network sees them."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from example_models import lenet5, recipes
from example_models.networks import fresh, plain
from example_models.recipes import (
    Moment,
    cutout,
    fgsm,
    input_gradient,
    mixup,
    on,
    pgd,
    salt_and_pepper,
)

if TYPE_CHECKING:
    from example_models.recipes import Change

N = 64


def moment(progress: float = 1.0, seed: int = 0) -> Moment:
    return Moment(lenet5.load(), progress, torch.Generator().manual_seed(seed))


@pytest.fixture
def images() -> Tensor:
    return torch.rand((N, 1, 28, 28), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def targets() -> Tensor:
    return one_hot(torch.arange(N) % 10, 10).float()


@pytest.mark.parametrize("change", [cutout, mixup, salt_and_pepper, fgsm(0.2), pgd(0.2)])
def test_changes_give_images_and_depend_on_their_generator_alone(
    change: Change, images: Tensor, targets: Tensor
) -> None:
    before = torch.get_rng_state()
    changed, same = change(images, targets, moment()), change(images.clone(), targets, moment())
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)
    torch.testing.assert_close(changed, same, rtol=0, atol=0)
    assert changed[0].shape == images.shape
    assert changed[0].dtype == torch.float32
    assert changed[0].min() >= 0
    assert changed[0].max() <= 1
    assert not torch.equal(changed[0], images)
    assert not torch.equal(change(images, targets, moment(seed=1))[0], changed[0])
    torch.testing.assert_close(changed[1].sum(dim=1), torch.ones(N))


def test_cutout_blackens_one_square_and_nothing_else(targets: Tensor) -> None:
    white = torch.ones((N, 1, 28, 28))
    cut, same = cutout(white, targets, moment())
    assert torch.equal(same, targets)
    for image in cut[:, 0]:
        rows, columns = (image == 0).any(dim=1), (image == 0).any(dim=0)
        assert torch.equal(image == 0, rows[:, None] & columns[None, :])
        for side in (rows, columns):
            (black,) = side.nonzero(as_tuple=True)
            length = len(black)
            assert black.tolist() == list(range(int(black[0]), int(black[0]) + length))
            assert length == 14 or (7 <= length < 14 and (side[0] or side[-1]))


def test_mixup_mixes_images_and_targets_alike(images: Tensor, targets: Tensor) -> None:
    # One pixel tells which digit an image shows, so that the images carry their targets.
    images = images.clone()
    images[:, 0, 0, :10] = targets
    mixed, soft = mixup(images, targets, moment())
    torch.testing.assert_close(mixed[:, 0, 0, :10], soft)
    share = torch.cat([mixup(images, targets, moment(seed=seed))[1].amax(dim=1).amin()[None] for seed in range(40)])
    assert share.min() >= 0.5  # the larger share of two
    assert share.max() - share.min() > 0.3


def test_salt_and_pepper_hits_up_to_the_share_of_mnist_c(targets: Tensor) -> None:
    grey = torch.full((N, 1, 28, 28), 0.5)
    noisy, _ = salt_and_pepper(grey, targets, moment())
    assert set(noisy.unique().tolist()) == {0.0, 0.5, 1.0}
    hit = (noisy != 0.5).float().mean(dim=(1, 2, 3))
    assert hit.max() <= 0.17 + 4 * (0.17 * 0.83 / 784) ** 0.5
    assert hit.mean() == pytest.approx(0.085, abs=0.025)  # 4 standard errors of 64 uniform amounts
    assert (noisy == 1).sum().item() == pytest.approx((noisy == 0).sum().item(), rel=0.1)


@pytest.mark.parametrize("attack", [fgsm, pgd])
def test_attacks_stay_within_a_radius_that_rises(attack: type, images: Tensor, targets: Tensor) -> None:
    for progress, radius in ((0.0, 0.0), (1 / 6, 0.1), (1 / 3, 0.2), (1.0, 0.2)):
        changed, same = attack(0.2)(images, targets, moment(progress))
        assert torch.equal(same, targets)
        assert (changed - images).abs().max() <= radius + 1e-6
        assert (changed - images).abs().max() >= 0.99 * radius


def test_pgd_raises_the_loss_more_than_fgsm_more_than_noise(targets: Tensor) -> None:
    digits = torch.zeros((N, 1, 28, 28))
    now = moment()

    def loss(images: Tensor) -> float:
        return cross_entropy(now.model(images), targets).item()

    noise = torch.rand(digits.shape, generator=now.generator) * 0.2
    assert loss(pgd(0.2)(digits, targets, now)[0]) > loss(fgsm(0.2)(digits, targets, now)[0]) > loss(noise)


def test_the_gradient_is_that_of_torch(images: Tensor, targets: Tensor) -> None:
    model = fresh(lenet5.LeNet5, torch.Generator().manual_seed(0))
    pixels = images.clone().requires_grad_()
    (expected,) = torch.autograd.grad(cross_entropy(model(pixels), targets, reduction="sum"), pixels)
    torch.testing.assert_close(input_gradient(model, images, targets), expected, rtol=1e-4, atol=1e-6)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_changes_are_made_in_the_order_in_which_they_are_written() -> None:
    seen: list[str] = []

    def note(name: str) -> Change:
        def change(images: Tensor, targets: Tensor, moment: Moment) -> tuple[Tensor, Tensor]:
            seen.append(f"{name} at {moment.progress}")
            return images + 1, targets

        return change

    model = fresh(lenet5.LeNet5, torch.Generator().manual_seed(0))
    loss = on((note("first"), note("second")), torch.Generator(), 2)
    images, labels = torch.zeros((3, 1, 28, 28)), torch.tensor([1, 2, 3])
    torch.testing.assert_close(loss(model, images, labels), cross_entropy(model(images + 2), labels))
    loss(model, images, labels)
    assert seen == ["first at 0.0", "second at 0.0", "first at 0.5", "second at 0.5"]


def test_a_hole_is_attacked_before_and_left_black_after(images: Tensor, targets: Tensor) -> None:
    def composed(*changes: Change) -> Tensor:
        changed, now = images, moment()
        for change in changes:
            changed, _ = change(changed, targets, now)
        return changed

    assert (composed(pgd(0.2), cutout) == 0).float().mean() > 0.15
    cut_first = composed(cutout, pgd(0.2))
    assert (cut_first == 0).float().mean() < 0.15
    assert ((cut_first > 0) & (cut_first <= 0.2)).float().mean() > 0.1


def test_no_change_is_the_plain_loss() -> None:
    assert on((), torch.Generator(), 10) is plain


@pytest.mark.parametrize(("change", "steps", "step"), [(fgsm(0.2), 1, 1.25), (pgd(0.2), 7, 0.25)])
def test_an_attack_takes_its_steps_from_its_start(
    change: Change, steps: int, step: float, targets: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def upwards(model: object, images: Tensor, _: Tensor) -> Tensor:
        calls.append(model)
        return torch.ones_like(images)

    monkeypatch.setattr(recipes, "input_gradient", upwards)
    grey = torch.full((N, 1, 28, 28), 0.5)
    attacked, _ = change(grey, targets, moment())
    assert len(calls) == steps
    start = 0.3 + 0.4 * moment().uniform(N, 1, 28, 28)
    torch.testing.assert_close(attacked, (start + steps * step * 0.2).clamp(max=0.7))


RECIPES = {
    "lenet5": [],
    "lenet5_large": [],
    "lenet5_cutout": ["cutout"],
    "lenet5_mixup": ["mixup"],
    "lenet5_salt_and_pepper": ["salt_and_pepper"],
    "lenet5_pixmix": ["pixmix"],
    **{f"lenet5_fgsm_0{tenths}": [f"1 step at 0.{tenths}"] for tenths in (1, 2, 3)},
    **{f"lenet5_pgd_0{tenths}": [f"7 steps at 0.{tenths}"] for tenths in (1, 2, 3)},
    "lenet5_cutout_pgd": ["cutout", "7 steps at 0.2"],
    "lenet5_mixup_pgd": ["mixup", "7 steps at 0.2"],
    "lenet5_pgd_cutout": ["7 steps at 0.2", "cutout"],
    "lenet5_outlier_exposure": [],
    "lenet5_salt_and_pepper_outlier_exposure": ["salt_and_pepper"],
    "lenet5_pixmix_outlier_exposure": ["pixmix"],
}


def described(change: Change) -> str:
    inside = inspect.getclosurevars(change).nonlocals
    if "eps" not in inside:
        return change.__name__
    return f"{inside['steps']} step{'s' if inside['steps'] > 1 else ''} at {inside['eps']:g}"


@pytest.mark.parametrize("name", RECIPES)
def test_each_model_is_trained_by_its_recipe(name: str) -> None:
    script = import_module(f"example_models.{name}.train").main
    inside = inspect.getclosurevars(script.fit).nonlocals
    assert [described(change) for change in inside.get("changes", ())] == RECIPES[name]
