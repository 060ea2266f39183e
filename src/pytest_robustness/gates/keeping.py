"""The end of a run with a baseline: what is said of it, and the file that is written where there is none."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_robustness.errors import RobustnessError
from pytest_robustness.gates.baseline import Baseline
from pytest_robustness.scorecard.changes import baseline_lines
from pytest_robustness.scorecard.comparison import is_sound
from pytest_robustness.scorecard.environment import has_changes

if TYPE_CHECKING:
    from collections.abc import Collection

    from filelock import FileLock

    from pytest_robustness.gates.settings import Settings
    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.rows import Row


class Kept(NamedTuple):
    """Lines to show, each with a colour, and how it went.

    ``"absent"``: there was no baseline, or rows of it are lost, which a strict run does not pass.
    ``"unwritten"``: it could not be written.
    """

    notes: list[tuple[str, str]]
    outcome: Literal["fine", "absent", "unwritten"] = "fine"


def keep_baseline(
    baseline: Baseline, card: Scorecard, gone: Collection[Row], *, finished: bool, whole: bool, strict: bool
) -> Kept:
    """Write the baseline where that is asked for or there is none, and say what there is to say of it.

    Parameters
    ----------
    baseline : Baseline
    card : Scorecard
        Of the run, with what it was compared with.
    gone : collection of Row
        Rows of the baseline that no longer exist.
    finished, whole : bool
        Whether the run came to its end, and whether it was of all that there is.
    strict : bool
        Whether a run without a baseline fails, and one that lost rows of it.
    """
    notes = [("yellow" if place else "cyan", line) for place, line in enumerate(baseline_lines(card))]
    if baseline.state == "compared":
        if gone and strict:
            mend = "--robustness-update-baseline accepts that"
            notes.append(("red", f"robustness: rows of the baseline are lost: a strict run fails; {mend}"))
            return Kept(notes, "absent")
        return Kept(notes)
    if not finished:
        notes.append(("red", f"robustness: the run was broken off, so {baseline.shown} is not written"))
        return Kept(notes)
    try:
        _write(baseline, card, gone)
    except (RobustnessError, OSError) as error:
        return Kept([*notes, ("red", f"robustness: {error}")], "unwritten")
    first = baseline.card is None
    why = "there was no baseline" if first else "the baseline is updated"
    notes.append(
        ("green", f"written: {baseline.shown}, {why}: {_counted(card)}{'' if whole else ', of a part of all'}")
    )
    if first and strict:
        notes.append(("red", "robustness: nothing was compared, for there was no baseline: a strict run fails"))
        return Kept(notes, "absent")
    return Kept(notes)


def measured_in_full(settings: Settings) -> list[tuple[str, str]]:
    """Return the line that says that nothing stops early beside a baseline, where that was asked for."""
    if not settings.baseline or settings.early_stop == "off":
        return []
    return [("cyan", f"robustness: early_stop = {settings.early_stop} is off, for a baseline wants all samples")]


def _write(baseline: Baseline, card: Scorecard, gone: Collection[Row]) -> None:
    """Write the baseline, with the rows that another run may have written since this one began."""
    root = Path.cwd()
    dirty = {"dirty": True} if "commit" in card.environment and has_changes(root, besides=baseline.path) else {}
    card = dataclasses.replace(card, environment=card.environment | dirty)
    with _lock(baseline.path):
        Baseline.read(baseline.path, shown=baseline.shown).renewed(card, gone).write(baseline.path)


def _lock(path: Path) -> FileLock:
    """Return the lock of a file: not beside it, where it would be committed with it."""
    from filelock import FileLock

    name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    user = os.getuid() if hasattr(os, "getuid") else ""
    return FileLock(Path(tempfile.gettempdir()) / f"pytest-robustness-{user}-{name}.lock")


def _counted(card: Scorecard) -> str:
    """Say how many rows are written, and which of them one should think twice about."""
    sound = [row for row in card.rows if is_sound(row)]
    counts = [(sum(row.verdict == name for row in sound), name) for name in ("failed", "inconclusive")]
    words = [f"{count} {name}" for count, name in counts if count]
    if faulty := len(card.rows) - len(sound):
        words.append(f"{faulty} left out, which cannot be relied on")
    return f"{len(sound):,} row{'' if len(sound) == 1 else 's'}" + (f" ({', '.join(words)})" if words else "")
