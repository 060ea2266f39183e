"""The smallest change that makes a classifier wrong: of one image, and of the samples that fail a requirement."""

from __future__ import annotations

from pytest_robustness.counterexamples.cases import Origin
from pytest_robustness.counterexamples.collecting import find_counterexamples
from pytest_robustness.counterexamples.counterexample import Counterexample
from pytest_robustness.counterexamples.smallest import smallest_failure
from pytest_robustness.counterexamples.table import Counterexamples

__all__ = ["Counterexample", "Counterexamples", "Origin", "find_counterexamples", "smallest_failure"]
