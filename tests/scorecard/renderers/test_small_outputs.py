"""The badge, the metrics of GitLab, the results for Hugging Face, and the page of a job on GitHub."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shlex
from typing import TYPE_CHECKING

import pytest

from pytest_robustness.errors import ConfigurationError, ParameterError
from pytest_robustness.gates.settings import Settings
from pytest_robustness.scorecard import Scorecard
from pytest_robustness.scorecard.renderers.github import append_summary
from pytest_robustness.scorecard.renderers.markdown import LIMIT
from pytest_robustness.scorecard.renderers.terminal import render_terminal
from pytest_robustness.scorecard.renderers.writing import FORMATS
from pytest_robustness.scorecard.suffixes import report_suffix
from tests.scorecard.sample import at_least, make_card, make_row

if TYPE_CHECKING:
    from pathlib import Path


def written(card, tmp_path: Path, name: str) -> str:
    return card.write(tmp_path / name).read_text(encoding="utf-8")


def rows_with(*verdicts: str):
    return [
        make_row(
            "accuracy", parameters={"i": i}, threshold=None if verdict == "measured" else at_least(0.5), verdict=verdict
        )
        for i, verdict in enumerate(verdicts)
    ]


@pytest.mark.parametrize(
    ("verdicts", "message", "color"),
    [
        (["passed", "passed", "measured"], "2 passed", "brightgreen"),
        (["passed", "failed", "inconclusive"], "1 failed of 3", "red"),
        (["passed", "inconclusive", "measured"], "1 inconclusive of 2", "yellow"),
        (["measured", "measured"], "2 measured", "blue"),
        ([], "0 measured", "blue"),
    ],
)
def test_badge(tmp_path, verdicts, message, color):
    # The schema of https://shields.io/badges/endpoint-badge: these three are required, and nothing else is needed.
    badge = json.loads(written(make_card(rows_with(*verdicts)), tmp_path, "robustness.badge.json"))
    assert badge == {"schemaVersion": 1, "label": "robustness", "message": message, "color": color}


def test_a_part_of_a_run_is_green_nowhere(tmp_path):
    part = make_card(rows_with("passed", "measured"), unevaluated=["a.py::test: pgd: no <gradient>", "a.py::b: killed"])
    assert part.verdict == "incomplete"
    badge = json.loads(written(part, tmp_path, "a.badge.json"))
    assert (badge["message"], badge["color"]) == ("2 not evaluated", "red")
    assert 'robustness_rows{verdict="unevaluated"} 2\n' in written(part, tmp_path, "a.metrics.txt")
    markdown = written(part, tmp_path, "a.md")
    assert "## Robustness: incomplete\n" in markdown
    assert ", 2 not evaluated" in markdown
    assert "- **could not evaluate** a.py::test: pgd: no &lt;gradient&gt;\n" in markdown
    assert Scorecard.read(part.write(tmp_path / "a.json")) == part
    page = written(part, tmp_path, "a.html")
    assert "<h1>2 not evaluated, 1 requirement judged</h1>" in page
    assert "no &lt;gradient&gt;" in page
    assert any("2 not evaluated" in line for line in render_terminal(part, width=200, verbosity=-1, color=False))
    assert make_card(rows_with("failed"), unevaluated=["x"]).verdict == "failed"
    assert make_card([], unevaluated=["x"]).verdict == "incomplete"


# A line of the text format of OpenMetrics 1.0: name, labels, value.
SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\} (NaN|[+-]Inf|-?[0-9.e+-]+)')


def samples_of(text: str) -> dict[tuple[str, str], str]:
    lines = text.splitlines()
    assert lines[-1] == "# EOF"
    assert text.endswith("\n")
    matches = [SAMPLE.fullmatch(line) for line in lines if not line.startswith("#")]
    assert all(matches)
    found = {(match[1], match[2]): match[3] for match in matches if match}
    assert len(found) == len(matches)  # no series twice
    return found


def test_gitlab_metrics(tmp_path):
    card = make_card()
    text = written(card, tmp_path, "metrics.metrics.txt")
    samples = samples_of(text)
    values = {labels: value for (name, labels), value in samples.items() if name == "robustness_value"}
    assert len(values) == len(card.rows)
    assert "NaN" in values.values()
    assert "+Inf" in values.values()
    assert samples["robustness_rows", 'verdict="failed"'] == str(card.counts["failed"])
    assert sum(name == "robustness_bound" for name, _ in samples) == sum(row.threshold is not None for row in card.rows)
    for name in ("value", "bound", "rows"):
        assert text.count(f"# TYPE robustness_{name} gauge\n") == 1
    assert not any("fingerprint" in labels for labels in values)  # else every commit would have series of its own


def test_gitlab_series_stay_apart_where_names_do_not(tmp_path):
    twins = make_card()
    one = twins.rows[0]
    models = tuple(dataclasses.replace(model, name="same") for model in twins.models)
    rows = tuple(dataclasses.replace(one, id='say "a\\b"\nc', model=model.key, test=None) for model in models)
    samples = samples_of(written(dataclasses.replace(twins, models=models, rows=rows), tmp_path, "a.metrics.txt"))
    labels = [labels for name, labels in samples if name == "robustness_value"]
    assert len(labels) == 2
    assert all('check="say \\"a\\\\b\\" c",model="same"' in text and "fingerprint=" in text for text in labels)


def test_gitlab_reads_every_line(tmp_path):
    """It takes a line for ``line.gsub(/#.*$/, '')`` and splits the rest as a shell does."""
    row = make_row("accuracy", parameters={"name": 'it\'s #1 "of" two'}, test="test_a.py::test[#1]")
    lines = written(make_card([row]), tmp_path, "a.metrics.txt").splitlines()
    for line in (line for line in lines if not line.startswith("#")):
        assert len(shlex.split(re.sub("#.*$", "", line))) == 2
        assert "#" not in line


def on_the_hub(rows):
    card = make_card(rows)
    return dataclasses.replace(card, datasets=tuple(dataclasses.replace(data, name="mnist") for data in card.datasets))


def test_huggingface_results(tmp_path):
    judged = make_row("accuracy", value=0.9, threshold=at_least(0.5), verdict="passed", test="a.py::test_a")
    again = dataclasses.replace(judged, test="a.py::test_b", n=500, value=0.8)
    measured = make_row("saliency", value=0.7)
    card = on_the_hub([again, judged, measured])
    (entry,) = parse_entries(written(card, tmp_path, "robustness.hf.yaml"))
    assert set(entry) == {"id", "task_id", "value", "date", "notes"}
    assert (entry["id"], entry["task_id"], entry["value"]) == ("ylecun/mnist", judged.id, 0.9)
    assert entry["date"] == card.created
    assert entry["notes"].endswith("; pytest-robustness")
    only_measured = on_the_hub([measured, dataclasses.replace(measured, id="nan", value=math.nan)])
    assert [entry["value"] for entry in parse_entries(written(only_measured, tmp_path, "a.hf.yaml"))] == [0.7]


def test_huggingface_leaves_out_what_the_hub_does_not_have(tmp_path):
    text = written(make_card([make_row("accuracy")]), tmp_path, "a.hf.yaml")
    assert parse_entries(text) == []
    assert "# Left out, for the Hub has no data set of that name: mnist-5k\n" in text
    assert parse_entries(written(make_card([]), tmp_path, "none.hf.yaml")) == []
    with pytest.raises(ParameterError, match=r"belong to one model.*lenet5.*run of its own"):
        make_card().write(tmp_path / "b.hf.yaml")


def parse_entries(text: str) -> list[dict]:
    """Read the one form of YAML that is written: a list of entries whose scalars are those of JSON."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    if lines == ["[]"]:
        return []
    entries: list[dict] = []
    for line in lines:
        if line == "- dataset:":
            entries.append({})
            continue
        match = re.fullmatch(r"( {4}(?:id|task_id)|  (?:value|date|notes)): (.+)", line)
        assert match, line
        entries[-1][match[1].strip()] = json.loads(match[2])
    return entries


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("card.json", ".json"),
        ("badge.json", ".json"),
        ("a.badge.json", ".badge.json"),
        (".badge.json", ".badge.json"),
        ("A.BADGE.JSON", ".badge.json"),
        ("a.metrics.txt", ".metrics.txt"),
        ("a.hf.yaml", ".hf.yaml"),
        (".json", None),
        ("a.txt", None),
        ("a.yaml", None),
        ("badge", None),
    ],
)
def test_the_end_of_the_name_picks_the_format(name, suffix):
    assert report_suffix(name) == suffix
    if suffix is None:
        with pytest.raises(ConfigurationError, match="unknown suffix of a report"):
            Settings(report=(name,))
    else:
        assert suffix in FORMATS
        assert Settings(report=(name,)).report == (name,)


def test_the_page_of_a_job_is_appended_to(tmp_path, monkeypatch):
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    assert append_summary(make_card()) is None
    assert append_summary(make_card()) is None
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n## Robustness: failed\n")
    assert text.count("## Robustness: failed\n") == 2


def test_a_long_page_is_cut_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    rows = [make_row("accuracy", parameters={"name": f"{'x' * 200}{i}"}) for i in range(500)]
    assert append_summary(make_card(rows)) is None
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert len(text.encode()) <= LIMIT + 1 < 65_536
    assert "_Cut to fit: " in text


def test_without_a_page_nothing_happens_and_a_locked_one_is_told(tmp_path, monkeypatch):
    assert append_summary(make_card()) is None
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    assert "cannot be written" in str(append_summary(make_card()))
