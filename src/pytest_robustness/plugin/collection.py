"""From markers and tables to requirements, at collection: a mistake is an error before any test runs."""

from __future__ import annotations

import types
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from pytest_robustness.errors import ConfigurationError, RobustnessError
from pytest_robustness.plugin.baselines import baseline_of
from pytest_robustness.plugin.options import MARKERS, collects_tables, settings_of, tables_of
from pytest_robustness.plugin.overriding import check_device, check_samples
from pytest_robustness.plugin.rooted import rooted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pytest_robustness.evaluations import Requirement

_OURS = frozenset(MARKERS)


def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: object) -> None:
    """Ask for the fixture on behalf of a test with a marker, so that a parametrised model parametrises the test."""
    # Only tests are looked at: other objects of a module may raise when asked for an attribute.
    if isinstance(obj, type) or not collector.istestfunction(obj, name):
        return
    own = {mark.name for mark in _marks(obj)}
    if not own.isdisjoint(MARKERS):
        pytest.mark.usefixtures("robustness")(obj)
        return
    inherited = list(collector.iter_markers())
    asked = any(mark.name == "usefixtures" and "robustness" in mark.args for mark in inherited)
    if not asked and any(mark.name in MARKERS for mark in inherited):
        # Not on the function: a class without the marker may inherit it.
        collector.add_marker(pytest.mark.usefixtures("robustness"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Read the requirement tables before anything is collected, also where pytest-xdist lets workers collect."""
    config = session.config
    if not collects_tables(config):
        return
    path, _, tables = tables_of(config)
    if not tables:
        table = "tool.robustness.require" if path.name == "pyproject.toml" else "robustness.require"
        raise pytest.UsageError(f"--robustness: no table [[{table}]] in {path}")
    from pytest_robustness.gates.suite import requirements_from_tables, settings_for

    try:
        seen = [rooted(table["family"], table, config.rootpath) for table in tables]
        for requirement in requirements_from_tables(seen):
            settings_for(requirement, settings_of(config))
    except RobustnessError as error:
        raise pytest.UsageError(f"{path.name}: {error}") from error


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the tests of the tables where none were collected from the file itself, and check all markers."""
    if collects_tables(config) and not any(item.getparent(RequirementFile) for item in items):
        items.extend(session.genitems(RequirementFile.from_parent(session, path=tables_of(config)[0])))
    problems: dict[str, str] = {}
    for item in items:
        try:
            _check_markers(item)
            if "robustness" in getattr(item, "fixturenames", ()):
                baseline_of(config)
                check_samples(item, requirements_of(item))
                check_device(settings_of(config).device)
        except RobustnessError as error:
            problems.setdefault(str(error), item.nodeid)
        except pytest.UsageError as error:
            problems.setdefault(str(error), item.nodeid)
    if problems:
        refuse(config, items, "\n".join(f"{nodeid}: {problem}" for problem, nodeid in problems.items()))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the file of the tables where it is among the collected paths."""
    config = parent.config
    if collects_tables(config) and file_path == tables_of(config)[0]:
        return RequirementFile.from_parent(parent, path=file_path)
    return None


class RequirementFile(pytest.Module):
    """A configuration file as a module of tests: one for each requirement table, with the marker that it amounts to."""

    def _getobj(self) -> types.ModuleType:
        path, _, tables = tables_of(self.config)
        module = types.ModuleType(path.name)
        names = _unique(table_name(table) for table in tables)
        for name, table in zip(names, tables, strict=True):
            # As if it were written in the file: that is what reports of failures name.
            code = _measure_only.__code__.replace(co_filename=str(path), co_firstlineno=1)
            keys = {key: value for key, value in table.items() if key != "family"}
            marker = getattr(pytest.mark, table["family"])
            setattr(module, name, marker(**keys)(types.FunctionType(code, {}, name)))
        return module

    def istestfunction(self, obj: object, name: str) -> bool:
        """Take every function as a test, whatever its name."""
        del name
        return isinstance(obj, types.FunctionType)


def _measure_only(robustness: object) -> None:
    """Do nothing: the requirement is judged after the body, as for any test with a marker."""


def requirements_of(item: pytest.Item) -> list[Requirement]:
    """Return what the markers of a test require, those of its class and its module included.

    Raises
    ------
    ConfigurationError
        For a marker that cannot be understood.
    """
    root = item.config.rootpath
    return [_from_marker(mark, root) for mark in reversed(list(item.iter_markers())) if mark.name in _OURS]


def _from_marker(mark: pytest.Mark, root: Path) -> Requirement:
    from pytest_robustness.evaluations import make_requirement

    if mark.args:
        raise ConfigurationError(
            f"the marker {mark.name} takes keywords only", got=mark.args, allowed=MARKERS[mark.name]
        )
    return make_requirement(mark.name, rooted(mark.name, mark.kwargs, root))


def _check_markers(item: pytest.Item) -> None:
    for mark in item.iter_markers():
        _refuse_near_marker(mark)
    requirements = requirements_of(item)
    if requirements:
        from pytest_robustness.gates.suite import settings_for

        for requirement in requirements:
            settings_for(requirement, settings_of(item.config))


def _refuse_near_marker(mark: pytest.Mark) -> None:
    """Refuse a mistyped marker that brings a threshold: pytest itself would warn and let the test pass unjudged."""
    if mark.name in _OURS or not any(key.startswith(("min_", "max_")) for key in mark.kwargs):
        return
    from difflib import get_close_matches

    if near := get_close_matches(mark.name, MARKERS, n=1, cutoff=0.8):
        raise ConfigurationError("unknown marker", got=mark.name, allowed=MARKERS, mend=f"Did you mean {near[0]!r}?")


def refuse(config: pytest.Config, items: list[pytest.Item], message: str) -> None:
    """Raise a usage error, or let the process raise it that started this worker of pytest-xdist."""
    if not hasattr(config, "workerinput"):
        raise pytest.UsageError(message)
    items.clear()
    report = pytest.CollectReport("", "failed", message, [], robustness_usage_error=message)
    config.hook.pytest_collectreport(report=report)


def _marks(obj: object) -> Iterable[pytest.Mark]:
    marks = getattr(obj, "pytestmark", [])
    return marks if isinstance(marks, list) else [marks]


def table_name(table: Mapping[str, Any]) -> str:
    """Return what the test of a requirement table is called: its family with all keys but the bounds."""
    from pytest_robustness.scorecard.format import NAMED_BY_VALUE

    said = {
        key: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in table.items()
        if key != "family" and not key.startswith(("min_", "max_"))
    }
    settings = "-".join(text if key in NAMED_BY_VALUE else f"{key}={text}" for key, text in said.items())
    return f"{table['family']}[{settings}]" if settings else str(table["family"])


def _unique(names: Iterable[str]) -> list[str]:
    """Number the second and later test of the same name."""
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique
