"""What is done to a batch of digits before a network learns from it.

A recipe is a row of changes, made in the order in which they are written: ``cutout, pgd(0.2)`` cuts a hole
into each image and then attacks what is left. Each takes and gives images (B, 1, 28, 28) in [0, 1] and targets (B, 10),
which are probabilities, as MixUp mixes them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import conv2d, cross_entropy, one_hot

from example_models.networks import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from example_models.lenet5 import LeNet5
    from example_models.networks import Loss

    Batch = tuple[Tensor, Tensor]
    Change = Callable[[Tensor, Tensor, "Moment"], Batch]

HOLE = 14  # pixels
MOST_NOISE = 0.17  # of all pixels
ATTACK_STEPS = 7
RISE = 3  # the radius of an attack has risen when one third of the training is over


@dataclass(frozen=True, slots=True)
class Moment:
    """When in a training a change is made: the network so far, the share of the steps behind it, and the draws."""

    model: LeNet5
    progress: float
    generator: torch.Generator

    def uniform(self, *shape: int) -> Tensor:
        """Draw numbers from [0, 1)."""
        return torch.rand(shape, generator=self.generator)


def on(changes: Sequence[Change], generator: torch.Generator, steps: int) -> Loss:
    """Return the cross-entropy of images that each of the changes has met, for a training of so many steps."""
    if not changes:
        return plain
    step = itertools.count()

    def loss(model: LeNet5, images: Tensor, labels: Tensor) -> Tensor:
        moment = Moment(model, next(step) / steps, generator)
        targets = one_hot(labels, 10).float()
        for change in changes:
            images, targets = change(images, targets, moment)
        return cross_entropy(model(images), targets)

    return loss


def cutout(images: Tensor, targets: Tensor, moment: Moment) -> Batch:
    """Blacken a square of 14 x 14 pixels around a random pixel of each image.

    CutOut (DeVries and Taylor 2017, arXiv:1708.04552). The hole has half of the image's side, as the 16 of 32 pixels in
    the paper's experiments on CIFAR-10; what of it lies outside of the image is lost.
    """
    rows, columns = (_stretch(len(images), side, moment) for side in images.shape[2:])
    return images * ~(rows[:, None, :, None] & columns[:, None, None, :]), targets


def _stretch(n: int, side: int, moment: Moment) -> Tensor:
    """Return which of the pixels along a side (n, side) are at most half a hole from a random one."""
    first = (moment.uniform(n, 1) * side).floor() - HOLE // 2
    pixels = torch.arange(side)
    return (pixels >= first) & (pixels < first + HOLE)


def mixup(images: Tensor, targets: Tensor, moment: Moment) -> Batch:
    """Mix each image and target with those of another (Zhang et al. 2018, arXiv:1710.09412), alpha = 1.

    As in the paper's code one share is drawn for the batch; Beta(1, 1) is the uniform distribution.
    """
    share = moment.uniform(1)
    others = torch.randperm(len(images), generator=moment.generator)
    return share * images + (1 - share) * images[others], share * targets + (1 - share) * targets[others]


def salt_and_pepper(images: Tensor, targets: Tensor, moment: Moment) -> Batch:
    """Turn pixels black or white, half each: of each image a share drawn from [0, 0.17].

    The largest is that of the impulse noise of MNIST-C (Mu and Gilmer 2019, arXiv:1906.02337).
    """
    amount = MOST_NOISE * moment.uniform(len(images), 1, 1, 1)
    draws = moment.uniform(*images.shape)
    return ((images * (draws >= amount / 2)) + (draws >= 1 - amount / 2)).clamp_(max=1.0), targets


def fgsm(eps: float) -> Change:
    """Return an attack of one step of 1.25 eps from a random start (Wong et al. 2020, arXiv:2001.03994)."""
    return _attack(eps, steps=1, step=1.25)


def pgd(eps: float) -> Change:
    """Return an attack of 7 steps of eps / 4 from a random start (Madry et al. 2018, arXiv:1706.06083).

    The number and the size of the steps are those of the paper's experiments on CIFAR-10.
    """
    return _attack(eps, steps=ATTACK_STEPS, step=0.25)


def _attack(eps: float, *, steps: int, step: float) -> Change:
    """Return an attack within eps of every pixel, with steps in units of the radius.

    The start is uniform over what of the ball lies in [0, 1]; the papers draw it from all of the ball and clip, which
    leaves half of the black pixels black.

    The radius rises from 0 to eps in the first third of the training: LeNet-5 learns nothing when it meets the attacks
    at 0.3 at once.
    """

    def attack(images: Tensor, targets: Tensor, moment: Moment) -> Batch:
        radius = eps * min(1.0, RISE * moment.progress)
        low, high = (images - radius).clamp_(min=0.0), (images + radius).clamp_(max=1.0)
        attacked = torch.lerp(low, high, moment.uniform(*images.shape))
        for _ in range(steps):
            ascent = input_gradient(moment.model, attacked, targets).sign_()
            attacked = attacked.add(ascent, alpha=step * radius).clamp_(low, high)
        return attacked, targets

    return attack


def input_gradient(model: LeNet5, images: Tensor, targets: Tensor) -> Tensor:
    """Return the gradient of the summed cross-entropy to the images.

    The last stretch, through the convolution that sees the image, is done here as the convolution with the turned
    kernel that it is: for a single channel torch takes five times as long on a CPU.
    """
    first = model.features[0]
    turned = first.get_parameter("weight").detach().flip(2, 3).transpose(0, 1)
    with torch.no_grad():
        maps = first(images)
    maps.requires_grad_()
    logits = model.classifier(model.features[1:](maps))
    (gradient,) = torch.autograd.grad(cross_entropy(logits, targets, reduction="sum"), maps)
    return conv2d(gradient, turned, padding=2)
