"""Robustness gates for image classifiers in pytest.

The names below are loaded on first use: importing this package imports nothing heavy, so that a test run which does
not use it pays nothing for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_robustness.lazy import loader

if TYPE_CHECKING:
    from pytest_robustness.classifiers import Classifier, load_classifier
    from pytest_robustness.counterexamples import find_counterexamples, smallest_failure
    from pytest_robustness.datasets import Dataset, load_dataset
    from pytest_robustness.engine import Evaluator
    from pytest_robustness.evaluations import Measurement, Requirement
    from pytest_robustness.plugin.facade import Robustness
    from pytest_robustness.plugin.tables import requirements
    from pytest_robustness.scorecard import Scorecard

__all__ = [
    "Classifier",
    "Dataset",
    "Evaluator",
    "Measurement",
    "Requirement",
    "Robustness",
    "Scorecard",
    "__version__",
    "find_counterexamples",
    "load_classifier",
    "load_dataset",
    "requirements",
    "smallest_failure",
]

__version__ = "0.1.0"

_ROOM_OF = {
    "Classifier": "classifiers",
    "Dataset": "datasets",
    "Evaluator": "engine",
    "Measurement": "evaluations",
    "Requirement": "evaluations",
    "Robustness": "plugin.facade",
    "Scorecard": "scorecard",
    "find_counterexamples": "counterexamples",
    "load_classifier": "classifiers",
    "load_dataset": "datasets",
    "requirements": "plugin.tables",
    "smallest_failure": "counterexamples",
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = loader(__name__, _ROOM_OF)
