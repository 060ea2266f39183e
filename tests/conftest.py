"""What every test may use: the full data sets where they are, pytest inside pytest, quiet hypothesis settings."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# One thread for torch and the linear algebra of numpy, here and in every process that a test starts: the suite runs in
# several processes, and threads that wait for each other cost more than they bring on images this small.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Processes that a test starts leave the bytecode of what they import to those after them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(__file__).parents[1] / ".pytest_cache" / "bytecode"))

# Plugins that would take part in every pytest inside pytest; a test that is about one asks for it by ``-p``. That of
# hypothesis imports hypothesis at the end of a run, which takes longer than most of the runs here.
STRANGERS = "-p no:randomly -p no:rerunfailures -p no:timeout -p no:pytest_cov -p no:hypothesispytest"
os.environ.setdefault("PYTEST_ADDOPTS", STRANGERS)

pytest_plugins = ["pytester"]

hypothesis.settings.register_profile("robustness", deadline=None, max_examples=50, derandomize=True)
hypothesis.settings.load_profile("robustness")


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Pytest inside pytest, with this plugin, pytest-xdist and no other; pytest's own takes the variable away."""
    monkeypatch.setenv("PYTEST_ADDOPTS", STRANGERS)
    return pytester


@pytest.fixture(autouse=True)
def no_step_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the scorecards of these tests off the page of the job that runs them."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with the full data sets (MNIST, Fashion-MNIST, KMNIST, notMNIST, MNIST-C); skips where there is none."""
    folder = os.environ.get("PYTEST_ROBUSTNESS_DATA")
    if not folder or not (Path(folder) / "mnist").is_dir():
        pytest.skip("needs the full data sets: set PYTEST_ROBUSTNESS_DATA to a folder that holds them")
    return Path(folder)
