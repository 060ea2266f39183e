"""What a run asks for and can be seen to lack, or to ignore, before anything is measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_robustness.plugin.options import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pytest

    from pytest_robustness.evaluations import Requirement

_OWN = "pytest_robustness.plugin.fixtures"


def overriding_file(item: pytest.Item, name: str) -> Path | None:
    """Return the file that gives a test its own fixture of a name; None where it has that of this plugin."""
    info = getattr(item, "_fixtureinfo", None)
    found = () if info is None else info.name2fixturedefs.get(name, ())
    if not found or found[-1].func.__module__ == _OWN:
        return None
    code = getattr(found[-1].func, "__code__", None)
    # The values of a parameter come from pytest itself.
    return item.path if code is None or found[-1].func.__module__.startswith("_pytest") else Path(code.co_filename)


def ignored_model(items: Iterable[pytest.Item]) -> dict[str, pytest.Item]:
    """Say that the model of the command line is not the one that tests get, once for each file that decides so."""
    found: dict[str, pytest.Item] = {}
    for item in items:
        model = item.config.getoption("robustness_model")
        file = None if model is None else overriding_file(item, "robustness_model")
        if file is not None:
            shown = file.relative_to(item.config.rootpath) if file.is_relative_to(item.config.rootpath) else file
            found.setdefault(f"--robustness-model={model} is not used: robustness_model of {shown} overrides it", item)
    return found


def check_device(device: str) -> None:
    """Refuse a device that this machine does not have.

    Raises
    ------
    ParameterError
    """
    if device != "cpu":
        from pytest_robustness.classifiers import pytorch

        pytorch.check_device(device)


def check_samples(item: pytest.Item, requirements: Sequence[Requirement]) -> None:
    """Refuse more samples than there are, where the data of a marker is named and not given by a fixture of the tests.

    What the body of a test asks for is known when it runs.

    Raises
    ------
    ConfigurationError
    """
    from pytest_robustness.gates.suite import check_size, settings_for

    settings = settings_of(item.config)
    fixed = overriding_file(item, "robustness_data") is not None
    for requirement in requirements:
        if isinstance(requirement.overrides.get("data", None if fixed else ""), str):
            check_size(settings_for(requirement, settings))
