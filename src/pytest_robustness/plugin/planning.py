"""What can be told of a session once its tests are known: how many verdicts there are, and which can never be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_robustness.errors import RobustnessError
from pytest_robustness.plugin.collection import refuse, requirements_of
from pytest_robustness.plugin.familywise import MEMBERSHIP, count_members
from pytest_robustness.plugin.options import MARKERS, settings_of
from pytest_robustness.plugin.overriding import ignored_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_robustness.evaluations import Requirement


class RobustnessWarning(pytest.PytestWarning):
    """A gate that can never come to one of its verdicts, or an option that is given and not used."""


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Count what holds together, and warn of what cannot be decided, after all that is not to run was taken out."""
    ours = [item for item in session.items if "robustness" in getattr(item, "fixturenames", ()) or _is_marked(item)]
    if not ours:
        return
    try:
        requirements = {item: _requirements(item) for item in ours if _is_marked(item)}
    except RobustnessError:
        return  # a mistake that has stopped the collection: pytest calls this all the same
    settings = settings_of(session.config)
    if settings.familywise != "off":
        count_members(ours, requirements, settings)
    # Every worker of pytest-xdist collects the same: the first one speaks for all.
    if getattr(session.config, "workerinput", {}).get("workerid", "gw0") == "gw0":
        _warn(session, ignored_model(ours) | _dead_ends(requirements))


def _warn(session: pytest.Session, lines: Mapping[str, pytest.Item]) -> None:
    """Warn with some lines; where warnings are errors, it is an error of usage."""
    for line, item in lines.items():
        try:
            item.warn(RobustnessWarning(line))
        except RobustnessWarning as error:
            return refuse(session.config, session.items, str(error))
    return None


def _dead_ends(requirements: Mapping[pytest.Item, Sequence[Requirement]]) -> dict[str, pytest.Item]:
    """Tell of every bound that cannot be passed, or failed, once for all parameters of a test."""
    found: dict[str, pytest.Item] = {}
    for item, own in requirements.items():
        name = item.nodeid.partition("[")[0] if item.path.suffix == ".py" else item.nodeid
        for line in _dead_ends_of(item, own):
            found.setdefault(f"{name}: {line}", item)
    return found


def _dead_ends_of(item: pytest.Item, requirements: Iterable[Requirement]) -> Iterable[str]:
    from pytest_robustness.gates.planning import dead_ends, margin_dead_ends
    from pytest_robustness.gates.suite import settings_for

    for requirement in requirements:
        settings = settings_for(requirement, settings_of(item.config))
        for line in margin_dead_ends(requirement, settings):
            yield f"{requirement.evaluation.family}: {line}"
        for threshold in requirement.thresholds:
            level = settings.confidence
            if MEMBERSHIP in item.stash:
                level = item.stash[MEMBERSHIP].family.level(level)
            for line in dead_ends(requirement, threshold, settings, level):
                yield f"{requirement.evaluation.family}: {line}"


def _requirements(item: pytest.Item) -> list[Requirement]:
    from pytest_robustness.gates.suite import settings_for

    requirements = requirements_of(item)
    for requirement in requirements:
        settings_for(requirement, settings_of(item.config))
    return requirements


def _is_marked(item: pytest.Item) -> bool:
    return any(mark.name in MARKERS for mark in item.iter_markers())
