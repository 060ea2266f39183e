"""Two models on the same images."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from example_models import comparing
from example_models.comparing import compare
from example_models.figures import CORRUPTED, auroc, autoattack, cards
from pytest_robustness import metrics
from pytest_robustness.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from example_models.figures import Figure


@pytest.mark.parametrize(
    ("of", "figure", "test"),
    [("AutoAttack 0.1", autoattack(0.1), "McNemar"), ("MNIST-C", CORRUPTED, "paired means, inverted")],
)
def test_a_difference_is_that_of_the_scorecards(of: str, figure: Figure, test: str) -> None:
    first, second = (figure.cell(cards()[name]) for name in ("lenet5_cutout", "lenet5"))
    assert first is not None
    assert second is not None
    found, by, doubtful = compare(of, "lenet5_cutout", "lenet5")
    assert found.value == pytest.approx(first.value - second.value)
    assert found.low < found.value < found.high
    assert (by, doubtful) == (test, False)


def test_a_model_is_no_better_than_itself() -> None:
    for of in ("AutoAttack 0.1", "MNIST-C", "clean"):
        found, _, _ = compare(of, "lenet5", "lenet5")
        assert (found.value, found.p) == (0, 1)


def test_a_margin_is_tested_by_an_interval() -> None:
    _, by, _ = compare("AutoAttack 0.1", "lenet5_pgd_01", "lenet5", beyond=0.5)
    assert by == "McNemar, inverted"


def test_what_rests_on_a_broken_attack_is_doubtful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(comparing.ACCURACIES, "AutoAttack 0.3", autoattack(0.3))
    found, _, doubtful = compare("AutoAttack 0.3", "lenet5_pgd_03", "lenet5")
    assert doubtful
    assert (found.low, found.high, found.p) == (-1, 1, 1)


def test_scorecards_of_other_images_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    row = autoattack(0.1).row(cards()["lenet5"])
    assert row is not None
    assert row.outcomes is not None
    other = dataclasses.replace(row, outcomes={**row.outcomes, "ids": "0" * 16})
    card = dataclasses.replace(cards()["lenet5"], rows=(other,))
    known = {**cards(), "lenet5": card}
    monkeypatch.setattr(comparing, "cards", lambda: known)
    with pytest.raises(ConfigurationError, match="other images"):
        compare("AutoAttack 0.1", "lenet5_cutout", "lenet5")
    with pytest.raises(ConfigurationError, match="not kept image by image"):
        compare("MNIST-C", "lenet5_cutout", "lenet5")


@pytest.mark.parametrize("outliers", ["fashion-mnist", "kmnist"])
def test_the_scores_are_those_of_the_scorecard(outliers: str, data_dir: Path) -> None:
    assert data_dir.is_dir()
    cell = auroc(outliers).cell(cards()["mlp_adam"])
    assert cell is not None
    assert metrics.auroc(*comparing._scores("mlp_adam", outliers)) == pytest.approx(cell.value, abs=1e-5)
