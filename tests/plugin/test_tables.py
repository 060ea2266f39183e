"""Tables of several models as the parameters of one test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_robustness import requirements
from pytest_robustness.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

GATE = """
from pathlib import Path
import pytest
from pytest_robustness import requirements

@pytest.mark.parametrize("robustness_model", requirements(*sorted(Path(__file__).parent.glob("*/requirements.toml"))))
def test_requirements(robustness): ...
"""

GOOD = """
[robustness]
model = "models.py:predict"
data = "squares.npz"
n = 200
seed = 1

[[robustness.require]]
family = "accuracy"
min_accuracy = 0.5

[[robustness.require]]
family = "corruption"
suite = "mnist-c-generated"
corruptions = ["brightness", "shot_noise"]
min_accuracy = 0.4
"""

BAD = GOOD.replace(":predict", ":constant")


def write(folder: Path, **tables: str) -> None:
    for name, text in tables.items():
        (folder / name).mkdir()
        (folder / name / "requirements.toml").write_text(text)


@pytest.fixture
def suite(project: pytest.Pytester) -> pytest.Pytester:
    """A project with the tables of two models and one test."""
    write(project.path, good=GOOD, bad=BAD)
    project.makepyfile(test_gate=GATE)
    return project


def test_each_requirement_of_each_model_is_a_test(suite: pytest.Pytester) -> None:
    done = suite.runpytest("-rA", "--robustness-report=card.json")
    done.assert_outcomes(passed=2, failed=2)
    done.stdout.fnmatch_lines_random(
        [
            "PASSED test_gate.py::test_requirements[[]good-accuracy[]]",
            "PASSED test_gate.py::test_requirements[[]good-corruption-mnist-c-generated-*=brightness,shot_noise[]]",
            "FAILED test_gate.py::test_requirements[[]bad-accuracy[]]*",
        ]
    )
    from pytest_robustness.scorecard import Scorecard

    card = Scorecard.read(suite.path / "card.json")
    assert {model.source for model in card.models} == {"models.py:predict", "models.py:constant"}
    assert {data.n for data in card.datasets} == {200}
    assert {row.verdict for row in card.rows if row.threshold} == {"passed", "failed"}


def test_one_model_is_chosen_by_its_folder(suite: pytest.Pytester) -> None:
    suite.runpytest("-k", "good").assert_outcomes(passed=2, deselected=2)


def test_verdicts_come_early(suite: pytest.Pytester) -> None:
    (suite.path / "good" / "requirements.toml").write_text(GOOD.replace("n = 200\n", ""))
    suite.runpytest("-k", "accuracy", "--robustness-early-stop=0.05", "--robustness-report=card.json")
    from pytest_robustness.scorecard import Scorecard

    rows = Scorecard.read(suite.path / "card.json").rows
    assert {row.verdict for row in rows} == {"passed", "failed"}
    assert any("sequential" in row.reason or row.n < 200 for row in rows)


def test_workers_share_the_tests(suite: pytest.Pytester) -> None:
    suite.runpytest_subprocess("-n", "2", "-k", "good").assert_outcomes(passed=2)


def test_the_settings_of_a_table_hold_for_its_own_requirements_only(tmp_path: Path) -> None:
    write(tmp_path, a=GOOD, b=GOOD.replace("seed = 1", "seed = 2").replace("suite", "n = 50\nsuite"))
    found = requirements(tmp_path / "a" / "requirements.toml", tmp_path / "b" / "requirements.toml")
    marks = [parameter.marks[0] for parameter in found]
    assert [mark.name for mark in marks] == ["accuracy", "corruption"] * 2
    assert [mark.kwargs["seed"] for mark in marks] == [1, 1, 2, 2]
    assert [mark.kwargs["n"] for mark in marks] == [200, 200, 200, 50]
    assert {parameter.values for parameter in found} == {("models.py:predict",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace('model = "models.py:predict"\n', ""), "must name a model"),
        (GOOD.partition("[[")[0], "must name a model and have requirements"),
        (GOOD.replace("seed = 1", 'device = "cuda"'), "unknown setting of a single requirement: got 'device'"),
        (GOOD.replace('"accuracy"', '"acuracy"'), "Did you mean 'accuracy'?"),
        ("[a", "is not TOML"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, a=text)
    with pytest.raises(ConfigurationError) as caught:
        requirements(tmp_path / "a" / "requirements.toml")
    assert message in str(caught.value)


def test_no_file_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="no table of requirements"):
        requirements()
