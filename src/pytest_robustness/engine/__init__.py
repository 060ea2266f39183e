"""The engine: runs the blocks of evaluations, stores their outcomes, and reports progress."""

from pytest_robustness.engine.evaluator import Evaluator, Progress
from pytest_robustness.engine.executors import Executor, SerialExecutor
from pytest_robustness.engine.store import Store

__all__ = ["Evaluator", "Executor", "Progress", "SerialExecutor", "Store"]
