"""A support vector machine of scikit-learn with an RBF kernel, its scores turned into probabilities by sigmoids."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from skops.io import load as load_skops

if TYPE_CHECKING:
    from sklearn.calibration import CalibratedClassifierCV

WEIGHTS = Path(__file__).with_name("weights.skops")
TRUSTED = ["sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration"]


def load(path: Path = WEIGHTS) -> CalibratedClassifierCV:
    """Return the fitted estimator: flat images (N, 784) in [0, 1] in, digits or their probabilities out."""
    return load_skops(path, trusted=TRUSTED)
