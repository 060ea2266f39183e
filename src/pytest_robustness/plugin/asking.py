"""From a call of the fixture to a requirement without thresholds: the comparison comes after the measurement."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import ConfigurationError
from pytest_robustness.evaluations import FAMILIES, Requirement, make_requirement

if TYPE_CHECKING:
    from collections.abc import Mapping


def asked(family: str, keys: Mapping[str, Any]) -> Requirement:
    """Make the requirement of a method, which has no thresholds."""
    requirement = _compared(keys) if "scores" in keys else make_requirement(family, keys)
    if "early_stop" in keys:
        raise ConfigurationError(
            "a method of the fixture cannot stop early: its bound comes after the measurement",
            got=f"early_stop={keys['early_stop']!r}",
            mend="Use the marker, which knows its threshold.",
        )
    if requirement.thresholds:
        raise ConfigurationError(
            f"a method of the fixture takes no thresholds: got {sorted(set(keys) & set(_bound_names(family)))}",
            mend="Compare what it returns: assert robustness.accuracy() >= 0.9.",
        )
    return requirement


def _compared(keys: Mapping[str, Any]) -> Requirement:
    """Make the requirement that compares anomaly scores; it has the settings of that for a single one."""
    from pytest_robustness.evaluations import ScoreComparison

    own = {name: value for name, value in keys.items() if ScoreComparison.knows(name)}
    others = {name: value for name, value in keys.items() if name not in own}
    return replace(make_requirement("ood", others), evaluation=ScoreComparison.build(**own))


def _bound_names(family: str) -> list[str]:
    return list(FAMILIES[family].thresholds)
