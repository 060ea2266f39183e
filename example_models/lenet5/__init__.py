"""LeNet-5 with ReLU and max pooling, in torch."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from example_models.weights import load_weights

if TYPE_CHECKING:
    from collections.abc import Callable

WEIGHTS = Path(__file__).with_name("weights.safetensors")


class LeNet5(nn.Module):
    """Images (B, 1, 28, 28) in [0, 1] to logits (B, 10).

    The layers of LeCun et al. 1998, figure 2, the first padded by 2 so that it takes 28 x 28. Where the original has
    scaled tanh, trainable subsampling, a partly connected third layer and radial basis functions at the end, this has
    ReLU, max pooling, full connections and a linear layer, as is usual today. A network of another `width` has so many
    times the maps and units.
    """

    def __init__(self, width: int = 1) -> None:
        super().__init__()
        maps, more_maps, units, fewer_units = (width * size for size in (6, 16, 120, 84))
        self.features = nn.Sequential(
            *(nn.Conv2d(1, maps, 5, padding=2), nn.MaxPool2d(2), nn.ReLU()),  # pooled first: the same values, sooner
            *(nn.Conv2d(maps, more_maps, 5), nn.MaxPool2d(2), nn.ReLU()),
        )
        self.classifier = nn.Sequential(
            *(nn.Flatten(), nn.Linear(more_maps * 5 * 5, units), nn.ReLU()),
            *(nn.Linear(units, fewer_units), nn.ReLU(), nn.Linear(fewer_units, 10)),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.classifier(self.features(images))
        return logits


def load(path: Path = WEIGHTS) -> LeNet5:
    """Return the trained network, in evaluation mode."""
    return load_weights(LeNet5, path)


def beside(file: str, make: Callable[[], LeNet5] = LeNet5) -> tuple[Path, Callable[..., LeNet5]]:
    """Return where the weights of another LeNet-5 lie, next to its module, and its ``load``."""
    weights = Path(file).with_name("weights.safetensors")
    return weights, partial(load_weights, make, weights)
