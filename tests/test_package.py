"""Public names are there, and loading them is left to their first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pytest_robustness


@pytest.mark.parametrize("name", pytest_robustness.__all__)
def test_public_names_can_be_had(name: str) -> None:
    assert getattr(pytest_robustness, name) is not None
    assert name in dir(pytest_robustness)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'load_clasifier'"):
        _ = pytest_robustness.load_clasifier


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, pytest_robustness; print(*{n.split('.')[0] for n in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "scipy", "sklearn", "pandas", "matplotlib", "hypothesis", "jinja2"} & set(loaded)
