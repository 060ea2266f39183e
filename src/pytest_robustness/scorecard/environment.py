"""What the measurements were made with: interpreter, platform, package versions, commit."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

_PACKAGES = ("pytest-robustness", "torch", "numpy", "scipy", "scikit-learn", "pytest")


def environment(root: Path | None = None) -> dict[str, str]:
    """Describe the environment as flat text, without importing any package and without starting any process.

    Parameters
    ----------
    root : path, optional
        Where the search for a git repository starts, upwards; the working directory by default.

    Returns
    -------
    dict of str
        ``python``, ``platform``, one key for each installed package of interest, and ``commit`` inside a repository.
    """
    found = {"python": platform.python_version(), "platform": platform.platform()}
    found |= {name: version for name in _PACKAGES if (version := _version(name))}
    commit = git_commit(root or Path.cwd())
    return found | ({"commit": commit} if commit else {})


def git_commit(root: Path) -> str:
    """Return the commit that the repository around `root` has checked out, or "" where there is none.

    Reads git's own files: starting a git process would take longer than writing the whole scorecard.
    """
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return _head(_git_folder(folder / ".git"))
    return ""


def has_changes(root: Path, *, besides: Path) -> bool:
    """Return whether files differ from the commit that is checked out, new ones included, but for one of them.

    Those that git ignores do not count. False where there is no repository, or no git to ask.
    """
    folder = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)
    if folder is None:
        return False
    command = ["git", "-C", str(folder), "status", "--porcelain", "-z", "--untracked-files=all"]
    try:
        found = subprocess.run(command, capture_output=True, check=True, timeout=10).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return False
    paths = [folder / os.fsdecode(entry[3:]) for entry in found.split(b"\0") if entry]
    return any(path.resolve() != besides.resolve() and "__pycache__" not in path.parts for path in paths)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _git_folder(entry: Path) -> Path:
    if entry.is_dir():
        return entry
    # A worktree or a submodule: a one-line file that points to the real folder.
    return entry.parent / _text(entry).removeprefix("gitdir:").strip()


def _head(folder: Path) -> str:
    head = _text(folder / "HEAD")
    if not head.startswith("ref:"):
        return head
    name = head.removeprefix("ref:").strip()
    common = folder / (_text(folder / "commondir") or ".")
    for place in (folder, common):
        if commit := _text(place / name):
            return commit
    packed = (line.split(" ", 1) for line in _text(common / "packed-refs").splitlines() if " " in line)
    return next((commit for commit, reference in packed if reference == name), "")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
