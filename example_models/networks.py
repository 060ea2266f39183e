"""What the training scripts of networks share: fresh weights, and the loop over the epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm  # type: ignore[import-untyped]

from example_models.weights import empty

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_robustness import Dataset

    Loss = Callable[[Any, Tensor, Tensor], Tensor]

Network = TypeVar("Network", bound=nn.Module)


def fresh(make: Callable[[], Network], generator: torch.Generator) -> Network:
    """Return a network with weights drawn from `generator` (He et al. 2015, arXiv:1502.01852) and biases of zero."""
    model = empty(make).to_empty(device="cpu")
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.constant_(layer.get_parameter("bias"), 0.0)
    return model


def plain(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of the images as they are."""
    return cross_entropy(model(images), labels)


def descend(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    images: Tensor,
    labels: Tensor,
    *,
    epochs: int,
    batch: int,
    generator: torch.Generator,
    loss: Loss = plain,
) -> None:
    """Minimise a loss over shuffled batches; show how far it is, or where nobody looks print a line an epoch.

    The schedule of the learning rate makes a step with every batch.
    """
    bar = tqdm(total=epochs * steps(images, batch), unit="step", disable=None, leave=False)
    for epoch in range(1, epochs + 1):
        total = torch.zeros(())
        for rows in torch.split(torch.randperm(len(images), generator=generator), batch):
            optimizer.zero_grad()
            value = loss(model, images[rows], labels[rows])
            torch.autograd.backward(value)
            optimizer.step()
            schedule.step()
            total += value.detach() * len(rows)
            bar.update()
        bar.set_postfix(epoch=epoch, loss=f"{total / len(images):.4f}")
        if bar.disable:
            print(f"epoch {epoch} of {epochs}, loss {total / len(images):.4f}", flush=True)
    bar.close()


def improve(
    model: Network,
    data: Dataset,
    *,
    epochs: int,
    batch: int,
    learning_rate: float,
    weight_decay: float,
    generator: torch.Generator,
    loss: Callable[[int], Loss] = lambda _: plain,
) -> Network:
    """Minimise a loss, made for the number of steps, with Adam and L2; the rate falls to zero along half a cosine."""
    images, labels = torch.from_numpy(data.pixels()), torch.from_numpy(data.labels.copy())
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    total = epochs * steps(images, batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total)
    descend(
        model.train(),
        optimizer,
        schedule,
        images,
        labels,
        epochs=epochs,
        batch=batch,
        generator=generator,
        loss=loss(total),
    )
    return model.eval()


def steps(images: Tensor, batch: int) -> int:
    """Return the number of batches in an epoch."""
    return -(-len(images) // batch)
