"""A copy of an example model that a test may damage, and its gate run as a user would run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

EXAMPLE_MODELS = Path(__file__).parents[2] / "example_models"


@dataclass(frozen=True)
class Copy:
    """A folder of its own that holds the package `example_models` with one model."""

    root: Path
    name: str

    @property
    def weights(self) -> Path:
        """The file of weights."""
        return self.root / "example_models" / self.name / "weights.safetensors"

    def run_gate(self) -> tuple[int, list[dict[str, Any]]]:
        """Run pytest on the model's own tests; return its exit code and the rows of the scorecard."""
        gate = f"example_models/{self.name}/test_robustness.py"
        options = ["--robustness-data=mnist-5k", "--robustness-n=1000", "--robustness-report=card.json"]
        command = [sys.executable, "-m", "pytest", "--import-mode=importlib", "-q", "--rootdir=.", gate, *options]
        alone = {**os.environ, "OMP_NUM_THREADS": "1"}  # several threads are slower where other tests run beside
        done = subprocess.run(command, cwd=self.root, env=alone, check=False, capture_output=True, text=True)
        card = self.root / "card.json"
        assert card.is_file(), done.stdout + done.stderr
        return done.returncode, json.loads(card.read_text())["rows"]


@pytest.fixture
def copy_of(tmp_path: Path) -> Any:
    """Copy an example model by name."""

    def copy(name: str) -> Copy:
        package = tmp_path / "example_models"
        package.mkdir()
        for shared in EXAMPLE_MODELS.glob("*.py"):
            shutil.copy(shared, package)
        shutil.copytree(EXAMPLE_MODELS / name, package / name, ignore=shutil.ignore_patterns("__pycache__"))
        return Copy(tmp_path, name)

    return copy
