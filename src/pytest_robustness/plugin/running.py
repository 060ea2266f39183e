"""Judging requirements after the body of a test, and handing the rows to its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_robustness.errors import ConfigurationError, RobustnessError
from pytest_robustness.plugin.collection import requirements_of
from pytest_robustness.plugin.session import PAYLOADS, drain

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_robustness.evaluations import Requirement
    from pytest_robustness.plugin.facade import Robustness
    from pytest_robustness.plugin.outcomes import Judged


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run the body first, then judge every requirement of the test, all of them whatever the first says."""
    result = yield
    try:
        # Read again, since a fixture or a hook may have added a marker after collection.
        requirements = requirements_of(item)
    except ConfigurationError as error:
        pytest.fail(f"robustness: {error}", pytrace=False)
    if requirements:
        _judge(item, requirements)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hand the recorded rows to the last report of the test: it carries them from a worker to the controller."""
    report = yield
    if report.when == "teardown" and PAYLOADS in item.stash and (rows := drain(item)):
        report.robustness = rows  # type: ignore[attr-defined]
    return report


def _judge(item: pytest.Item, requirements: list[Requirement]) -> None:
    from pytest_robustness.plugin.outcomes import UNAVAILABLE, conclude

    if not isinstance(item, pytest.Function):
        pytest.fail(f"the markers of this plugin need a test function: got {type(item).__name__}", pytrace=False)
    # Known to the test already, unless the marker came late or the test is a method of unittest.
    facade: Robustness = item._request.getfixturevalue("robustness")  # noqa: SLF001
    judged: list[Judged] = []
    problems: list[str] = []
    missing: list[str] = []
    for requirement in requirements:
        try:
            judged += facade.check(requirement)
        except RobustnessError as error:
            absent = isinstance(error, UNAVAILABLE) and not facade.settings.strict
            (missing if absent else problems).append(f"{requirement.evaluation.family}: {error}")
    conclude(judged, problems, missing)
