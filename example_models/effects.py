"""What each training changes: a LeNet-5 beside the one that it differs from, property by property."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from example_models.claims import BASE, ERROR
from example_models.comparing import compare
from example_models.models import MODELS
from example_models.paired import hold_together, write_rounded

RESULTS = Path(__file__).with_name("effects.json")

PROPERTIES = {
    "clean": True,
    "AutoAttack 0.1": True,
    "MNIST-C": True,
    "AUROC, Fashion-MNIST": True,
    "AUROC, KMNIST": True,
    "ECE": False,
}
"""What is compared, and whether more of it is better."""


def pairs() -> dict[str, str]:
    """Return, for each variant of LeNet-5, the model beside which it stands: what it starts from, or the baseline."""
    names = [name for name in MODELS if name.startswith(BASE) and name != BASE]
    return {name: MODELS[name].starts_from or BASE for name in names}


def judge() -> Path:
    """Compare all pairs, and write what came of it; see `comparing.compare` for what is raised."""
    found = []
    for name, beside in pairs().items():
        for of in PROPERTIES:
            difference, _, _ = compare(of, name, beside)
            found.append({"model": name, "beside": beside, "of": of, **difference._asdict()})
    return write_rounded(RESULTS, judged(found))


def judged(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return comparisons with p-values that hold together, and ``better``, ``worse`` or ``unsure`` by these."""
    return [{**entry, "is": _word(entry)} for entry in hold_together(entries)]


def _word(entry: dict[str, Any]) -> str:
    if entry["p_holm"] > ERROR:
        return "unsure"
    return "better" if (entry["value"] > 0) == PROPERTIES[entry["of"]] else "worse"


def results() -> list[dict[str, Any]]:
    """Return what `judge` wrote."""
    return list(json.loads(RESULTS.read_text(encoding="utf-8")))


def sorted_out() -> dict[str, list[str]]:
    """Return the models by what became of them: all that changed is better, some is and some is worse, or all worse."""
    found: dict[str, list[str]] = {"better": [], "traded": [], "worse": [], "unsure": []}
    entries = results()
    for name in pairs():
        words = {entry["is"] for entry in entries if entry["model"] == name} - {"unsure"}
        found["traded" if len(words) == 2 else next(iter(words), "unsure")].append(name)
    return found
