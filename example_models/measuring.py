"""The scorecard of an example model, which the table is made of, and the requirements that its gate holds it to."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from example_models.models import MODELS, digest_of_weights, source
from pytest_robustness import Scorecard
from pytest_robustness.commands.console import ProgressBar, cache_folder
from pytest_robustness.errors import CapabilityError
from pytest_robustness.gates.evaluators import Evaluators
from pytest_robustness.gates.proposal import MARGIN
from pytest_robustness.gates.proposing import propose_measured
from pytest_robustness.gates.settings import Settings, read_tables
from pytest_robustness.gates.suite import requirements_from_tables, run_requirement
from pytest_robustness.scorecard.environment import environment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_robustness.scorecard.rows import Row

FOLDER = Path(__file__).parent
MEASURES = FOLDER / "measures.toml"
GATE = FOLDER / "gate.toml"

EARLY_STOP = 0.001
"""Error of the sequential tests by which the gates end early."""

KEPT = {
    "accuracy": {"accuracy"},
    "adversarial": {"accuracy"},
    "corruption": {"accuracy", "worst"},
    "ood": {"auroc"},
    "calibration": {"ece", "rms", "brier"},
    "sensitivity": {"mean", "worst", "area"},
    "certified": {"accuracy", "mean_radius", "median_radius"},
    "saliency": {"accuracy", "random", "random_ink", "excess_drop"},
}
"""Metrics that are kept of each family."""

_WITH_PARTS = {"corruption.accuracy", "sensitivity.mean", "certified.accuracy"}


def scorecard_file(name: str) -> Path:
    """Return where the scorecard of a model is."""
    return FOLDER / name / "scorecard.json"


def requirements_file(name: str) -> Path:
    """Return where the requirements of a model are."""
    return FOLDER / name / "requirements.toml"


def scorecard(name: str, tables: Iterable[dict[str, Any]], settings: Settings, *, quiet: bool = False) -> Scorecard:
    """Measure a model and return what is kept of it; what the model cannot do stands in the environment.

    Parameters
    ----------
    name : str
        A name of `MODELS`.
    tables : iterable of dict
        Requirements, whose bounds are of no account.
    settings : Settings
        Of the run.
    quiet : bool
        No progress.
    """
    progress = ProgressBar(quiet=quiet)
    evaluators = Evaluators(cache=cache_folder() if settings.cache else None, progress=progress)
    payloads, left_out = [], {}
    for requirement in requirements_from_tables(_fitting(name, tables)):
        progress.title = f"{name} {requirement.evaluation.family}"
        try:
            payloads += run_requirement(requirement, evaluators, settings, model=source(name), data=settings.data)
        except CapabilityError as error:
            left_out[f"{requirement.evaluation.family} {requirement.evaluation.parameters()}"] = str(error)
        progress.end()
    # Neither the machine nor the commit, which a file that is part of a commit cannot know.
    about = {key: value for key, value in environment().items() if key not in {"platform", "commit"}}
    about |= {"weights": digest_of_weights(name), **({"left_out": left_out} if left_out else {})}
    card: Scorecard = Scorecard.from_rows(payloads, seed=settings.seed, environment=about)
    return dataclasses.replace(card, rows=tuple(_lean(row) for row in card.rows if row.metric in KEPT[row.family]))


def measure(name: str) -> Path:
    """Write the scorecard of a model, and say how it agrees with the one that was there."""
    head, tables = read_tables(MEASURES)
    found = scorecard(name, tables, Settings().replaced(head))
    path = scorecard_file(name)
    if path.exists():
        sys.stdout.write(f"{name}: {agreement(Scorecard.read(path), found)}\n")
    return found.write(path)


def agreement(before: Scorecard, after: Scorecard) -> str:
    """Say how many rows have the value of another scorecard, or lie in its intervals, and which do not or are gone."""
    known = {row.id: row for row in before.rows}
    pairs = [(known[row.id], row) for row in after.rows if row.id in known]
    outside = [row.id for old, row in pairs if not old.low <= row.value <= old.high]
    same = sum(old.value == row.value for old, row in pairs)
    inside = len(pairs) - same - len(outside)
    text = f"of {len(pairs)} rows {same} are as before, {inside} others inside their intervals"
    text = f"{text}, outside: {', '.join(outside) or 'none'}"
    gone = known.keys() - {row.id for row in after.rows}
    return f"{text}, no longer there: {', '.join(sorted(gone))}" if gone else text


def propose(name: str) -> Path:
    """Write the requirements of a model, by what ``pytest-robustness propose`` does."""
    head, tables = read_tables(GATE)
    settings = Settings().replaced({**head, "model": source(name)})
    progress = ProgressBar(quiet=False)
    evaluators = Evaluators(cache=cache_folder(), progress=progress)

    def start(title: str) -> None:
        progress.title = f"{name} {title}"

    found = propose_measured(
        _fitting(name, tables), evaluators, settings, margin=MARGIN, on_start=start, on_end=progress.end
    )
    found = dataclasses.replace(found, head={**found.head, "early_stop": EARLY_STOP})
    about = [
        f"Requirements of {name}: {MODELS[name].about}.",
        f"Written by python -m example_models.tradeoffs propose {name}, see docs/proposals.md.",
    ]
    path = requirements_file(name)
    path.write_text(found.to_toml(about), encoding="utf-8", newline="\n")
    return path


def _fitting(name: str, tables: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave certificates to the model that is trained for them: of any other they would be empty, after hours."""
    smoothed = MODELS[name].study == "smoothing"
    return [table for table in tables if smoothed or table["family"] != "certified"]


def _lean(row: Row) -> Row:
    """Leave out what the table has no use for: pictures, classes, the sentences of a verdict."""
    curve = row.family == "adversarial" and isinstance(row.parameters.get("eps"), list)
    parts = row.parts if curve or f"{row.family}.{row.metric}" in _WITH_PARTS else ()
    warnings = tuple(text for text in row.warnings if text in row.faults)
    return dataclasses.replace(row, details={}, parts=parts, warnings=warnings, reason="", cached=False)
