"""What the training scripts of networks share: fresh weights, and the loop over the epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

if TYPE_CHECKING:
    from collections.abc import Callable

Network = TypeVar("Network", bound=nn.Module)


def fresh(make: Callable[[], Network], generator: torch.Generator) -> Network:
    """Return a network with weights drawn from `generator` (He et al. 2015, arXiv:1502.01852) and biases of zero."""
    with torch.device("meta"):
        model = make()
    model.to_empty(device="cpu")
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.constant_(layer.get_parameter("bias"), 0.0)
    return model


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
    changed: Callable[[Tensor], Tensor] = lambda images: images,
) -> None:
    """Minimise the cross-entropy over shuffled batches, each `changed` before the network sees it; print the losses.

    The schedule of the learning rate makes a step with every batch.
    """
    for epoch in range(1, epochs + 1):
        total = 0.0
        for rows in torch.split(torch.randperm(len(images), generator=generator), batch):
            loss = _step(model, optimizer, changed(images[rows]), labels[rows])
            schedule.step()
            total += loss * len(rows)
        print(f"epoch {epoch} of {epochs}, loss {total / len(images):.4f}", flush=True)


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> float:
    """Make one step of the optimizer; return the loss of the batch before it."""
    optimizer.zero_grad()
    loss = cross_entropy(model(images), labels)
    torch.autograd.backward(loss)
    optimizer.step()
    return loss.item()
