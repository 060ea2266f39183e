"""The list of the example models, which the suite, the table and the training read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Model:
    """What one folder holds.

    Parameters
    ----------
    about : str
        What it is, in a line.
    study : str
        The study whose question it answers: ``benchmark``, ``brightness``, ``fgsm``, ``trade-offs``, ``outliers`` or
        ``smoothing``.
    starts_from : str
        The model whose weights its training starts from, where it does not start from new ones.
    """

    about: str
    study: str
    starts_from: str = ""


MODELS: dict[str, Model] = {
    "logistic_regression": Model("multinomial logistic regression", "benchmark"),
    "random_forest": Model("random forest of scikit-learn", "benchmark"),
    "rbf_svm": Model("support vector machine with an RBF kernel, on 10,000 digits", "benchmark"),
    "mlp_adam": Model("784-100-100-10 of scikit-learn's MNIST benchmark", "brightness"),
    "mlp_torch": Model("784-512-256-128-10 with dropout and L2, found by a grid search", "fgsm"),
    "lenet5": Model("LeNet-5: the baseline", "trade-offs"),
    "lenet5_large": Model("four times the width", "trade-offs"),
    "lenet5_ensemble_10": Model("mean of ten seeds", "trade-offs"),
    "lenet5_ensemble_5": Model("mean of the first five of the ten", "trade-offs"),
    "lenet5_ensemble_3": Model("mean of the first three of the ten", "trade-offs"),
    "lenet5_cutout": Model("CutOut", "trade-offs"),
    "lenet5_mixup": Model("MixUp", "trade-offs"),
    "lenet5_salt_and_pepper": Model("salt-and-pepper noise", "outliers"),
    "lenet5_pixmix": Model("PixMix with fractals made here", "outliers"),
    "lenet5_fgsm_01": Model("FGSM from a random start, linf 0.1", "trade-offs"),
    "lenet5_fgsm_02": Model("FGSM from a random start, linf 0.2", "trade-offs"),
    "lenet5_fgsm_03": Model("FGSM from a random start, linf 0.3", "trade-offs"),
    "lenet5_pgd_01": Model("PGD, linf 0.1", "trade-offs"),
    "lenet5_pgd_02": Model("PGD, linf 0.2", "trade-offs"),
    "lenet5_pgd_03": Model("PGD, linf 0.3", "trade-offs"),
    "lenet5_cutout_pgd": Model("CutOut, then PGD, linf 0.2", "trade-offs"),
    "lenet5_mixup_pgd": Model("MixUp, then PGD, linf 0.2", "trade-offs"),
    "lenet5_pgd_cutout": Model("PGD, linf 0.2, then CutOut", "trade-offs"),
    "lenet5_outlier_exposure": Model("outlier exposure", "outliers", starts_from="lenet5"),
    "lenet5_salt_and_pepper_outlier_exposure": Model(
        "salt-and-pepper noise, then outlier exposure", "outliers", starts_from="lenet5_salt_and_pepper"
    ),
    "lenet5_pixmix_outlier_exposure": Model("PixMix, then outlier exposure", "outliers", starts_from="lenet5_pixmix"),
    "smoothed_cnn": Model("the network of Lee et al. 2019, trained under noise to be smoothed", "smoothing"),
}


def source(name: str) -> str:
    """Return the source string by which the package loads a model."""
    return f"example_models.{name}:load"


def weights(name: str) -> Path:
    """Return where the weights of a model are; some models share a file."""
    package: Any = import_module(f"example_models.{name}")
    return Path(package.WEIGHTS)


def owner(name: str) -> str:
    """Return the model that the weights of a model are trained as: the first of those that share them."""
    return next(one for one in MODELS if weights(one) == weights(name))


def digest_of_weights(name: str) -> str:
    """Return what tells the weights of a model from others of it."""
    return hashlib.sha256(weights(name).read_bytes()).hexdigest()[:16]
