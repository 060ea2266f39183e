"""The pages on attacks, measures and sensitivity: their tables agree with the code, their examples run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_robustness.attacks import ATTACKS
from pytest_robustness.attacks.ensembles import Ensemble
from pytest_robustness.attacks.sanity import CHECKS
from pytest_robustness.evaluations.families import FAMILIES
from pytest_robustness.metrics import SCORES
from pytest_robustness.saliency import SALIENCY
from pytest_robustness.saliency.registry import options_of
from pytest_robustness.transforms import MNIST_C
from pytest_robustness.transforms.common import COMMON
from pytest_robustness.transforms.parametric import PARAMETERS

PAGE = (Path(__file__).parent.parent / "docs" / "attacks.md").read_text(encoding="utf-8")
CHANGES = (Path(__file__).parent.parent / "docs" / "sensitivity.md").read_text(encoding="utf-8")
MEASURES = (Path(__file__).parent.parent / "docs" / "measures.md").read_text(encoding="utf-8")


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


def test_the_table_of_scores_says_what_the_scores_need() -> None:
    table = MEASURES.split("<!-- scores -->")[1].split("<!-- /scores -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    assert [row[0].strip("`") for row in rows] == list(SCORES)
    for name, needs, fitted_on, source in rows:
        score = SCORES[name.strip("`")]
        assert needs.replace("-", "_") == ", ".join(sorted(score.needs)), name
        assert fitted_on.replace("-", "_") == ", ".join(sorted(score.fits_on)), name
        assert source.split("]")[0].strip("[") in score.paper or source.split(",")[0].split()[0] in score.paper


def test_every_corruption_metric_and_threshold_is_listed() -> None:
    listed = MEASURES.split("<!-- corruptions -->")[1].split("<!-- /corruptions -->")[0].split("- `common`")
    assert re.findall(r"`(\w+)`", listed[0].split(":")[1]) == list(MNIST_C)
    assert re.findall(r"`(\w+)`", listed[1]) == list(COMMON)
    for family, title in (("corruption", "## Corruption"), ("ood", "## Unknown"), ("calibration", "## Calibration")):
        section = MEASURES.split(title)[1].split("\n## ")[0]
        for keyword, (metric, _) in FAMILIES[family].thresholds.items():
            assert f"`{keyword}`" in section, keyword
            assert f"`{metric}`" in section, metric


def test_every_transform_map_metric_and_threshold_is_listed() -> None:
    table = CHANGES.split("<!-- transforms -->")[1].split("<!-- /transforms -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    limits = {name: transform.parameters[name] for name, transform in PARAMETERS.items()}
    assert {name.strip("`"): float(identity) for name, _, _, identity in rows} == {
        name: limit.identity for name, limit in limits.items()
    }
    table = CHANGES.split("<!-- maps -->")[1].split("<!-- /maps -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    assert [row[0].strip("`") for row in rows] == list(SALIENCY)
    for name, needs, options, _ in rows:
        assert needs == SALIENCY[name.strip("`")].needs, name
        assert re.findall(r"`(\w+)`", options) == options_of(name.strip("`")), name
    for family, title in (("sensitivity", "## Sensitivity surfaces"), ("saliency", "## Saliency")):
        section = CHANGES.split(title)[1].split("\n## ")[0]
        for keyword, (metric, _) in FAMILIES[family].thresholds.items():
            assert f"`{keyword}`" in section, keyword
            assert f"`{metric}`" in section, metric


@pytest.mark.parametrize(("page", "tests"), [(PAGE, 3), (MEASURES, 2), (CHANGES, 6)])
def test_the_examples_run(tmp_path: Path, page: str, tests: int) -> None:
    (tmp_path / "mypackage").mkdir()
    readme = (Path(__file__).parent / "test_readme.py").read_text(encoding="utf-8")
    model = readme.split('MODEL = """')[1].split('"""')[0]
    (tmp_path / "mypackage" / "models.py").write_text(model, encoding="utf-8")
    for text in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--robustness-data=digits"]
    command += ["--robustness-model=mypackage.models:load"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "80"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{tests} passed" in done.stdout
