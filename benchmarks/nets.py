"""Networks and images that attacks are compared on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn

from pytest_robustness import load_dataset

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_robustness import Dataset

MODELS = "PYTEST_ROBUSTNESS_BENCH_MODELS"
"""Environment variable: a folder with small_cln.pt and small_adv.pt, state dicts of `SmallNet`."""

IMAGES = 1000


class Case(NamedTuple):
    """A network in evaluation mode, its parameters frozen, and images with their labels."""

    name: str
    module: nn.Module
    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    def first(self, n: int) -> Case:
        """Return the case with its first `n` images only."""
        return self._replace(images=self.images[:n], labels=self.labels[:n])


class SmallNet(nn.Module):
    """Two convolutions with stride 2 and two linear layers: the network that attacks were compared on before."""

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 16, 4, stride=2, padding=1)
        self.c2 = nn.Conv2d(16, 32, 4, stride=2, padding=1)
        self.l1 = nn.Linear(1568, 100)
        self.l2 = nn.Linear(100, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        hidden = self.c2(self.c1(images).relu()).relu().flatten(1)
        logits: torch.Tensor = self.l2(self.l1(hidden).relu())
        return logits


def cases() -> list[Case]:
    """Return an undefended network and an adversarially trained one; with a folder of models, its two as well."""
    from example_models.lenet5 import load

    found = [_case("lenet5", load(), load_dataset("mnist-5k", n=IMAGES, seed=0))]
    if folder := os.environ.get(MODELS):
        images = _test_images()
        for name in ("small_cln", "small_adv"):
            net = SmallNet()
            net.load_state_dict(torch.load(Path(folder) / f"{name}.pt", weights_only=True))
            found.append(_case(name, net, images))
        return found
    everything = load_dataset("mnist-5k")
    order = everything.order(0)
    net = trained(everything.take(order[IMAGES:]))
    return [*found, _case("trained here", net, everything.take(order[:IMAGES]))]


def trained(data: Dataset, *, eps: float = 0.3, epochs: int = 40) -> SmallNet:
    """Train against three steps from a random start, for about a minute (Madry et al. 2018, arXiv:1706.06083).

    The radius grows over the first half: from the full one at once a network on so few images learns nothing.
    """
    images, labels = torch.from_numpy(data.pixels()), torch.from_numpy(data.labels.copy())
    cross_entropy = nn.functional.cross_entropy
    with torch.random.fork_rng(), torch.enable_grad():
        torch.manual_seed(0)
        net = SmallNet()
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
        for epoch in range(epochs):
            radius = eps * min(1.0, 2 * epoch / epochs)
            for rows in torch.randperm(len(images)).split(100):
                x, y = images[rows], labels[rows]
                moved = (x + torch.empty_like(x).uniform_(-radius, radius)).clamp(0, 1)
                for _ in range(3):
                    moved.requires_grad_()
                    (gradient,) = torch.autograd.grad(cross_entropy(net(moved), y), moved)
                    moved = moved.detach() + 0.6 * radius * gradient.sign()
                    moved = (x + (moved - x).clamp(-radius, radius)).clamp(0, 1)
                optimizer.zero_grad()
                cross_entropy(net(moved), y).backward()
                optimizer.step()
    return net


def _test_images() -> Dataset:
    """Return MNIST test images 0-999 where the full data set is, else images that these models were trained on."""
    if os.environ.get("PYTEST_ROBUSTNESS_DATA"):
        return load_dataset("mnist").take(np.arange(IMAGES))
    return load_dataset("mnist-5k", n=IMAGES, seed=0)


def _case(name: str, module: nn.Module, data: Dataset) -> Case:
    return Case(name, module.eval().requires_grad_(requires_grad=False), data.pixels(), data.labels.copy())
