"""The page on attacks: its tables agree with the code, its example runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from pytest_robustness.attacks import ATTACKS
from pytest_robustness.attacks.ensembles import Ensemble
from pytest_robustness.attacks.sanity import CHECKS

PAGE = (Path(__file__).parent.parent / "docs" / "attacks.md").read_text(encoding="utf-8")


def test_the_table_of_attacks_says_what_the_attacks_are() -> None:
    table = PAGE.split("<!-- attacks -->")[1].split("<!-- /attacks -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    assert [row[0].strip("`") for row in rows] == list(ATTACKS)
    for name, needs, norms, targeted, curve, _ in rows:
        attack = ATTACKS[name.strip("`")]
        assert needs == ("what there is" if issubclass(attack, Ensemble) else attack.needs), name
        assert norms.split(":")[0] == ", ".join(getattr(attack, "norms", ["none"])), name
        assert (targeted == "yes") == attack.targetable, name
        assert (curve == "yes") == attack.minimal, name


def test_every_check_is_explained() -> None:
    table = PAGE.split("| check | fails where |")[1].split("\n\n")[0]
    assert set(re.findall(r"`([a-z]+)`", table)) == set(CHECKS)


def test_the_example_runs(tmp_path: Path) -> None:
    (tmp_path / "mypackage").mkdir()
    readme = (Path(__file__).parent / "test_readme.py").read_text(encoding="utf-8")
    model = readme.split('MODEL = """')[1].split('"""')[0]
    (tmp_path / "mypackage" / "models.py").write_text(model, encoding="utf-8")
    for text in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--robustness-data=digits"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "80"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
