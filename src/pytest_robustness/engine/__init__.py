"""The engine: runs the blocks of evaluations, stores their outcomes, and reports progress.

The names below are loaded on first use: what only looks after the store needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

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


def __getattr__(name: str) -> object:
    if name not in _FILE_OF:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"{__name__}.{_FILE_OF[name]}"), name)
    globals()[name] = value
    return value
