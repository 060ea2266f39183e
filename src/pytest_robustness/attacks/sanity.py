"""Signs that an attack could not have worked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from pytest_robustness.attacks.batch import input_gradient
from pytest_robustness.attacks.losses import odds_against

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_robustness.classifiers import Classifier


def zero_gradients(
    classifier: Classifier, images: NDArray[np.float32], labels: NDArray[np.int64], *, batch_size: int = 500
) -> NDArray[np.bool_]:
    """Return for each image whether the gradient that the attacks follow is exactly zero in every pixel.

    A sample with such a gradient resists every gradient attack, whatever its true robustness: a quantiser in front of
    the model does that, and so do probabilities that have saturated (Athalye et al. 2018, arXiv:1802.00420).

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
    labels : ndarray of int64, shape (N,)

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    found = [np.zeros(0, dtype=np.bool_)]
    with classifier.differentiable() as forward:
        device = forward.device
        for start in range(0, len(images), batch_size):
            points = torch.as_tensor(images[start : start + batch_size], device=device).requires_grad_()
            truth = torch.as_tensor(labels[start : start + batch_size], device=device)
            gradient = input_gradient(odds_against(forward(points), truth), points)
            found.append((gradient.flatten(1) == 0).all(dim=1).cpu().numpy())
    return np.concatenate(found)
