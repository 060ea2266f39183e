"""What the user's own code raised behind an error of this package."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

from pytest_robustness.errors import RobustnessError

_INSTALLED = {"site-packages", "dist-packages", f"python{sys.version_info.major}.{sys.version_info.minor}"}
"""Folders of code that is not the user's, beside that of this package."""


def own_cause(error: RobustnessError) -> BaseException | None:
    """Return the cause of an error, shown down to the last line that is the user's; None where no line is theirs.

    That one error of this package led to another is of no interest, and what happened inside a library is said by its
    message.
    """
    cause, own = error.__cause__, None
    while isinstance(cause, RobustnessError):
        cause = cause.__cause__
    step = None if cause is None else cause.__traceback__
    while step is not None:
        if not _is_installed(step.tb_frame.f_code.co_filename):
            own = TracebackType(None, step.tb_frame, step.tb_lasti, step.tb_lineno)
        step = step.tb_next
    return None if cause is None or own is None else cause.with_traceback(own)


def _is_installed(file: str) -> bool:
    path = Path(file)
    return path.is_relative_to(Path(__file__).parents[1]) or bool(_INSTALLED & set(path.parts))
