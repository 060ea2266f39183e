"""The recipes of docs/ci.md: they are YAML of the right form, and what they run does what the page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_robustness.scorecard import Scorecard
from tests.projects import README_MODEL, write_readme_model

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")

REQUIREMENTS = """
[tool.robustness]
model = "mypackage.models:load"
data = "digits"
n = 300
verdict = "regress"

[[tool.robustness.require]]
family = "accuracy"
min_accuracy = 0.9
"""

WORSE = """
import mypackage.good

def load():
    model = mypackage.good.load()
    model.coefs_[0][::2] = 0
    return model
"""


def recipe(name: str) -> Any:
    (block,) = re.findall(rf"<!-- {name} -->\n```yaml\n(.*?)```\n<!-- /{name} -->", PAGE, re.DOTALL)
    return yaml.safe_load(block)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the repository of a model."""
    write_readme_model(tmp_path)
    (tmp_path / "mypackage" / "good.py").write_text(README_MODEL, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(REQUIREMENTS, encoding="utf-8")
    (tmp_path / "programs").mkdir()
    for program, module in (("pytest", "pytest"), ("pytest-robustness", "pytest_robustness.cli")):
        file = tmp_path / "programs" / program
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n', encoding="utf-8")
        file.chmod(0o755)
    return tmp_path


def shell(script: str, project: Path, **variables: str) -> tuple[int, str]:
    """Run a script as a job does: stopped by the first command that fails."""
    path = f"{project / 'programs'}{os.pathsep}{os.environ['PATH']}"
    job = {"GITHUB_STEP_SUMMARY": str(project / "summary.md"), "CI": "true"}
    environment = {**os.environ, "PATH": path, **job, **variables}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def steps(job: Any) -> dict[str, str]:
    return {step["name"]: step["run"] for step in job["steps"] if "run" in step}


def worsen(project: Path) -> None:
    (project / "mypackage" / "models.py").write_text(WORSE, encoding="utf-8")


@pytest.mark.skipif(shutil.which("bash") is None, reason="the recipes are scripts for bash")
def test_the_gate_on_github(project: Path) -> None:
    job = recipe("github")["jobs"]["gate"]
    run = steps(job)
    alone = run["Gate of a pull request"].replace(" -n 2", "")  # what two workers do is tested elsewhere, and slow
    code, output = shell(alone, project)
    assert code == 1, output  # strict: there is no baseline yet
    (project / "baseline.json").unlink()

    code, output = shell(run["Gate of the main branch"], project)
    assert code == 0, output
    assert Scorecard.read(project / "baseline.json").rows[0].verdict == "passed"
    assert (project / "scorecard.html").is_file()
    assert (project / "junit.xml").is_file()
    code, output = shell(alone, project)
    assert code == 0, output

    worsen(project)
    code, output = shell(run["Gate of a pull request"], project)
    assert code == 1, output
    assert "since the baseline: shown to be more than 2 points worse" in output
    code, output = shell(run["What changed"], project)
    assert code == 0, output
    assert "accuracy" in (project / "delta.md").read_text(encoding="utf-8")
    assert (project / "summary.md").read_text(encoding="utf-8").count("## Robustness") == 4
    kept = [step["with"]["path"].split() for step in job["steps"] if "cache/" in step.get("uses", "")]
    assert kept == [[".pytest_cache/d/robustness", "baseline.json"]] * 2
    assert (project / kept[0][0]).is_dir()


@pytest.mark.skipif(shutil.which("bash") is None, reason="the recipes are scripts for bash")
def test_the_gate_on_gitlab(project: Path) -> None:
    job = recipe("gitlab")["robustness"]
    script = job["script"][0].replace(" -n 2", "")
    (after,) = job["after_script"]
    code, output = shell(script, project, CI_COMMIT_BRANCH="main", CI_DEFAULT_BRANCH="main")
    assert code == 0, output
    assert (project / job["artifacts"]["reports"]["metrics"]).is_file()
    assert (project / job["artifacts"]["reports"]["junit"]).is_file()
    assert shell(after, project)[0] == 0
    assert not (project / "delta.md").exists()

    (project / "served").mkdir()
    place = project / "served" / "projects" / "7" / "jobs" / "artifacts" / "main" / "raw"
    place.mkdir(parents=True)
    shutil.copy(project / "scorecard.json", place / "scorecard.json?job=robustness")
    worsen(project)
    if shutil.which("curl") is None:
        pytest.skip("curl is not here")
    request = {"CI_COMMIT_BRANCH": "", "CI_DEFAULT_BRANCH": "main", "CI_PROJECT_ID": "7", "CI_JOB_TOKEN": "secret"}
    address = (project / "served").as_uri()
    script = script.replace("?job=robustness", "%3Fjob=robustness")  # a file has no query
    code, output = shell(script, project, **request, CI_API_V4_URL=address)
    assert code == 1, output
    assert "since the baseline: shown to be more than 2 points worse" in output
    assert shell(after, project)[0] == 0
    assert "accuracy" in (project / "delta.md").read_text(encoding="utf-8")


def test_the_scorecard_of_the_night() -> None:
    command = steps(recipe("github-nightly")["jobs"]["scorecard"])["Full scorecard"]
    assert command.split() == [*recipe("gitlab")["scorecard"]["script"][1].split(), "scorecard.md"]
