"""Passes through a model: how many images, in which batches, and what they cost without an attack around them."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Call(NamedTuple):
    """Images in one forward pass, and how many times the gradient came back through it."""

    images: int
    backwards: int


class Counting(torch.nn.Module):
    """A module that notes every call."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module
        self.calls: list[list[int]] = []
        self.eval()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return what the module returns."""
        call = [len(images), 0]
        self.calls.append(call)
        logits: torch.Tensor = self.module(images)
        if logits.requires_grad:
            logits.register_hook(lambda _: _add(call))
        return logits

    @property
    def passes(self) -> tuple[int, int]:
        """Images forwards and backwards."""
        return sum(n for n, _ in self.calls), sum(n * times for n, times in self.calls)

    def record(self) -> list[Call]:
        """Return all calls so far, in their order."""
        return [Call(*call) for call in self.calls]


def replay(module: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, calls: list[Call]) -> None:
    """Make the same passes with batches of the same sizes, backwards from torch's cross-entropy, and nothing else."""
    for n, backwards in calls:
        points = images[:n].clone().requires_grad_(backwards > 0)
        with torch.set_grad_enabled(backwards > 0):
            logits = module(points)
        for time in range(backwards):
            loss = torch.nn.functional.cross_entropy(logits, labels[:n], reduction="sum")
            torch.autograd.grad(loss, points, retain_graph=time + 1 < backwards)


def _add(call: list[int]) -> None:
    call[1] += 1
