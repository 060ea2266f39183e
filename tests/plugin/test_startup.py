"""Installed and unused, the plugin costs next to nothing."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "scipy", "sklearn", "pandas", "matplotlib", "hypothesis", "jinja2", "adaptive", "tabulate",
         "pooch", "pytest_robustness.scorecard", "pytest_robustness.evaluations")  # fmt: skip

# hypothesis brings a plugin of its own, which imports hypothesis at the end of every run.
COMMAND = [sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", "-p", "no:cacheprovider"]


@pytest.mark.parametrize("options", [["-v"], ["-n1"], ["--markers"], ["--co"]], ids=" ".join)
def test_nothing_heavy_is_imported(pytester, options):
    pytester.makepyfile("def test_it(): ...")
    pytester.makeconftest(
        f"""
        import atexit, sys

        def tell():
            assert "pytest_robustness.plugin" in sys.modules
            print("imported:", [name for name in {HEAVY} if name in sys.modules], file=sys.__stderr__, flush=True)

        atexit.register(tell)
        """
    )
    result = subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    assert "imported: []" in result.stderr, result.stderr


def test_fifty_milliseconds_at_most(pytester):
    pytester.makepyfile("def test_it(): ...")

    def user_seconds(*options: str) -> float:
        before = os.times().children_user
        subprocess.run([*COMMAND, *options], capture_output=True, check=True)
        return os.times().children_user - before

    user_seconds()  # compiles what is not compiled yet
    added = [user_seconds() - user_seconds("-p", "no:robustness") for _ in range(7)]
    assert statistics.median(added) <= 0.05, added


def test_without_the_plugin_a_suite_that_does_not_use_it_is_collected(pytester):
    pytester.makepyfile("def test_it(): ...")
    pytester.makepyprojecttoml("[tool.robustness]\nmodel = 'x.py:y'\n[[tool.robustness.require]]\nfamily = 'accuracy'")
    pytester.runpytest_subprocess("-p", "no:robustness").assert_outcomes(passed=1)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
