"""LeNet-5 with ReLU and max pooling, in torch."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

WEIGHTS = Path(__file__).with_name("weights.safetensors")


class LeNet5(nn.Module):
    """Images (B, 1, 28, 28) in [0, 1] to logits (B, 10).

    The layers of LeCun et al. 1998, figure 2, the first padded by 2 so that it takes 28 x 28. Where the original has
    scaled tanh, trainable subsampling, a partly connected third layer and radial basis functions at the end, this has
    ReLU, max pooling, full connections and a linear layer, as is usual today.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(16 * 5 * 5, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.classifier(self.features(images))
        return logits


def load(path: Path = WEIGHTS) -> LeNet5:
    """Return the trained network, in evaluation mode."""
    with torch.device("meta"):  # no random weights are drawn that would be replaced at once
        model = LeNet5()
    model.load_state_dict(load_file(path), assign=True)
    return model.eval()
