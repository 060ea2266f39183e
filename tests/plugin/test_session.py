"""Rows wait with their test; a judged one is never lost to one that was only measured."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_robustness.plugin.session import drain, record


def payload(row: str, *, model: str = "m", data: str = "d", bound: float | None = None) -> dict:
    threshold = None if bound is None else {"op": ">=", "bound": bound}
    return {"row": {"id": row, "model": model, "data": data, "threshold": threshold}}


def test_record_and_drain():
    item = SimpleNamespace(stash=pytest.Stash())
    record(item, payload("a"))
    record(item, payload("a", bound=0.5))
    record(item, payload("a"))
    record(item, payload("a", model="other"))
    record(item, payload("a", data="other"))
    record(item, payload("b", bound=0.5))
    record(item, payload("b", bound=0.6))
    rows = [entry["row"] for entry in drain(item)]
    assert [(row["id"], row["model"], row["data"], row["threshold"]) for row in rows] == [
        ("a", "m", "d", {"op": ">=", "bound": 0.5}),
        ("a", "other", "d", None),
        ("a", "m", "other", None),
        ("b", "m", "d", {"op": ">=", "bound": 0.6}),
    ]
    assert drain(item) == []


def test_outcomes_are_stored_where_pytest_keeps_its_cache(run, project):
    source = "def test_it(robustness):\n    assert robustness.accuracy().cached is {}"
    conftest = "import pytest\n@pytest.fixture\ndef robustness_model():\n    from nets import Net\n    return Net()\n"
    project.makeconftest(conftest)
    run(source.format(False)).assert_outcomes(passed=1)
    assert list((project.path / ".pytest_cache" / "d" / "robustness").rglob("*"))
    run(source.format(True)).assert_outcomes(passed=1)
    run(source.format(False), "--robustness-no-cache").assert_outcomes(passed=1)
    run(source.format(False), "-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_a_cache_that_cannot_be_made_is_told_not_fatal(run, project):
    (project.path / ".pytest_cache").mkdir()
    (project.path / ".pytest_cache" / "d").touch()
    result = run("def test_it(robustness):\n    robustness.accuracy()", "-W", "default")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*PytestCacheWarning: outcomes are not stored: *"])
