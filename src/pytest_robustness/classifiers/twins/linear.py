"""Twins of linear models and of multilayer perceptrons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pytest_robustness.classifiers.twins.heads import Head, Scores
from pytest_robustness.classifiers.twins.transforms import Affine

if TYPE_CHECKING:
    from collections.abc import Callable

    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.neural_network import MLPClassifier


class BinaryScores(nn.Module):
    """A decision d (B, 1) -> logits (0, d)."""

    def forward(self, decision: Tensor) -> Tensor:
        """Return (B, 2)."""
        return torch.cat([torch.zeros_like(decision), decision], dim=1)


def mlp(estimator: MLPClassifier) -> Head:
    """Return the twin of a multilayer perceptron."""
    activations: dict[str, Callable[[], nn.Module]] = {
        "identity": nn.Identity,
        "logistic": nn.Sigmoid,
        "tanh": nn.Tanh,
        "relu": nn.ReLU,
    }
    layers: list[nn.Module] = []
    for weight, bias in zip(estimator.coefs_, estimator.intercepts_, strict=True):
        layers += [Affine(weight, bias), activations[estimator.activation]()]
    layers[-1] = BinaryScores() if estimator.n_outputs_ == 1 else nn.Identity()
    return Scores(*layers)


def logistic_regression(estimator: LogisticRegression) -> Head:
    """Return the twin of a logistic regression."""
    # Older releases fit one classifier a class where told to, or where the solver can do nothing else.
    separate = estimator.solver == "liblinear" or getattr(estimator, "multi_class", None) == "ovr"
    return _linear(estimator, "one-vs-rest" if separate and len(estimator.coef_) > 1 else "softmax")


def sgd(estimator: SGDClassifier) -> Head:
    """Return the twin of a linear model fitted by stochastic gradient descent."""
    sigmoid = "softmax" if len(estimator.coef_) == 1 else "one-vs-rest"
    return _linear(estimator, {"log_loss": sigmoid, "modified_huber": "modified-huber"}.get(estimator.loss))


def scores_only(estimator: Any) -> Head:
    """Return the twin of a linear model without probabilities."""
    return _linear(estimator, None)


def linear_discriminant(estimator: LinearDiscriminantAnalysis) -> Head:
    """Return the twin of a linear discriminant analysis, whichever solver found it."""
    return _linear(estimator, "softmax")


def _linear(estimator: Any, link: str | None) -> Head:
    weight = np.atleast_2d(estimator.coef_)  # RidgeClassifier keeps that of two classes flat
    layers: list[nn.Module] = [Affine(weight.T, estimator.intercept_)]
    if len(weight) == 1:
        layers.append(BinaryScores())
    return Scores(*layers, link=link)
