"""From a model source to a classifier: torch modules, scikit-learn estimators, callables, model files."""

from __future__ import annotations

from pytest_robustness.classifiers.backend import Forward, Passes
from pytest_robustness.classifiers.base import Classifier
from pytest_robustness.classifiers.features import LinearHead
from pytest_robustness.classifiers.loading import load_classifier

__all__ = ["Classifier", "Forward", "LinearHead", "Passes", "load_classifier"]
