"""Ten LeNet-5 trained alike from different seeds: the mean of their probabilities."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from example_models.lenet5 import LeNet5
from example_models.weights import load_weights

WEIGHTS = Path(__file__).with_name("weights.safetensors")
SIZE = 10


class Ensemble(nn.Module):
    """Images (B, 1, 28, 28) in [0, 1] to the logarithms (B, 10) of the mean of the members' probabilities.

    They are logits whose softmax is that mean: deep ensembles (Lakshminarayanan et al. 2017, arXiv:1612.01474).
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(LeNet5() for _ in range(size))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logarithms of the probabilities."""
        each = torch.stack([member(images).log_softmax(dim=1) for member in self.members])
        return each.logsumexp(dim=0) - math.log(len(self.members))


def load(path: Path = WEIGHTS, *, size: int = SIZE) -> Ensemble:
    """Return the ensemble of the first members, in evaluation mode."""
    everyone = load_weights(partial(Ensemble, SIZE), path)
    everyone.members = everyone.members[:size]
    return everyone
