"""The multilayer perceptron of scikit-learn's MNIST benchmark, 784-100-100-10."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from sklearn.neural_network import MLPClassifier

WEIGHTS = Path(__file__).with_name("weights.safetensors")
CLASSES = np.arange(10)


def estimator(max_iter: int = 400) -> MLPClassifier:
    """Return the estimator with the parameters of the benchmark, not fitted."""
    return MLPClassifier(
        hidden_layer_sizes=(100, 100),
        max_iter=max_iter,
        alpha=1e-4,
        solver="adam",
        learning_rate_init=1e-3,
        tol=1e-4,
        random_state=0,
    )


def save(model: MLPClassifier, path: Path) -> None:
    """Write the weights of a fitted estimator as float32."""
    arrays = {f"coefs.{i}": array for i, array in enumerate(model.coefs_)}
    arrays |= {f"intercepts.{i}": array for i, array in enumerate(model.intercepts_)}
    save_file({name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}, path)


def load(path: Path = WEIGHTS) -> MLPClassifier:
    """Return the fitted estimator: flat images (N, 784) in [0, 1] in, digits or their probabilities out.

    It predicts what the trained estimator predicts; the record of its training (``n_iter_``, ``loss_``) is gone.
    """
    arrays = load_file(path)
    model = estimator()
    # One step on blank images has scikit-learn set every attribute of a fitted estimator; then the weights go in.
    pixels = len(arrays["coefs.0"])
    model.partial_fit(np.zeros((len(CLASSES), pixels), dtype=np.float32), CLASSES, classes=CLASSES)
    layers = range(len(model.coefs_))
    model.coefs_ = [arrays[f"coefs.{i}"] for i in layers]
    model.intercepts_ = [arrays[f"intercepts.{i}"] for i in layers]
    return model
