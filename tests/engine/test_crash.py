"""Real processes: one that is killed in the middle, and two that need the same evaluation."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

MODEL = """
import torch

class Net(torch.nn.Module):
    def forward(self, images):
        return 10 * images.flatten(1)[:, :4]
"""

WORKER = """
import json, os, signal, sys, time
from pathlib import Path
import numpy as np
from model import Net
from pytest_robustness.engine import Evaluator
from pytest_robustness.evaluations import Accuracy

cache, data, die_after, wait_for = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

def progress(p):
    if p.done == die_after:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.1 if wait_for else 0)

evaluator = Evaluator(Net(), data, cache=cache, progress=progress)
Path(cache, f"ready-{os.getpid()}").touch()
while len(list(Path(cache).glob("ready-*"))) < wait_for:
    time.sleep(0.01)
passes = evaluator.classifier.passes.snapshot()
found = evaluator.measure(Accuracy())
spent = evaluator.classifier.passes - passes
print(json.dumps({"value": found.value, "cached": found.cached, "spent": spent.forwards, "told": found.forwards}))
"""


@pytest.fixture
def start(tmp_path, dataset):
    """Return a function that starts a worker on 1,100 images in three blocks."""
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "worker.py").write_text(WORKER)
    np.savez(tmp_path / "data.npz", images=dataset.images, labels=dataset.labels)
    (tmp_path / "cache").mkdir()
    arguments = [sys.executable, "worker.py", str(tmp_path / "cache"), str(tmp_path / "data.npz")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def run(*, die_after: int = -1, wait_for: int = 0) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*arguments, str(die_after), str(wait_for)],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run


def answer(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill a process outright")
def test_a_killed_run_goes_on_where_it_was(start, tmp_path, dataset):
    killed = start(die_after=2)
    killed.communicate(timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 2
    resumed = answer(start())
    assert resumed["spent"] == 100
    assert (resumed["cached"], resumed["told"]) == (False, 1100)
    answers = dataset.images.reshape(1100, -1)[:, :4].argmax(axis=1)
    assert resumed["value"] == (answers == dataset.labels).mean()


def test_two_processes_compute_once(start):
    processes = [start(wait_for=2) for _ in range(2)]
    first, second = sorted((answer(process) for process in processes), key=lambda found: found["spent"])
    assert (first["spent"], second["spent"]) == (0, 1100)
    assert (first["cached"], second["cached"]) == (True, False)
    assert first["value"] == second["value"]
    assert first["told"] == second["told"] == 1100
