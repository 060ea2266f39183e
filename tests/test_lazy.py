"""Names of packages that are loaded on first use."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys

import pytest

PACKAGES = ["", ".classifiers", ".engine", ".evaluations", ".scorecard"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there_and_stays(package: str) -> None:
    module = importlib.import_module(f"pytest_robustness{package}")
    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        found = getattr(module, name)
        assert vars(module)[name] is found


@pytest.mark.parametrize("package", PACKAGES)
def test_other_names_are_not(package: str) -> None:
    module = importlib.import_module(f"pytest_robustness{package}")
    with pytest.raises(AttributeError, match=r"pytest_robustness.* has no attribute 'nothing'"):
        _ = module.nothing
    with pytest.raises(ImportError, match="nothing"):
        exec(f"from pytest_robustness{package} import nothing")


@pytest.mark.parametrize("package", PACKAGES)
def test_all_names_can_be_imported_at_once(package: str) -> None:
    names: dict[str, object] = {}
    exec(f"from pytest_robustness{package} import *", names)
    assert set(importlib.import_module(f"pytest_robustness{package}").__all__) <= set(names)


def test_evaluations_survive_a_pickle_that_is_read_elsewhere() -> None:
    from pytest_robustness.evaluations import FAMILIES

    made = [FAMILIES[name].evaluation.build() for name in ("accuracy", "calibration", "saliency")]
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer))"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(made), capture_output=True, check=True)
    assert done.stdout.decode().strip() == str(made)
