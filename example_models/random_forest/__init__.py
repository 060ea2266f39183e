"""A random forest of scikit-learn: a model without gradients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from skops.io import load as load_skops

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

WEIGHTS = Path(__file__).with_name("weights.skops")
TRUSTED = ["sklearn.tree._tree.Tree"]


def load(path: Path = WEIGHTS) -> RandomForestClassifier:
    """Return the fitted estimator: flat images (N, 784) in [0, 1] in, digits or their probabilities out."""
    return load_skops(path, trusted=TRUSTED)
