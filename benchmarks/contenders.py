"""Other libraries' attacks as functions: module, images, labels to adversarial images."""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Images = NDArray[np.float32]
    Labels = NDArray[np.int64]
    Contender = Callable[[torch.nn.Module, Images, Labels], Images]

BATCH = 500


def available(*names: str) -> tuple[list[str], list[str]]:
    """Return which packages can be imported, and for the others a line that says why not."""
    found, missing = [], []
    for name in names:
        try:
            quietly(name)
            found.append(name)
        except ImportError as error:
            missing.append(f"without {name}: {error}")
    return found, missing


def quietly(name: str) -> Any:
    """Import a module of another library without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def pgd(eps: float, step: float, steps: int) -> dict[str, Contender]:
    """Return PGD in Linf with a random start, by the name of the package."""

    def foolbox(module: torch.nn.Module, images: Images, labels: Labels) -> Images:
        package = quietly("foolbox")
        model = package.PyTorchModel(module, bounds=(0, 1), device="cpu")
        attack = package.attacks.LinfPGD(abs_stepsize=step, steps=steps, random_start=True)
        return _joined(attack(model, x, y, epsilons=eps)[1] for x, y in _batches(images, labels))

    def torchattacks(module: torch.nn.Module, images: Images, labels: Labels) -> Images:
        attack = quietly("torchattacks").PGD(module, eps=eps, alpha=step, steps=steps, random_start=True)
        attack.set_device(torch.device("cpu"))
        return _joined(attack(x, y) for x, y in _batches(images, labels))

    def art(module: torch.nn.Module, images: Images, labels: Labels) -> Images:
        attack = quietly("art.attacks.evasion").ProjectedGradientDescent(
            art_network(module, images),
            eps=eps,
            eps_step=step,
            max_iter=steps,
            num_random_init=1,
            batch_size=BATCH,
            verbose=False,
        )
        return np.asarray(attack.generate(images, y=labels))

    def advertorch(module: torch.nn.Module, images: Images, labels: Labels) -> Images:
        attack = quietly("advertorch.attacks").LinfPGDAttack(
            module, eps=eps, nb_iter=steps, eps_iter=step, rand_init=True, clip_min=0.0, clip_max=1.0
        )
        return _joined(attack.perturb(x, y) for x, y in _batches(images, labels))

    return {"torchattacks": torchattacks, "foolbox": foolbox, "art": art, "advertorch": advertorch}


def autoattack(eps: float) -> dict[str, Contender]:
    """Return AutoAttack in Linf as each package understands it, by the name of the package."""

    def torchattacks(module: torch.nn.Module, images: Images, labels: Labels) -> Images:
        attack = quietly("torchattacks").AutoAttack(module, norm="Linf", eps=eps, seed=0)
        for part in (attack, *attack._attacks.values()):  # noqa: SLF001
            part.device = torch.device("cpu")
        return _joined(attack(x, y) for x, y in _batches(images, labels))

    def art(module: torch.nn.Module, images: Images, labels: Labels) -> Images:
        package = quietly("art.attacks.evasion")
        quietly("multiprocess")  # asked for by the attack, but not by the package
        attack = package.AutoAttack(art_network(module, images), eps=eps, eps_step=eps / 4, batch_size=BATCH)
        for part in attack.attacks:
            part.verbose = False
        return np.asarray(attack.generate(images, y=labels))

    return {"torchattacks": torchattacks, "art": art}


def art_network(module: torch.nn.Module, images: Images) -> Any:
    """Return an estimator of ART around a module with ten classes."""
    return quietly("art.estimators.classification").PyTorchClassifier(
        module, torch.nn.CrossEntropyLoss(), images.shape[1:], 10, clip_values=(0, 1), device_type="cpu"
    )


def _joined(parts: Iterator[torch.Tensor]) -> Images:
    return torch.cat([part.detach() for part in parts]).numpy()


def _batches(images: Images, labels: Labels) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    return zip(torch.from_numpy(images).split(BATCH), torch.from_numpy(labels).split(BATCH), strict=True)
