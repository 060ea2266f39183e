"""What is paid once stays paid: two workers that need the same, a worker that dies, a session that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.projects import write_squares

BLOCKS = [100, 500, 500]
"""Sizes of the blocks of 1,100 images."""

MODEL = '''
import os, signal, sys, time
from pathlib import Path

import torch

class Net(torch.nn.Module):
    """Answers the brightest quarter; notes how many images it was asked about, and dies where it is told to."""

    def forward(self, images):
        if len(images) >= 100:
            calls = vars(sys).setdefault("calls", [])  # out of sight: a model that changes what it names is not stored
            calls.append(len(images))
            if Path("die").exists() and len(calls) == 3:
                os.killpg(0, signal.SIGKILL)
            file = os.open("passes.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(file, f"{len(images)}\\n".encode())
            os.close(file)
            time.sleep(0.2)
        return 20 * torch.nn.functional.avg_pool2d(images, 4).flatten(1)
'''

TOGETHER = """
import os, time
from pathlib import Path

def wait_for_the_other():
    Path(f"ready-{os.environ['PYTEST_XDIST_WORKER']}").touch()
    ends = time.monotonic() + 60
    while len(list(Path().glob("ready-*"))) < 2 and time.monotonic() < ends:
        time.sleep(0.01)

@pytest.mark.accuracy(min_accuracy=0.5)
@pytest.mark.parametrize("number", [1, 2])
def test_it(number):
    wait_for_the_other()
"""


@pytest.fixture
def counted(project):
    """The project with a model that notes its passes, and 1,100 images: three blocks."""
    project.makepyfile(counting=MODEL)
    project.makeini("[pytest]\nrobustness_model = counting.py:Net\nrobustness_data = many.npz\n")
    write_squares(project.path / "many.npz", 1100)
    return project


def passes(project):
    """Return the sizes of the passes since the last look, sorted."""
    path = project.path / "passes.txt"
    sizes = sorted(map(int, path.read_text().split())) if path.exists() else []
    path.unlink(missing_ok=True)
    return sizes


def rows_of(project, name="card.json"):
    return json.loads((project.path / name).read_text())["rows"]


class TestTwoWorkers:
    def test_compute_once_and_show_one_table(self, counted, run_apart):
        result = run_apart(TOGETHER, "-n2", "--junit-xml=junit.xml", "--robustness-report=card.json")
        result.assert_outcomes(passed=2)
        assert result.ret == pytest.ExitCode.OK
        assert passes(counted) == BLOCKS
        assert result.stdout.str().count("= robustness scorecard =") == 1
        result.stdout.fnmatch_lines(["Net on many, 1,100 images, seed 0"])
        rows = rows_of(counted)
        assert sorted((row["test"][-3:], row["verdict"]) for row in rows) == [("[1]", "passed"), ("[2]", "passed")]
        assert sorted(row["cached"] for row in rows) == [False, True]
        assert len({(row["value"], row["low"], row["high"], row["forwards"]) for row in rows}) == 1

    def test_compute_apart_without_the_cache(self, counted, run_apart):
        run_apart(TOGETHER, "-n2", "--robustness-no-cache").assert_outcomes(passed=2)
        assert passes(counted) == sorted(2 * BLOCKS)
        assert not list((counted.path / ".pytest_cache").rglob("*.npz"))


def test_no_cache_neither_reads_nor_stores(counted, run):
    source = "@pytest.mark.accuracy(min_accuracy=0.5)\ndef test_it(): ...\n"
    for options, spent in (
        (["--robustness-no-cache"], BLOCKS),
        ([], BLOCKS),
        ([], []),
        (["--robustness-no-cache"], BLOCKS),
        (["-p", "no:cacheprovider"], BLOCKS),
        (["--cache-clear"], BLOCKS),
    ):
        run(source, *options).assert_outcomes(passed=1)
        assert passes(counted) == spent, options


CRASH = """
import os

@pytest.mark.accuracy(min_accuracy=0.5)
def test_before(): ...

def test_crash(robustness):
    assert robustness.calibration() <= 0.9
    os._exit({code})

@pytest.mark.accuracy(min_accuracy=0.5)
def test_between(): ...

def test_after(robustness):
    assert robustness.calibration() <= 0.9
"""


@pytest.mark.parametrize(("mode", "code"), [(["-n2"], 0), (["-n2", "--junit-xml=junit.xml"], 1)], ids=["xdist", "both"])
def test_a_worker_that_dies_loses_its_own_row_alone(counted, run_apart, mode, code):
    result = run_apart(CRASH.format(code=code), *mode, "--robustness-report=card.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=3, failed=1)
    assert result.stdout.str().count("= robustness scorecard =") == 1
    (lost,) = json.loads((counted.path / "card.json").read_text())["unevaluated"]
    assert "test_crash" in lost
    judged = sorted(row["test"].partition("::")[2] for row in rows_of(counted) if row["threshold"])
    assert judged == ["test_after", "test_before", "test_between"]
    # Not even the work of the lost row is lost.
    assert passes(counted) == sorted(2 * BLOCKS)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="this system has no groups of processes")
@pytest.mark.parametrize("mode", [[], ["-n2", "--junit-xml=junit.xml"]], ids=["plain", "both"])
def test_a_session_that_is_killed_is_taken_up_where_it_was(counted, mode):
    counted.makepyfile(test_model="import pytest\n@pytest.mark.accuracy(min_accuracy=0.5)\ndef test_it(): ...\n")
    command = [sys.executable, "-m", "pytest", *mode, "--robustness-report=card.json"]

    def session():
        return subprocess.run(
            command, cwd=counted.path, start_new_session=True, capture_output=True, text=True, check=False, timeout=300
        )

    (counted.path / "die").touch()
    killed = session()
    assert killed.returncode == -signal.SIGKILL, killed.stdout
    assert passes(counted) == [500, 500]
    (counted.path / "die").unlink()
    assert len(list((counted.path / ".pytest_cache").rglob("*.npz"))) == 2
    assert not (counted.path / "card.json").exists()

    resumed = session()
    assert resumed.returncode == 0, resumed.stdout
    assert len(passes(counted)) == 1
    (row,) = rows_of(counted)
    assert (row["n"], row["forwards"], row["verdict"]) == (1100, 1100, "passed")

    command.append("--robustness-no-cache")
    assert session().returncode == 0
    (afresh,) = rows_of(counted)
    assert (row["value"], row["low"], row["high"]) == (afresh["value"], afresh["low"], afresh["high"])
