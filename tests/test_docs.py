"""The pages on attacks, measures, sensitivity, certificates: their tables agree with the code, their examples run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.flakiness import chance_of_flip
from pytest_robustness.attacks import ATTACKS
from pytest_robustness.attacks.ensembles import Ensemble
from pytest_robustness.attacks.sanity import CHECKS
from pytest_robustness.certificates import (
    DiscreteNoise,
    clopper_pearson_lower,
    l0_thresholds,
    plan_of_looks,
    samples_needed,
)
from pytest_robustness.cli import main
from pytest_robustness.evaluations.families import FAMILIES
from pytest_robustness.metrics import SCORES
from pytest_robustness.saliency import SALIENCY
from pytest_robustness.saliency.registry import options_of
from pytest_robustness.scorecard.suffixes import REPORT_SUFFIXES
from pytest_robustness.transforms import MNIST_C
from pytest_robustness.transforms.common import COMMON
from pytest_robustness.transforms.parametric import PARAMETERS
from tests.projects import write_readme_model

PAGE = (Path(__file__).parent.parent / "docs" / "attacks.md").read_text(encoding="utf-8")
OUTPUTS = (Path(__file__).parent.parent / "docs" / "outputs.md").read_text(encoding="utf-8")
CHANGES = (Path(__file__).parent.parent / "docs" / "sensitivity.md").read_text(encoding="utf-8")
CERTIFICATES = (Path(__file__).parent.parent / "docs" / "certification.md").read_text(encoding="utf-8")
BASELINES = (Path(__file__).parent.parent / "docs" / "baselines.md").read_text(encoding="utf-8")
PROPOSALS = (Path(__file__).parent.parent / "docs" / "proposals.md").read_text(encoding="utf-8")
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


def test_the_thresholds_of_certificates_are_those_of_the_code() -> None:
    table = CERTIFICATES.split("<!-- thresholds -->")[1].split("<!-- /thresholds -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    thresholds = l0_thresholds("0.8", 5)
    assert [int(row[0]) for row in rows] == list(range(6))
    for (_, threshold, decimal, draws, failures), exact in zip(rows, thresholds, strict=True):
        assert Fraction(threshold) == Fraction(decimal) == exact
        assert int(draws) == samples_needed(exact)
        successes = 100_000 - int(failures)
        assert clopper_pearson_lower(successes, 100_000) > exact
        assert clopper_pearson_lower(successes - 1, 100_000) <= exact


def test_what_so_many_draws_certify_is_said_as_it_is() -> None:
    words = " ".join(CERTIFICATES.split())
    for draws, radius in re.findall(
        r"([\d,]+|a million) (?:draws certify no image|none) beyond (?:radius )?(\d+)", words
    ):
        n = 10**6 if draws == "a million" else int(draws.replace(",", ""))
        assert DiscreteNoise("0.8").certified_radius(clopper_pearson_lower(n, n)) == int(radius)
    assert words.count(" beyond ") == 4
    plan = plan_of_looks(Fraction(127, 128), error=Fraction(1, 1000), n=100_000)
    assert plan is not None
    clear = next(draws for draws, most in zip(plan.looks, plan.most, strict=True) if most >= 0)
    assert f"({clear} draws where none fails at radius 3, some more than 881 " in words


def test_every_metric_and_threshold_of_certificates_is_listed() -> None:
    for keyword, (metric, _) in FAMILIES["certified"].thresholds.items():
        assert re.search(rf"^\| `{metric}` .* `{keyword}` \|$", CERTIFICATES, re.MULTILINE), keyword


def test_how_often_verdicts_flip_is_what_the_code_says() -> None:
    table = OUTPUTS.split("<!-- flips -->")[1].split("<!-- /flips -->")[0]
    rows = [[float(cell) for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    assert len(rows) == 8
    for value, *cells in rows:
        places = [(rule, value - side) for rule in ("verify", "regress") for side in (0.02, -0.02)]
        chances = [chance_of_flip(rule, bound=bound, value=value, n=1000) for rule, bound in places]
        assert cells == [round(1000 * chance, 2) for chance in chances]
    worst = max(chance_of_flip("verify", bound=value + 0.02, value=value, n=1000) for value in (0.45, 0.5, 0.565, 0.6))
    assert 6e-4 < worst < 7e-4


def test_the_commands_run(tmp_path: Path) -> None:
    write_readme_model(tmp_path)
    (block,) = re.findall(r"^```console\n(.*?)^```$", CERTIFICATES, re.MULTILINE | re.DOTALL)
    for line in block.splitlines():
        program, *arguments = shlex.split(line.removeprefix("$ "))
        assert program == "pytest-robustness"
        command = [sys.executable, "-m", "pytest_robustness.cli", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "certified accuracy" in done.stdout
    assert len((tmp_path / "certificates.tsv").read_text(encoding="utf-8").splitlines()) == 41
    assert (tmp_path / "certificates.png").stat().st_size > 10_000


@pytest.mark.parametrize(("page", "tests"), [(PAGE, 3), (MEASURES, 2), (CHANGES, 6), (CERTIFICATES, 4), (BASELINES, 2)])
def test_the_examples_run(tmp_path: Path, page: str, tests: int) -> None:
    write_readme_model(tmp_path)
    for text in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--robustness-data=digits"]
    command += ["--robustness-model=mypackage.models:load"]
    if page == BASELINES:
        command += ["--robustness-baseline=baseline.json"]
    for _ in range(1 + (page == BASELINES)):  # the second time there is something to compare with
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "80"}
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{tests} passed" in done.stdout


def test_what_is_proposed_is_met(tmp_path: Path) -> None:
    write_readme_model(tmp_path)

    def run(program: str, *arguments: str) -> str:
        module = {"pytest": "pytest", "pytest-robustness": "pytest_robustness.cli"}[program]
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    (block,) = re.findall(r"^```console\n(.*?)^```$", PROPOSALS, re.MULTILINE | re.DOTALL)
    for line in block.splitlines():
        run(*shlex.split(line.removeprefix("$ ")))
    written = (tmp_path / "requirements.toml").read_text(encoding="utf-8")
    found = tomllib.loads(written)["robustness"]
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", PROPOSALS, re.MULTILINE | re.DOTALL)
    first = tomllib.loads(shown)["robustness"]
    assert first["require"][0].pop("min_accuracy") == pytest.approx(found["require"][0].pop("min_accuracy"), abs=0.05)
    assert first == {**found, "require": found["require"][:1]}
    (text,) = re.findall(r"^```python\n(.*?)^```$", PROPOSALS, re.MULTILINE | re.DOTALL)
    (tmp_path / "test_models.py").write_text(text, encoding="utf-8")
    (tmp_path / "mypackage" / "requirements.toml").write_text(written, encoding="utf-8")
    assert f"{len(found['require'])} passed" in run("pytest", "test_models.py")


def test_the_table_of_reports_has_every_format() -> None:
    table = OUTPUTS.split("<!-- reports -->")[1].split("<!-- /reports -->")[0]
    assert tuple(re.findall(r"^\| `([^`]+)`", table, flags=re.MULTILINE)) == REPORT_SUFFIXES


def test_the_plan_on_the_page_is_what_the_command_says(capsys: pytest.CaptureFixture[str]) -> None:
    command, output = re.findall(r"^\$ pytest-robustness (plan .*)\n(.*)$", OUTPUTS, flags=re.MULTILINE)[0]
    assert main(command.split()) == 0
    assert capsys.readouterr().out.strip() == output
