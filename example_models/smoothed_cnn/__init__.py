"""The convolutional network that Lee et al. 2019 smooth by flipping pixels, in torch."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from example_models.weights import load_weights

WEIGHTS = Path(__file__).with_name("weights.safetensors")


class SmoothedCNN(nn.Module):
    """Images (B, 1, 28, 28) of zeros and ones to logits (B, 10): the network below the smoothing.

    The layers are those of the MNIST experiment of Lee et al. 2019 (arXiv:1906.04948): 20 and 50 maps of 5 x 5, each
    followed by pooling, then 500 units. It is made for noisy images: in training every pixel was kept with probability
    4/5 and flipped otherwise. Grey images are to be binarised (x > 0.5) before they come here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.ReLU()),  # pooled first: the same values, a quarter of the work
            *(nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.ReLU()),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(50 * 4 * 4, 500), nn.ReLU(), nn.Linear(500, 10))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.classifier(self.features(images))
        return logits


def load(path: Path = WEIGHTS) -> SmoothedCNN:
    """Return the trained network, in evaluation mode.

    The weights are stored as float16 and computed with as float32.
    """
    return load_weights(SmoothedCNN, path)
