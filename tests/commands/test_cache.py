"""The command cache: how much is stored, how old it is, and removing it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from pytest_robustness.cli import main
from pytest_robustness.commands import cache as command
from pytest_robustness.commands.console import CACHE
from pytest_robustness.engine import Store
from pytest_robustness.evaluations import Outcome

DAY = 24 * 3600


def path_of(folder, number):
    key = f"{number:064x}"[::-1]
    return folder / key[:2] / f"{key}.npz"


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Four outcomes of about 100 kB, used now, 2 hours, 3 days and 30 days ago, where the commands look for them."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / CACHE
    store = Store(folder)
    for number, days in enumerate([0, 2 / 24, 3, 30]):
        random = np.random.default_rng(number).integers(0, 256, 99_500, dtype=np.uint8)
        store.put(path_of(folder, number).stem, Outcome({"x": random}))
        used = time.time() - days * DAY
        os.utime(path_of(folder, number), (used, used))
    return folder


@pytest.fixture
def told(capsys):
    """Run a command; return its exit code and what it said."""

    def run(*arguments):
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, (out + err).splitlines()

    return run


def left(folder):
    return [number for number in range(4) if path_of(folder, number).exists()]


@pytest.mark.parametrize("command", [["cache"], ["cache", "info"]], ids=" ".join)
def test_info(stored, told, command):
    code, lines = told(*command)
    assert code == 0
    assert lines[0] == f"{CACHE}: 4 outcomes, 400 kB of at most 1 GB"
    assert [line.split() for line in lines[1:]] == [
        ["last", "used", "in", "outcomes", "size"],
        ["--------------", "----------", "------"],
        ["the", "last", "hour", "1", "100", "kB"],
        ["the", "last", "day", "1", "100", "kB"],
        ["the", "last", "week", "1", "100", "kB"],
        ["longer", "ago", "1", "100", "kB"],
    ]


def test_info_of_a_running_session(stored, told):
    store = Store(stored)
    assert store.get(path_of(stored, 2).stem) is not None
    assert told("cache")[1][-1] == "1 running session(s), which may have used 1 of these"


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ([], [0, 1, 2, 3]),
        (["--size", "250k"], [0, 1]),
        (["--size=0"], []),
        (["--unused", "7"], [0, 1, 2]),
        (["--unused", "1", "--size", "1GB"], [0, 1]),
        (["--unused", "7", "--size", "0.15 MB"], [0]),
    ],
)
def test_prune(stored, told, options, kept):
    code, lines = told("cache", "prune", *options)
    assert code == 0
    gone = 4 - len(kept)
    assert lines == [f"removed: {gone} outcomes, {f'{gone}00 kB' if gone else '0 B'}"]
    assert left(stored) == kept


def test_clear_leaves_what_a_running_session_uses(stored, told):
    store = Store(stored)
    store.get(path_of(stored, 3).stem)
    assert told("cache", "clear") == (
        0,
        ["removed: 3 outcomes, 300 kB", "left: 1 outcomes that a running session uses"],
    )
    assert left(stored) == [3]


@pytest.mark.parametrize("order", ["before", "after"])
def test_another_folder(stored, told, tmp_path, monkeypatch, order):
    monkeypatch.chdir("/")
    place = ["--folder", str(stored)]
    command = ["cache", *place, "clear"] if order == "before" else ["cache", "clear", *place]
    assert told(*command) == (0, ["removed: 4 outcomes, 400 kB"])
    assert left(stored) == []


@pytest.mark.parametrize("action", ["info", "prune", "clear"])
class TestWhereNothingIsStored:
    def test_here(self, tmp_path, monkeypatch, told, action):
        monkeypatch.chdir(tmp_path)
        assert told("cache", action) == (0, [f"{CACHE}: nothing is stored"])
        assert not list(tmp_path.iterdir())

    def test_in_a_folder_of_something_else(self, tmp_path, told, action):
        code, lines = told("cache", action, "--folder", str(tmp_path))
        assert code == 2
        assert "not a folder of stored outcomes" in lines[0]
        assert "cache_dir" in lines[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "1Mx"], "not a size: '1Mx'"),
        (["--size", "-1"], "not a size: '-1'"),
        (["--unused", "-1"], "--unused is out of range"),
        (["--unused", "nan"], "--unused is out of range"),
    ],
)
def test_mistakes(stored, capsys, options, message):
    try:
        code = main(["cache", "prune", *options])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert message in capsys.readouterr().err
    assert left(stored) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_600, "1 MB"), (2_718_000, "2.72 MB"), (10**9, "1 GB")],
)
def test_sizes(size, text):
    assert command._size(size) == text


def test_it_is_quick(stored):
    program = "import sys; from pytest_robustness.cli import main; main(['cache']); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
