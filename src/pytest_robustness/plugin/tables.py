"""Requirement tables of several models as the parameters of one test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_robustness.errors import ConfigurationError, unknown_name
from pytest_robustness.plugin.collection import table_name
from pytest_robustness.plugin.options import MARKERS

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

CARRIED = ("data", "n", "seed", "batch_size", "confidence", "verdict", "inconclusive", "early_stop")
"""Settings in the head of a table that hold for each of its requirements."""


def requirements(*paths: str | Path) -> list[ParameterSet]:
    """Return the requirements of tables as parameters of the fixture ``robustness_model``.

    Each is the source of a model with the marker that a table ``[[robustness.require]]`` amounts to::

        @pytest.mark.parametrize("robustness_model", requirements(*sorted(HERE.glob("*/requirements.toml"))))
        def test_requirements(robustness): ...

    Parameters
    ----------
    *paths : str or Path
        Files with a table ``[robustness]`` that names the model. What else it sets holds for its requirements, and
        goes before the options of the run, as the keys of a marker do. A file ``requirements.toml`` shows in the ids
        of the tests by the name of its folder, any other by its own.

    Raises
    ------
    ConfigurationError
        Where a file cannot be read, names no model, has no requirement, or sets what can only be set for a whole run.
    """
    if not paths:
        raise ConfigurationError("no table of requirements", mend="Give at least one file.")
    return [parameter for path in paths for parameter in _of_file(Path(path))]


def _of_file(path: Path) -> list[ParameterSet]:
    from pytest_robustness.gates.settings import read_tables

    head, tables = read_tables(path)
    model = head.pop("model", None)
    if not isinstance(model, str) or not tables:
        raise ConfigurationError(
            f"{path} must name a model and have requirements", got={"model": model, "requirements": len(tables)}
        )
    for name in head:
        if name not in CARRIED:
            mend = "Leave it out, and give it as an option of the run."
            problem = unknown_name("setting of a single requirement", name, CARRIED, mend=mend)
            raise ConfigurationError(f"{path}: {problem}")
    label = path.absolute().parent.name if path.stem == "requirements" else path.stem
    return [_parameter(path, model, label, head, table) for table in tables]


def _parameter(path: Path, model: str, label: str, head: dict[str, Any], table: dict[str, Any]) -> ParameterSet:
    family = table["family"]
    if family not in MARKERS:
        raise ConfigurationError(f"{path}: {unknown_name('family', family, MARKERS)}")
    keys = {key: value for key, value in table.items() if key != "family"}
    marker = getattr(pytest.mark, family)(**{**head, **keys})
    name = table_name(table).replace("[", "-", 1).removesuffix("]")
    return pytest.param(model, marks=marker, id=f"{label}-{name}")
