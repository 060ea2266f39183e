"""Pytest inside pytest: a small project with a model that needs milliseconds."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest

from tests.projects import write_squares

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A run inside this process takes back what it imports, which compiled modules do not survive: they are imported before.
for name in (
    *("adaptive", "jinja2", "matplotlib.figure", "pandas", "tabulate", "torch", "sklearn.datasets"),
    *("sklearn.linear_model", "sklearn.metrics", "scipy.interpolate", "scipy.ndimage", "scipy.spatial", "scipy.stats"),
    *("pytest_robustness.cli", "pytest_robustness.plugin.facade", "pytest_robustness.scorecard.renderers.html"),
):
    importlib.import_module(name)

MODELS = '''
import numpy as np

def predict(images):
    """Logits: how bright each quarter of an 8 x 8 image is."""
    quarters = np.asarray(images)[:, 0].reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4))
    return 20 * quarters.reshape(-1, 4)

def constant(images):
    """Always class 0, which a quarter of the images are."""
    return np.tile([9.0, 0.0, 0.0, 0.0], (len(images), 1))

def broken(images):
    raise OSError("no more GPU")
'''

NETS = '''
import torch

class Net(torch.nn.Module):
    """Like models.predict, with gradients."""

    def forward(self, images):
        return 20 * torch.nn.functional.avg_pool2d(images, 4).flatten(1)
'''

INI = """
[pytest]
robustness_model = models.py:predict
robustness_data = squares.npz
"""


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 images, 8 x 8, of noise with one brighter quarter, whose number is the label."""
    path = tmp_path_factory.mktemp("data") / "squares.npz"
    write_squares(path)
    return path


@pytest.fixture
def project(pytester: pytest.Pytester, squares: Path) -> pytest.Pytester:
    """A folder with a model, data, and the two named in pytest.ini."""
    pytester.makepyfile(models=MODELS, nets=NETS)
    pytester.makeini(INI)
    (pytester.path / "squares.npz").write_bytes(squares.read_bytes())
    return pytester


@pytest.fixture
def run(project: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Write a test file, or none, and run it in this process."""

    def write_and_run(source: str = "", *options: str) -> pytest.RunResult:
        if source:
            project.makepyfile(test_model="import pytest\n" + source)
        return project.runpytest(*options)

    return write_and_run


@pytest.fixture
def run_apart(project: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Write a test file, or none, and run it in a process of its own."""

    def write_and_run(source: str = "", *options: str) -> pytest.RunResult:
        if source:
            project.makepyfile(test_model="import pytest\n" + source)
        return project.runpytest_subprocess(*options)

    return write_and_run


@pytest.fixture
def tables() -> Callable[..., str]:
    """Write the text of a TOML file of requirement tables."""

    def write(*requirements: str, head: str = "", prefix: str = "tool.robustness") -> str:
        parts = [f"[[{prefix}.require]]\n{text}\n" for text in requirements]
        return "\n".join([f"[{prefix}]", head, *parts])

    return write
