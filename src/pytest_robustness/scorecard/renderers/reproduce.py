"""The command that measures a row once more."""

from __future__ import annotations

import math
import posixpath
import shlex
from typing import TYPE_CHECKING

from pytest_robustness.scorecard.format import one_line

if TYPE_CHECKING:
    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.rows import DataCard, ModelCard, Row

DEFAULT_CONFIDENCE = 0.95

OPTIONS, ROOT, COMMAND = "options", "root", "command"
"""Keys of a scorecard's environment: the options that pytest was given, where the root of the project lies from the
folder that the run began in, and the command line without pytest."""


def command(row: Row, card: Scorecard) -> str:
    """Return the command that measures a row once more, from the folder that the run began in.

    A row of a test is measured by its test, with the options that the run was given; any other by the command line
    that made the scorecard. Where a scorecard does not know them (one that was put together in Python, or is older),
    the size of the sample, the seed and the level of the intervals are said.
    """
    model = next(model for model in card.models if model.key == row.model)
    data = next(data for data in card.datasets if data.key == row.data)
    if row.test is None:
        known = str(card.environment.get(COMMAND, ""))
        return one_line(known or shlex.join([*_base(model, data), *_options(row, data, card.seed, prefix="--")]))
    in_code = row.test.partition("::")[0].endswith(".py")
    if OPTIONS in card.environment:
        words = shlex.split(str(card.environment[OPTIONS]))
        words = [word for word in words if not (in_code and word == "--robustness")]  # else all tables are measured too
    else:
        # The tests of a table have the name of its file: nothing collects them unasked.
        asked = [] if in_code else ["--robustness"]
        words = [*asked, *_options(row, data, card.seed, prefix="--robustness-")]
    path, colons, name = row.test.partition("::")
    test = posixpath.normpath(posixpath.join(str(card.environment.get(ROOT, "")), path)) + colons + name
    return one_line(shlex.join(["pytest", test, *words]))


def _base(model: ModelCard, data: DataCard) -> list[str]:
    return ["pytest-robustness", "scorecard", model.source, "--data", data.name]


def _options(row: Row, data: DataCard, seed: int, *, prefix: str) -> list[str]:
    given: dict[str, object] = {}
    if data.population > data.n:
        given["n"] = data.n
    if seed:
        given["seed"] = seed
    if not math.isnan(row.confidence) and row.confidence != DEFAULT_CONFIDENCE:
        given["confidence"] = row.confidence
    return [f"{prefix}{name}={value}" for name, value in given.items()]
