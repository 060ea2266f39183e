"""From a model source to a classifier: torch modules, scikit-learn estimators, callables, model files.

The names below are loaded on first use: what has no layers needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_robustness.lazy import loader

if TYPE_CHECKING:
    from pytest_robustness.classifiers.backend import Forward, Passes
    from pytest_robustness.classifiers.base import Classifier
    from pytest_robustness.classifiers.features import LinearHead
    from pytest_robustness.classifiers.loading import load_classifier

__all__ = ["Classifier", "Forward", "LinearHead", "Passes", "load_classifier"]

_FILE_OF = {
    "Classifier": "base",
    "Forward": "backend",
    "LinearHead": "features",
    "Passes": "backend",
    "load_classifier": "loading",
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = loader(__name__, _FILE_OF)
