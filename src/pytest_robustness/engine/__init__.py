"""The engine: runs the blocks of evaluations, stores their outcomes, and reports progress.

The names below are loaded on first use: what only looks after the store needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_robustness.lazy import loader

if TYPE_CHECKING:
    from pytest_robustness.engine.evaluator import Evaluator, Progress
    from pytest_robustness.engine.executors import Executor, SerialExecutor
    from pytest_robustness.engine.store import Store

__all__ = ["Evaluator", "Executor", "Progress", "SerialExecutor", "Store"]

_FILE_OF = {
    "Evaluator": "evaluator",
    "Executor": "executors",
    "Progress": "evaluator",
    "SerialExecutor": "executors",
    "Store": "store",
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = loader(__name__, _FILE_OF)
