"""The command line as a whole."""

from __future__ import annotations

import subprocess
import sys


def test_help_is_quick_and_light():
    code = "import sys; from pytest_robustness.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([name for name in ('torch', 'numpy', 'sklearn') if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"
    assert "scorecard" in out
