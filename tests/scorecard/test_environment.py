"""The environment: plain text, no imports, no processes."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_robustness.scorecard.environment import environment, git_commit

if TYPE_CHECKING:
    from pathlib import Path


def test_versions_are_those_that_are_installed(tmp_path: Path) -> None:
    found = environment(tmp_path)
    assert found["torch"] == importlib.metadata.version("torch")
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert all(type(item) is str for pair in found.items() for item in pair)


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    run = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return run.stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_is_the_one_git_names(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    inner = repository / "a" / "b"
    inner.mkdir(parents=True)
    _git(repository, "init", "-q", "-b", "topic/one")
    assert git_commit(inner) == ""
    _git(repository, "commit", "-q", "--allow-empty", "-m", "first")
    head = _git(repository, "rev-parse", "HEAD")
    assert git_commit(inner) == head
    assert environment(inner)["commit"] == head
    _git(repository, "pack-refs", "--all")
    assert git_commit(inner) == head
    _git(repository, "worktree", "add", "-q", "-b", "other", str(tmp_path / "tree"))
    assert git_commit(tmp_path / "tree") == head
    _git(repository, "checkout", "-q", "--detach")
    assert git_commit(inner) == head


IMPORTS = """
import sys
import pytest_robustness.scorecard
heavy = {"numpy", "torch", "pandas", "jinja2", "matplotlib", "tabulate", "scipy", "sklearn"}
print(sorted(heavy & set(sys.modules)))
"""


def test_importing_the_room_imports_nothing_heavy() -> None:
    run = subprocess.run([sys.executable, "-c", IMPORTS], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"
