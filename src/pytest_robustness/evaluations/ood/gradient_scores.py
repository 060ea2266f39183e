"""Anomaly scores that need the gradient of the model with respect to its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from pytest_robustness.attacks.batch import input_gradient
from pytest_robustness.classifiers import outputs as checks
from pytest_robustness.errors import ClassifierError, ParameterError, check_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray
    from torch import Tensor

    from pytest_robustness.classifiers import Classifier, Forward

TEMPERATURE = 1000.0
EPS = 0.0014


def odin(
    classifier: Classifier,
    images: ArrayLike,
    *,
    temperature: float = TEMPERATURE,
    eps: float = EPS,
    batch_size: int = 500,
) -> NDArray[np.float64]:
    """Return -max_k p_k at a temperature, after a step of each image towards its predicted class.

    ODIN: Liang, Li & Srikant 2018 (arXiv:1706.02690). The step is ``eps`` times the sign of the gradient
    of log p at that temperature, where p is that of the predicted class. Temperature and
    step are the defaults of pytorch-ood; the step is in pixels in [0, 1], before the model's own mean and standard
    deviation. The image may leave [0, 1] by that much.

    Parameters
    ----------
    classifier : Classifier
        With gradients.
    images : array_like of shape (N, C, H, W)
        uint8 or floats in [0, 1].
    temperature : float
    eps : float
        0 leaves the images as they are.
    batch_size : int

    Returns
    -------
    ndarray of float64, shape (N,)

    Raises
    ------
    CapabilityError
        Where the classifier has no gradients.
    ClassifierError
        Where its outputs or gradients are not finite.
    """
    check_number("temperature", temperature, minimum=0, above=True)
    check_number("eps", eps, minimum=0)
    if not checks.is_whole(batch_size, least=1):
        raise ParameterError("batch_size is out of range", got=batch_size, allowed="a whole number of at least 1")
    pixels = np.asarray(images)
    checks.check_images(pixels)
    found = []
    with classifier.differentiable() as forward:
        for start in range(0, len(pixels), batch_size):
            batch = torch.from_numpy(checks.to_unit_floats(pixels[start : start + batch_size])).to(forward.device)
            moved = _moved(forward, batch, temperature, eps)
            with torch.no_grad():
                found.append(_confidence(forward(moved), temperature))
    return -np.concatenate(found)


def _moved(forward: Forward, images: Tensor, temperature: float, eps: float) -> Tensor:
    """Return the images a step nearer to the class that they are taken for."""
    if eps == 0:
        return images
    points = images.requires_grad_()
    logs = (forward(points).double() / temperature).log_softmax(dim=1)
    # The largest probability, whatever its class.
    return (points + eps * input_gradient(logs.amax(dim=1), points).sign()).detach()


def _confidence(logits: Tensor, temperature: float) -> NDArray[np.float64]:
    """Return the largest probability of each row, (B,)."""
    if not bool(logits.isfinite().all()):
        raise ClassifierError("the model's outputs are not finite", got="infinity")
    logs = (logits.double() / temperature).log_softmax(dim=1)
    return np.asarray(logs.amax(dim=1).exp().cpu().numpy())


GRADIENT_SCORES: dict[str, Callable[..., NDArray[np.float64]]] = {"odin": odin}
"""The functions behind the scores that need gradients: ``(classifier, images, *, batch_size)`` to scores (N,)."""
