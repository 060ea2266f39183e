"""What becomes of a claim, and that the results in the repository are those of the claims."""

from __future__ import annotations

from typing import Any

import pytest

from example_models import claims
from example_models.figures import Cell, Figure, auroc, cards, curve
from example_models.models import MODELS


def entry(claim: str, verdict: str) -> dict[str, Any]:
    return {"claim": claim, "verdict": verdict}


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        (["confirmed", "confirmed"], "confirmed"),
        (["confirmed", "undecided"], "undecided"),
        (["confirmed", "undecided", "refuted"], "refuted"),
    ],
)
def test_a_claim_is_as_good_as_its_worst_comparison(verdicts: list[str], whole: str) -> None:
    assert claims.of_claims([entry("it is so", verdict) for verdict in verdicts]) == {"it is so": whole}


def test_claims_are_told_apart() -> None:
    assert claims.of_claims([entry("a", "confirmed"), entry("b", "refuted")]) == {"a": "confirmed", "b": "refuted"}


@pytest.mark.parametrize(("sure", "too_few"), [(7, True), (3, False)])
def test_that_many_collapse_is_counted(sure: int, too_few: bool) -> None:
    cells = [Cell(0.2 if number < sure else 0.9, 0, 1, 1000) for number in range(10)]
    below, above = claims._at_least(cells, 5, "less"), claims._at_least(cells, 6, "greater")
    assert (below < 1e-6) == too_few
    assert (above < 1e-6) == (not too_few)


def test_nobody_has_collapsed_for_sure_at_a_half() -> None:
    cells = [Cell(0.5, 0, 1, 1000)] * 10
    assert claims._at_least(cells, 5, "less") == 1
    assert claims._at_least(cells, 6, "greater") == 1


def test_the_claims_are_of_models_that_there_are() -> None:
    assert set(claims.STUDY) <= set(MODELS)
    assert {name for line in claims.LINES for name in (line.first, line.second)} <= set(claims.STUDY)
    assert all(line.first != line.second for line in claims.LINES)


def test_there_is_a_result_of_every_claim() -> None:
    asked = [(line.claim, line.first, line.second, line.of) for line in claims.LINES]
    found = [(one["claim"], one["first"], one["second"], one["of"]) for one in claims.results()]
    assert found[: len(asked)] == asked
    assert [claim for claim, *_ in found[len(asked) :]] == list(claims.COLLAPSES.values())


def kept(line: claims.Line) -> dict[str, Any]:
    keys = ("claim", "first", "second", "of")
    return next(one for one in claims.results() if all(one[key] == getattr(line, key) for key in keys))


FROM_SCORECARDS = [line for line in claims.LINES if line.of in ("AutoAttack 0.1", "MNIST-C")]


@pytest.mark.parametrize("line", FROM_SCORECARDS, ids=lambda line: f"{line.first}-{line.second}-{line.of}")
def test_results_follow_from_the_scorecards(line: claims.Line) -> None:
    found = claims._compared(line)
    for name in ("value", "low", "high", "p"):
        assert kept(line)[name] == pytest.approx(found[name], rel=1e-4, abs=1e-9)
    for name in ("more", "beyond", "as_said", "doubtful", "test"):
        assert kept(line)[name] == found[name]


@pytest.mark.parametrize("name", claims.COLLAPSES)
def test_how_many_collapse_follows_from_the_scorecards(name: str) -> None:
    found = claims._collapse(name)
    result = next(one for one in claims.results() if one["claim"] == found["claim"])
    assert {key: result[key] for key in found if key != "p"} == {key: found[key] for key in found if key != "p"}
    assert result["p"] == pytest.approx(found["p"], rel=1e-4, abs=1e-12)


@pytest.mark.parametrize("of", ["AUROC", "ECE", "PGD 0.2"])
def test_differences_are_those_of_the_scorecards(of: str) -> None:
    figures = {"AUROC": auroc("fashion-mnist"), "ECE": Figure("calibration", "ece"), "PGD 0.2": curve("pgd", 0.2)}
    figure = figures[of]
    lines = [line for line in claims.LINES if line.of == of]
    assert lines
    for line in lines:
        first, second = (figure.cell(cards()[name]) for name in (line.first, line.second))
        assert first is not None
        assert second is not None
        close = 0.01 if of == "PGD 0.2" else 2e-5  # a curve starts each radius where the last one ended
        assert kept(line)["value"] == pytest.approx(first.value - second.value, abs=close)


def test_verdicts_follow_from_the_p_values() -> None:
    entries = claims.results()
    for found, result in zip(claims.judged(entries), entries, strict=True):
        assert found["verdict"] == result["verdict"]
        assert found["p_holm"] == pytest.approx(result["p_holm"], rel=1e-4, abs=1e-9)


@pytest.mark.parametrize(
    ("p", "as_said", "doubtful", "verdict"),
    [
        (0.001, True, False, "confirmed"),
        (0.001, False, False, "refuted"),
        (0.04, True, False, "undecided"),  # alone it would do; there are two
        (0.001, True, True, "undecided"),
    ],
)
def test_what_becomes_of_a_comparison(p: float, as_said: bool, doubtful: bool, verdict: str) -> None:
    one = {"p": p, "as_said": as_said, "doubtful": doubtful}
    other = {"p": 0.9, "as_said": True, "doubtful": False}
    assert [entry["verdict"] for entry in claims.judged([one, other])] == [verdict, "undecided"]
