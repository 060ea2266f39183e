"""What is written can be read again, of every family; what is damaged is refused, and the row is named."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest
import torch

from pytest_robustness.errors import ConfigurationError
from pytest_robustness.evaluations import make_requirement
from pytest_robustness.gates.evaluators import Evaluators
from pytest_robustness.gates.settings import Settings
from pytest_robustness.gates.suite import run_requirement
from pytest_robustness.scorecard import Scorecard
from pytest_robustness.scorecard.checked import read_checked
from pytest_robustness.scorecard.comparison import compare_rows
from tests.scorecard.sample import make_card, make_row

if TYPE_CHECKING:
    from pathlib import Path

SUITE = {
    "accuracy": {},
    "adversarial": {"attack": "fgsm", "eps": [0.05, 0.1]},
    "corruption": {"suite": "mnist-c-generated", "corruptions": ["brightness", "stripe"]},
    "ood": {"outliers": "uniform-noise"},
    "calibration": {},
    "sensitivity": {"points": 9},
    "certified": {"norm": "l0", "radius": [0, 1], "noise_n": 50, "noise_n0": 5},
    "saliency": {},
}


@pytest.fixture(scope="module")
def card() -> Scorecard:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
    evaluators, settings = Evaluators(), Settings(data="mnist-5k", n=12)
    payloads = []
    for family, keys in SUITE.items():
        requirement = make_requirement(family, keys)
        payloads += run_requirement(requirement, evaluators, settings, model=model, data=settings.data)
    return Scorecard.from_rows(payloads, seed=0)


def test_all_families_are_read_again_and_have_not_changed(card, tmp_path):
    again, _ = read_checked(card.write(tmp_path / "card.json"))
    assert len(again.rows) == len(card.rows)
    assert {row.family for row in again.rows if row.outcomes} == set(SUITE) - {"ood", "calibration", "sensitivity"}
    for before, after in zip(again.rows, card.rows, strict=True):
        if after.value == after.value:
            assert compare_rows(before, after).unchanged
        if after.outcomes:
            change = compare_rows(dataclasses.replace(before, model="another"), after)
            assert change.paired
            assert change.value == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"confidence": "a"}, "confidence is 'a'"),
        ({"confidence": 2}, "confidence is 2"),
        ({"value": 7.0, "high": 8.0}, "accuracy is a share, not 7"),
        ({"low": 0.99, "high": 0.01}, "is not within"),
        ({"value": 0.5}, "is not within"),
        ({"parameters": ["eps"]}, "parameters is"),
        ({"n": True}, "n is True"),
        ({"higher_is_better": False}, "higher_is_better is False"),
        ({"model_fingerprint": "none"}, "of a model or of data that the scorecard does not have"),
    ],
)
def test_damaged_rows_are_named(tmp_path: Path, changes, message):
    document = make_card([make_row("accuracy", id="the row")]).to_dict()
    document["rows"][0] |= changes
    path = tmp_path / "card.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match="the row") as caught:
        read_checked(path)
    assert message in str(caught.value)


def test_a_row_that_is_there_twice(tmp_path: Path):
    document = make_card([make_row("accuracy", id="the row")]).to_dict()
    document["rows"] *= 2
    (tmp_path / "card.json").write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match=r"twice: got 'the row'"):
        read_checked(tmp_path / "card.json")


def test_the_realistic_card_is_sound(tmp_path: Path):
    assert read_checked(make_card().write(tmp_path / "card.json"))[0].rows
