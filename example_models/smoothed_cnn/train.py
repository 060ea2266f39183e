"""Train the network below the smoothing of Lee et al. 2019: ``python -m example_models.smoothed_cnn.train``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from example_models.networks import descend, fresh, steps
from example_models.smoothed_cnn import WEIGHTS, SmoothedCNN
from example_models.training import Script
from example_models.weights import rounded, save_halves

if TYPE_CHECKING:
    from pytest_robustness import Dataset

KEPT, OUT_OF = 4, 5  # a pixel is kept with probability 4/5: the alpha that the certificates are asked for
EPOCHS = 20
BATCH = 200
LEARNING_RATE = 0.05
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
WARM_UP = 0.1  # share of the steps in which the learning rate rises
SEED = 0


def fresh_model(generator: torch.Generator) -> SmoothedCNN:
    """Return a network with weights drawn from `generator` (He et al. 2015, arXiv:1502.01852) and biases of zero.

    The last layer starts at zero, so that the first steps are no larger than the later ones.
    """
    model = fresh(SmoothedCNN, generator)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):  # a CPU is nearly twice as fast with channels last
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
    nn.init.constant_(model.classifier[-1].get_parameter("weight"), 0.0)
    return model


def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Keep every pixel of binary images (``uint8``) with probability 4/5, and flip it otherwise; return ``float32``."""
    draws = torch.randint(0, OUT_OF, images.shape, generator=generator, dtype=torch.uint8)
    return (images ^ (draws >= KEPT)).float()


def fit(data: Dataset, *, epochs: int) -> SmoothedCNN:
    """Minimise the cross-entropy over images that meet new noise in every epoch.

    The learning rate rises at first and then falls to zero along half a cosine. At the end the weights are rounded to
    float16, in which they are stored, so that what is returned is what `load` gives.
    """
    generator = torch.Generator().manual_seed(SEED)
    model = fresh_model(generator).train()
    images, labels = torch.from_numpy(data.pixels() > 0.5).byte(), torch.from_numpy(data.labels.copy())
    optimizer = torch.optim.SGD(
        model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=epochs * steps(images, BATCH), pct_start=WARM_UP, cycle_momentum=False
    )

    def loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(model(flip(images, generator)), labels)

    descend(model, optimizer, schedule, images, labels, epochs=epochs, batch=BATCH, generator=generator, loss=loss)
    return rounded(model).eval()


# One brief epoch would have too few steps for the rise of the learning rate.
main = Script(__doc__, WEIGHTS, fit=fit, save=save_halves, epochs=EPOCHS, quick_epochs=4)

if __name__ == "__main__":
    main()
