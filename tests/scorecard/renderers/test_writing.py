"""Reports on disk: the suffix decides, and a report is there whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_robustness.errors import ConfigurationError, ParameterError
from pytest_robustness.scorecard.renderers import writing
from tests.scorecard.sample import make_card

if TYPE_CHECKING:
    from pytest_robustness.scorecard import Scorecard


@pytest.mark.parametrize(
    ("suffix", "start"), [("json", "{"), ("md", "## "), ("HTML", "<!doctype html>"), ("csv", "model,")]
)
def test_the_suffix_picks_the_format(card: Scorecard, tmp_path: Path, suffix: str, start: str) -> None:
    path = card.write(tmp_path / "new" / "folder" / f"report.{suffix}")
    assert path.read_text(encoding="utf-8").lstrip().startswith(start)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["report.xml", "report", ".json"])
def test_an_unknown_suffix_lists_the_known_ones(card: Scorecard, tmp_path: Path, name: str) -> None:
    with pytest.raises(ParameterError, match=r"allowed: \.json, \.md, \.html, \.csv"):
        card.write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_older_report_stays_whole_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_card([]).write(tmp_path / "report.json")
    before = path.read_text()

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(ConfigurationError, match=r"report\.json.*No space left"):
        make_card().write(path)
    monkeypatch.undo()
    assert path.read_text() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_folder_in_the_way_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        make_card([]).write(tmp_path / "report.json")


def test_others_may_read_the_report(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    written = make_card([]).write(tmp_path / "report.json")
    assert written.stat().st_mode == plain.stat().st_mode


def test_the_format_can_be_asked_for_early() -> None:
    assert writing.report_format("a/b.MD") == ".md"
    with pytest.raises(ParameterError, match="unknown format"):
        writing.report_format("a/b.pdf")
