"""What JUnit files are told: a property for each row, on its test, and the scorecard as a whole, on the suite.

All of it happens where the file is written, which is never a worker of pytest-xdist: the fixture of pytest for
properties of the suite does nothing there, and does not say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest
    from _pytest.junitxml import LogXML

    from pytest_robustness.scorecard import Scorecard

ROW_PROPERTY = "robustness:"
"""How the name of every property begins."""


def add_row_properties(config: pytest.Config, report: pytest.TestReport, rows: list[dict[str, Any]]) -> None:
    """Add a property for each row of a test to its last report, which the file takes them from.

    The name is ``robustness:`` and the id of the row; the value is ``value=... low=... high=... n=... bound=...
    verdict=...``.
    """
    if _log_of(config) is None:
        return
    for payload in rows:
        row = payload["row"]
        bound = row["threshold"]
        words = [f"{key}={row[key]:.10g}" for key in ("value", "low", "high")]
        words += [f"n={row['n']}"] + ([f"bound={bound['op']}{bound['bound']:.10g}"] if bound else [])
        words.append(f"verdict={row['verdict']}")
        report.user_properties.append((f"{ROW_PROPERTY}{row['id']}", " ".join(words)))


def add_suite_properties(config: pytest.Config, card: Scorecard) -> None:
    """Add the verdict, the counts, the seed, the models and the data of the session to the suite."""
    log = _log_of(config)
    if log is None:
        return
    log.add_global_property("robustness:verdict", card.verdict)
    for verdict, count in card.counts.items():
        log.add_global_property(f"robustness:{verdict}", count)
    log.add_global_property("robustness:unevaluated", len(card.unevaluated))
    log.add_global_property("robustness:seed", card.seed)
    for model in card.models:
        log.add_global_property("robustness:model", f"{model.name} {model.fingerprint}")
    for data in card.datasets:
        log.add_global_property("robustness:data", f"{data.name} {data.fingerprint} n={data.n}")


def drop_testcase(config: pytest.Config, report: pytest.TestReport) -> None:
    """Take out of the file what it has of a test so far: the test will be reported again."""
    log = _log_of(config)
    if log is None:
        return
    reporter = log.node_reporter(report)
    log.node_reporters_ordered[:] = [other for other in log.node_reporters_ordered if other is not reporter]


def _log_of(config: pytest.Config) -> LogXML | None:
    """Return what writes the JUnit file of this session; None where there is none, or pytest has it elsewhere now."""
    try:
        from _pytest.junitxml import xml_key
    except ImportError:
        return None
    return config.stash.get(xml_key, None)
