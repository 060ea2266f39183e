"""Surfaces that end early: through the option, the marker and a table; the verdict says so."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def rows(run, project):
    """Return a function that runs a marker and returns its rows with what became of the test."""

    def measured(marker, *options, passed=False):
        result = run(f"@pytest.mark.{marker}\ndef test_it(): ...", "--robustness-report=card.json", *options)
        result.assert_outcomes(passed=int(passed), failed=int(not passed))
        return json.loads((project.path / "card.json").read_text())["rows"], result

    return measured


@pytest.mark.parametrize("rule", ["certain", "0.001"])
def test_a_bad_point_ends_the_measurement(rows, rule):
    marker = "sensitivity(brightness=(-0.9, 0.9), gamma=None, points=9, min_worst=0.85)"
    all_rows, _ = rows(marker)
    (row,), result = rows(marker, f"--robustness-early-stop={rule}")
    assert len(all_rows) == 5
    assert (row["metric"], row["verdict"]) == ("worst", "failed")
    assert row["forwards"] < 0.8 * all_rows[0]["forwards"]
    assert row["n"] < 400
    assert "correct at brightness=" in row["reason"]
    assert ("certain" if rule == "certain" else "images: ") in row["reason"]
    result.stdout.fnmatch_lines(["*correct at brightness=*, by the first * images: *"])


def test_good_points_are_left(rows):
    marker = "sensitivity(brightness=(-0.05, 0.05), gamma=(0.9, 1.1), points=36, max_drop=0.5)"
    full, _ = rows(marker, passed=True)
    (row,), _ = rows(marker, "--robustness-early-stop=0.001", passed=True)
    assert row["metric"] == "max_drop"
    assert row["forwards"] < 0.5 * full[0]["forwards"]
    assert "a drop of at most 0." in row["reason"]
    assert "by a sequential test of error 0.001 over all points" in row["reason"]


def test_two_bounds_want_all(rows):
    marker = "sensitivity(points=16, min_worst=0.5, max_drop=0.4, early_stop=0.05)"
    found, _ = rows(marker, passed=True)
    assert len(found) == 5
