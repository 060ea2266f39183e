"""The perceptron of the FGSM study in torch, 784-512-256-128-10."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from torch import Tensor, nn

from example_models.weights import load_weights

WEIGHTS = Path(__file__).with_name("weights.safetensors")
UNITS = (784, 512, 256, 128)


class MLP(nn.Module):
    """Images (B, 1, 28, 28) in [0, 1] to logits (B, 10), through three hidden layers of ReLU, each with dropout."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(UNITS):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(UNITS[-1], 10))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.layers(images)
        return logits


def load(path: Path = WEIGHTS) -> MLP:
    """Return the trained network, in evaluation mode."""
    return load_weights(MLP, path)
