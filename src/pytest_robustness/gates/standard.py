"""What is measured where nothing is required."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_robustness.datasets import mnist_c_corruptions
from pytest_robustness.errors import DataUnavailableError
from pytest_robustness.evaluations import Requirement, make_requirement

if TYPE_CHECKING:
    from collections.abc import Container

    from pytest_robustness.engine import Evaluator


def standard_suite(evaluator: Evaluator) -> tuple[list[Requirement], list[str]]:
    """Return what is measured where nothing is required, without thresholds, for what the classifier supports.

    Returns
    -------
    requirements : list of Requirement
        One or more for every family that the classifier supports.
    left_out : list of str
        What it does not support, and why.
    """
    offers = evaluator.classifier.offers
    suite = "mnist-c" if _has_mnist_c(evaluator.dataset.name) else "mnist-c-generated"
    planned: list[tuple[str, str, dict[str, Any]]] = [
        ("labels", "accuracy", {}),
        ("gradients", "adversarial", {"attack": "fgsm", "norm": "linf", "eps": 0.1}),
        ("gradients", "adversarial", {"attack": "pgd", "norm": "linf", "eps": 0.1}),
        ("gradients", "adversarial", {"attack": "pgd", "norm": "l2", "eps": 1.0}),
        # Of those without gradients: a few queries only, since each is an image through the model.
        *([] if "gradients" in offers else [("labels", "adversarial", _without_gradients(offers))]),
        ("labels", "corruption", {"suite": suite}),
        *(_outliers(name, offers) for name in ("letters", "photo-patches", "uniform-noise")),
        ("probabilities", "calibration", {}),
        ("labels", "sensitivity", {}),
        ("logits" if "logits" in offers else "probabilities", "saliency", {}),
    ]
    chosen = [make_requirement(family, keys) for need, family, keys in planned if need in offers]
    covered = {requirement.evaluation.family for requirement in chosen}
    lacking = dict.fromkeys((f, need) for need, f, _ in planned if need not in offers and f not in covered)
    return chosen, [f"{family}: {evaluator.classifier.name} offers no {need}" for family, need in lacking]


def _without_gradients(offers: Container[str]) -> dict[str, Any]:
    """Plan an attack on scores or labels."""
    if "probabilities" in offers or "logits" in offers:
        return {"attack": "square", "norm": "linf", "eps": 0.1, "queries": 300}
    return {"attack": "hopskipjump", "norm": "linf", "eps": 0.1, "steps": 4, "max_queries": 600}


def _outliers(name: str, offers: Container[str]) -> tuple[str, str, dict[str, Any]]:
    """Plan an outlier set with the score that the outputs allow."""
    if "logits" in offers and "probabilities" not in offers:
        return "logits", "ood", {"outliers": name, "score": "max-logit"}
    return "probabilities", "ood", {"outliers": name, "score": "msp"}


def _has_mnist_c(dataset: str) -> bool:
    if dataset != "mnist":
        return False
    try:
        return bool(mnist_c_corruptions())
    except DataUnavailableError:
        return False
