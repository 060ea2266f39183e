"""PGD-40 beside foolbox and torchattacks: the same model, images, radius, steps and step size."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tabulate import tabulate

from benchmarks.timing import race
from pytest_robustness import load_classifier, load_dataset
from pytest_robustness.attacks import PGD

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = 40
IMAGES = 1000


def table() -> str:
    """Return robust accuracy, CPU time and passes on LeNet-5, 1,000 images of mnist-5k."""
    from example_models.lenet5 import load

    module = load().eval().requires_grad_(requires_grad=False)
    data = load_dataset("mnist-5k", n=IMAGES, seed=0)
    rows = [row for eps in (0.1, 0.3) for row in _compare(module, data, eps)]
    headers = ["eps", "library", "robust accuracy", "CPU s", "CPU ratio", "forwards", "backwards", "outside"]
    return tabulate(rows, headers=headers, floatfmt=("g", "", ".3f", ".2f", ".2f", ",", ",", ""))


def _compare(module: torch.nn.Module, data: Any, eps: float) -> list[list[Any]]:
    counter = _Counting(module).eval()
    images, labels = torch.from_numpy(data.pixels()), torch.from_numpy(data.labels.copy())
    contenders: dict[str, Callable[[], np.ndarray]] = {
        "pytest-robustness": lambda: _ours(module, data, eps),
        "foolbox": lambda: _foolbox(counter, images, labels, eps),
        "torchattacks": lambda: _torchattacks(counter, images, labels, eps),
    }
    results = race(contenders)
    rows = []
    for name, run in contenders.items():
        seconds, adversarial = results[name]
        if name == "pytest-robustness":
            classifier = load_classifier(module)
            PGD(eps=eps, steps=STEPS, step_size=eps / 10).run(classifier, data.images, data.labels)
            passes = (classifier.passes.forwards, classifier.passes.backwards)
        else:
            counter.reset()
            run()
            passes = (counter.forwards, counter.backwards)
        with torch.no_grad():
            robust = float((module(torch.from_numpy(adversarial)).argmax(1) == labels).float().mean())
        distance = np.abs(adversarial.astype(np.float64) - data.pixels().astype(np.float64)).max(axis=(1, 2, 3))
        ratio = seconds / results["pytest-robustness"].seconds
        rows.append([eps, name, robust, seconds, ratio, *passes, int((distance > eps).sum())])
    return rows


def _ours(module: torch.nn.Module, data: Any, eps: float) -> np.ndarray:
    attack = PGD(eps=eps, steps=STEPS, step_size=eps / 10)
    return attack.run(load_classifier(module), data.images, data.labels)


def _foolbox(module: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, eps: float) -> np.ndarray:
    import foolbox

    model = foolbox.PyTorchModel(module, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(abs_stepsize=eps / 10, steps=STEPS, random_start=True)
    found = [attack(model, x, y, epsilons=eps)[1] for x, y in _batches(images, labels)]
    return torch.cat(found).numpy()


def _torchattacks(module: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, eps: float) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torchattacks

    attack = torchattacks.PGD(module, eps=eps, alpha=eps / 10, steps=STEPS, random_start=True)
    return torch.cat([attack(x, y) for x, y in _batches(images, labels)]).numpy()


def _batches(images: torch.Tensor, labels: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return list(zip(images.split(500), labels.split(500), strict=True))


class _Counting(torch.nn.Module):
    """Counts images through a model, forwards and backwards."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module
        self.reset()

    def reset(self) -> None:
        self.forwards = self.backwards = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.forwards += len(images)
        logits = self.module(images)
        if logits.requires_grad:
            logits.register_hook(lambda _: self._back(len(images)))
        return logits

    def _back(self, n: int) -> None:
        self.backwards += n
