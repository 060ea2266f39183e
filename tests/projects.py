"""What the small projects of the tests are made of: images that need milliseconds, and the model of the README."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

README_MODEL = """
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

def load():
    images, labels = load_digits(return_X_y=True)
    return MLPClassifier((64,), max_iter=40, random_state=0).fit((images / 16).astype("float32"), labels)
"""
"""What the pages call ``mypackage.models``; fitted to the digits that the examples evaluate it on."""


def write_squares(path: Path, n: int = 400, *, brightness: float = 0.52) -> None:
    """Write images, 8 x 8, of noise around 0.4 with one brighter quarter, whose number is the label."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, n)
    means = np.full((n, 2, 2), 0.4)
    means[np.arange(n), labels // 2, labels % 2] = brightness
    noisy = np.kron(means, np.ones((4, 4))) + rng.normal(0, 0.22, (n, 8, 8))
    np.savez(path, images=np.rint(noisy.clip(0, 1) * 255).astype(np.uint8)[:, None], labels=labels)


def write_readme_model(folder: Path) -> None:
    """Write ``mypackage/models.py`` into a folder."""
    (folder / "mypackage").mkdir()
    (folder / "mypackage" / "models.py").write_text(README_MODEL, encoding="utf-8")
