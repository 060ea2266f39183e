"""Which class a sample is to be taken for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from pytest_robustness.errors import ParameterError, check_number, unknown_name
from pytest_robustness.transforms.random import sample_uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_robustness.classifiers import Forward

TARGETS = ("least-likely", "second", "random")
"""Rules by which a target class is found; a number is a class itself."""


def check_target(target: object, attack: str, *, targetable: bool) -> None:
    """Raise ParameterError for a target that is neither a class nor a rule, or that the attack cannot aim at."""
    if target is None:
        return
    if not targetable:
        raise ParameterError(f"the attack {attack!r} cannot be targeted", got=f"target={target!r}")
    if isinstance(target, str):
        if target not in TARGETS:
            raise unknown_name("target", target, TARGETS, mend="A class is given by its number.")
        return
    check_number("target", target, minimum=0, whole=True)


def chosen_targets(
    target: int | str, forward: Forward, images: Tensor, labels: Tensor, *, ids: NDArray[np.int64], seed: int
) -> Tensor:
    """Return the target class of each sample, (B,) int64.

    Raises
    ------
    ParameterError
        For a number beyond the classes of the classifier.
    """
    with torch.no_grad():
        logits = forward(images)
    classes = logits.shape[1]
    if target == "least-likely":
        return logits.scatter(1, labels[:, None], torch.inf).argmin(dim=1)
    if target == "second":
        return logits.scatter(1, labels[:, None], -torch.inf).argmax(dim=1)
    if target == "random":
        draws = sample_uniform(seed, "target", ids, (1,))[:, 0]
        steps = torch.as_tensor(1 + np.floor(draws * (classes - 1)).astype(np.int64), device=labels.device)
        return (labels + steps) % classes
    if int(target) >= classes:
        raise ParameterError("target is out of range", got=target, allowed=f"0 .. {classes - 1}")
    return torch.full_like(labels, int(target))
