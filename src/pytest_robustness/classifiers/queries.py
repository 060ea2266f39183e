"""Scores for attacks without gradients, of any kind of model."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from pytest_robustness.classifiers import outputs as checks
from pytest_robustness.classifiers.backend import on_torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from pytest_robustness.classifiers.backend import Backend


@contextmanager
def score_function(backend: Backend, num_classes: int | None) -> Iterator[Callable[[Tensor], Tensor]]:
    """Yield the map from images (B, C, H, W) in [0, 1] to scores (B, K) whose largest is the prediction.

    Scores are logits, else logarithms of probabilities, else 1 for the predicted label and 0 for the others; in
    float64 wherever the model itself is not a torch module.
    """
    if on_torch(backend) and backend.has_gradients:
        with backend.differentiable() as function:
            yield torch.no_grad()(function)
    else:
        yield lambda images: _scores(backend, images, num_classes)


def _scores(backend: Backend, images: Tensor, num_classes: int | None) -> Tensor:
    raw = checks.checked(backend.scores(images.detach().cpu().numpy()), len(images), backend.outputs)
    if backend.outputs == "labels":
        labels = torch.from_numpy(checks.checked_labels(raw, num_classes)).to(images.device)
        # Where the number of classes is not known it is at least two.
        return torch.nn.functional.one_hot(labels, num_classes or max(int(labels.max()) + 1, 2)).double()
    scores = torch.from_numpy(raw).to(images.device)
    if backend.outputs == "logits":
        return scores
    return scores.clamp_min(torch.finfo(scores.dtype).tiny).log()
