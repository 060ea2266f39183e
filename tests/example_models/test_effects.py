"""What each training changes."""

from __future__ import annotations

from typing import Any

import pytest

from example_models import effects
from example_models.comparing import compare
from example_models.figures import CLEAN, CORRUPTED, Figure, auroc, autoattack, cards
from example_models.models import MODELS

FIGURES = {
    "clean": CLEAN,
    "AutoAttack 0.1": autoattack(0.1),
    "MNIST-C": CORRUPTED,
    "AUROC, Fashion-MNIST": auroc("fashion-mnist"),
    "AUROC, KMNIST": auroc("kmnist"),
    "ECE": Figure("calibration", "ece"),
}


def test_every_variant_stands_beside_a_model() -> None:
    pairs = effects.pairs()
    assert set(pairs) == {name for name in MODELS if name.startswith("lenet5_")}
    assert pairs["lenet5_cutout"] == "lenet5"
    assert pairs["lenet5_pixmix_outlier_exposure"] == "lenet5_pixmix"
    assert [(e["model"], e["of"]) for e in effects.results()] == [(m, of) for m in pairs for of in effects.PROPERTIES]


def test_differences_are_those_of_the_scorecards() -> None:
    assert set(FIGURES) == set(effects.PROPERTIES)
    for entry in effects.results():
        first, second = (FIGURES[entry["of"]].cell(cards()[entry[who]]) for who in ("model", "beside"))
        assert first is not None
        assert second is not None
        assert entry["value"] == pytest.approx(first.value - second.value, abs=2e-5)


@pytest.mark.parametrize("of", ["clean", "AutoAttack 0.1", "MNIST-C"])
def test_p_values_follow_from_the_scorecards(of: str) -> None:
    for entry in effects.results():
        if entry["of"] == of:
            found, _, _ = compare(of, entry["model"], entry["beside"])
            assert entry["p"] == pytest.approx(found.p, rel=1e-4, abs=1e-12)


def test_marks_follow_from_the_p_values() -> None:
    for found, kept in zip(effects.judged(effects.results()), effects.results(), strict=True):
        assert found["is"] == kept["is"]
        assert found["p_holm"] == pytest.approx(kept["p_holm"], rel=1e-4, abs=1e-12)


@pytest.mark.parametrize(
    ("of", "value", "p", "word"),
    [
        ("clean", 0.1, 0.001, "better"),
        ("clean", -0.1, 0.001, "worse"),
        ("ECE", 0.1, 0.001, "worse"),
        ("ECE", -0.1, 0.001, "better"),
        ("ECE", -0.1, 0.03, "unsure"),  # alone it would do; there are two
    ],
)
def test_what_is_better(of: str, value: float, p: float, word: str) -> None:
    entries: list[dict[str, Any]] = [{"of": of, "value": value, "p": p}, {"of": "clean", "value": 0.0, "p": 1.0}]
    assert [entry["is"] for entry in effects.judged(entries)] == [word, "unsure"]


def test_every_variant_is_sorted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = effects.sorted_out()
    assert sorted(name for names in found.values() for name in names) == sorted(effects.pairs())
    words = {"lenet5_cutout": ["better", "worse"], "lenet5_mixup": ["worse", "unsure"], "lenet5_large": ["better"]}
    entries = [{"model": model, "is": word} for model, those in words.items() for word in those]
    monkeypatch.setattr(effects, "results", lambda: entries)
    found = effects.sorted_out()
    assert "lenet5_cutout" in found["traded"]
    assert "lenet5_mixup" in found["worse"]
    assert "lenet5_large" in found["better"]
    assert "lenet5_pgd_01" in found["unsure"]
