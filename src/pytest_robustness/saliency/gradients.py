"""Saliency from gradients of the score of a class: a logit, or the logarithm of a probability where there are none."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from pytest_robustness.errors import ClassifierError, check_number
from pytest_robustness.saliency.base import SaliencyMap, Targets, check_class
from pytest_robustness.saliency.masking import Mask, as_mask, masked_wholly
from pytest_robustness.transforms import sample_normal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_robustness.classifiers import Classifier, Forward


@dataclass(frozen=True)
class _GradientMap(SaliencyMap):
    """A map that is made of the mean gradient over some points of each image."""

    needs: ClassVar[str] = "gradients"

    def _attributions(self, classifier: Classifier, given: Targets) -> NDArray[np.float64]:
        found = []
        with classifier.differentiable() as forward:
            for start in range(0, len(given.images), given.batch_size):
                batch = given.rows(start, start + given.batch_size)
                images = torch.from_numpy(batch.images).to(forward.device)
                classes = torch.from_numpy(batch.classes).to(forward.device)
                total, count = torch.zeros_like(images), 0
                for points in self._points(images, batch):
                    total += score_gradient(forward, points, classes)
                    count += 1
                found.append(self._made(total / count, images).double().cpu().numpy())
        return np.concatenate(found)

    def _points(self, images: Tensor, given: Targets) -> Iterator[Tensor]:
        """Yield where gradients are taken, (B, C, H, W) each: here, at the images."""
        del given
        yield images

    @abstractmethod
    def _made(self, gradient: Tensor, images: Tensor) -> Tensor:
        """Return the attributions that the mean gradient makes."""


@dataclass(frozen=True)
class Gradient(_GradientMap):
    """The size of the gradient, |d s / d x| of the score s of the class.

    Simonyan, Vedaldi and Zisserman 2013, arXiv:1312.6034.
    """

    name: ClassVar[str] = "gradient"
    signed: ClassVar[bool] = False

    def _made(self, gradient: Tensor, images: Tensor) -> Tensor:
        del images
        return gradient.abs()


@dataclass(frozen=True)
class GradientTimesInput(_GradientMap):
    """The gradient times the pixel itself: what a linear model adds to the score for it.

    Shrikumar, Greenside, Shcherbina and Kundaje 2016, arXiv:1605.01713.

    Parameters
    ----------
    baseline : float or {"zero", "mean", "invert"}
        What a pixel is compared with, as a mask: the gradient is multiplied by the difference.
    """

    name: ClassVar[str] = "gradient-times-input"
    signed: ClassVar[bool] = True

    baseline: Mask = 0.0

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        object.__setattr__(self, "baseline", as_mask(self.baseline, "baseline"))

    def _made(self, gradient: Tensor, images: Tensor) -> Tensor:
        return (images - _blank(images, self.baseline)) * gradient


@dataclass(frozen=True)
class IntegratedGradients(_GradientMap):
    """Gradients along the straight line from a baseline to the image, times the difference of the two.

    Sundararajan, Taly and Yan 2017, arXiv:1703.01365. The integral is a mean over the midpoints of equal steps. The
    attributions of an image add up to the difference of the scores of image and baseline, but for that mean.

    Parameters
    ----------
    steps : int
        Gradients for each image.
    baseline : float or {"zero", "mean", "invert"}
        Where the line begins, as a mask of all pixels: a value from 0 to 1, the mean of the image, or 1 minus it.
    """

    name: ClassVar[str] = "integrated-gradients"
    signed: ClassVar[bool] = True

    steps: int = 32
    baseline: Mask = 0.0

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        check_number("steps", self.steps, minimum=1, whole=True)
        object.__setattr__(self, "baseline", as_mask(self.baseline, "baseline"))

    def _points(self, images: Tensor, given: Targets) -> Iterator[Tensor]:
        del given
        start = _blank(images, self.baseline)
        for step in range(self.steps):
            yield start + (step + 0.5) / self.steps * (images - start)

    def _made(self, gradient: Tensor, images: Tensor) -> Tensor:
        return (images - _blank(images, self.baseline)) * gradient


@dataclass(frozen=True)
class SmoothGrad(_GradientMap):
    """The size of the mean gradient over noisy copies of an image.

    Smilkov, Thorat, Kim, Viégas and Wattenberg 2017, arXiv:1706.03825. The noise is normal, belongs to the sample, and
    may carry pixels out of [0, 1].

    Parameters
    ----------
    samples : int
        Noisy copies of each image.
    sigma : float
        Standard deviation of the noise, where pixels lie in [0, 1].
    """

    name: ClassVar[str] = "smoothgrad"
    signed: ClassVar[bool] = False

    samples: int = 25
    sigma: float = 0.15

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        check_number("samples", self.samples, minimum=1, whole=True)
        check_number("sigma", self.sigma, minimum=0.0)

    def _points(self, images: Tensor, given: Targets) -> Iterator[Tensor]:
        for copy in range(self.samples):
            noise = sample_normal(given.seed, NOISE, given.ids, tuple(images.shape[1:]), index=copy)
            yield images + self.sigma * torch.from_numpy(noise.astype(np.float32)).to(images.device)

    def _made(self, gradient: Tensor, images: Tensor) -> Tensor:
        del images
        return gradient.abs()


NOISE = "saliency/smoothgrad"
"""The stream of the noise of `SmoothGrad`."""


def _blank(images: Tensor, baseline: Mask) -> Tensor:
    """Return what images (B, C, H, W) are compared with: themselves, masked in every pixel."""
    return torch.from_numpy(masked_wholly(images.cpu().numpy(), baseline)).to(images.device)


def score_gradient(forward: Forward, images: Tensor, classes: Tensor) -> Tensor:
    """Return the gradient (B, C, H, W) of each image's score of its class; zero where the model has cut the path.

    Raises
    ------
    ClassifierError
        Where the gradient is NaN or infinite.
    ParameterError
        For a class that the model does not have.
    """
    points = images.detach().clone().requires_grad_()
    scores = forward(points)
    check_class(int(classes.max()), scores.shape[1])
    chosen = scores.gather(1, classes[:, None]).sum()
    if not chosen.requires_grad:
        return torch.zeros_like(points)
    (gradient,) = torch.autograd.grad(chosen, points, allow_unused=True)
    if gradient is None:
        return torch.zeros_like(points)
    if not bool(gradient.isfinite().all()):
        raise ClassifierError(
            "the gradient of the model is not finite",
            got="NaN or infinity",
            mend="Look for a square root or a norm of zero, or an overflow: their slopes are infinite.",
        )
    return gradient
