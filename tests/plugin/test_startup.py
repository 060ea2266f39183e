"""Installed and unused, the plugin imports nothing heavy; `python -m benchmarks startup` has what that comes to."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
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


def test_without_the_plugin_a_suite_that_does_not_use_it_is_collected(pytester):
    pytester.makepyfile("def test_it(): ...")
    pytester.makepyprojecttoml("[tool.robustness]\nmodel = 'x.py:y'\n[[tool.robustness.require]]\nfamily = 'accuracy'")
    pytester.runpytest_subprocess("-p", "no:robustness").assert_outcomes(passed=1)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_a_gate_of_a_function_imports_neither_torch_nor_scikit_learn(pytester):
    pytester.makepyfile(
        models="""
            import numpy as np

            def predict(images):
                brightness = images.mean(axis=(1, 2, 3))
                return np.stack([brightness, 0.5 - brightness], axis=1)
        """,
        test_gate="""
            import pytest

            @pytest.mark.accuracy(min_accuracy=0.1)
            def test_markers(): ...

            def test_fixture(robustness):
                assert robustness.ood("uniform-noise") >= 0.0
        """,
    )
    pytester.makeconftest(
        """
        import sys

        def pytest_unconfigure():
            print("imported:", [name for name in ("torch", "sklearn", "pandas", "hypothesis") if name in sys.modules])
        """
    )
    np.savez(
        pytester.path / "data.npz",
        images=np.arange(60 * 64).reshape(60, 1, 8, 8).astype(np.uint8),
        labels=np.arange(60) % 2,
    )
    command = [*COMMAND, "-s", "--robustness-model=models.py:predict", "--robustness-data=data.npz"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    assert "imported: []" in result.stdout
