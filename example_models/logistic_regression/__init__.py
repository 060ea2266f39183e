"""Multinomial logistic regression on pixels, of scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression

WEIGHTS = Path(__file__).with_name("weights.safetensors")


def save(model: LogisticRegression, path: Path) -> None:
    """Write the weights of a fitted estimator as float32."""
    arrays = {"coef": model.coef_, "intercept": model.intercept_}
    save_file({name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}, path)


def load(path: Path = WEIGHTS) -> LogisticRegression:
    """Return the fitted estimator: flat images (N, 784) in [0, 1] in, digits or their probabilities out."""
    arrays = load_file(path)
    model = LogisticRegression()
    model.coef_, model.intercept_ = arrays["coef"], arrays["intercept"]
    model.classes_, model.n_features_in_ = np.arange(len(model.coef_)), model.coef_.shape[1]
    return model
