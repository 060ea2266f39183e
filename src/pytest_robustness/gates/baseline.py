"""The scorecard that a run is held against: how its rows are found, and what it says of a row."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pytest_robustness.errors import ConfigurationError, RobustnessError
from pytest_robustness.gates.drops import judge_drop, worse_of
from pytest_robustness.scorecard.card import Scorecard
from pytest_robustness.scorecard.checked import read_checked
from pytest_robustness.scorecard.comparison import compare_rows, is_sound, row_key
from pytest_robustness.scorecard.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pytest_robustness.evaluations import Measurement
    from pytest_robustness.gates.settings import Settings
    from pytest_robustness.scorecard.record import Payload


class Found(NamedTuple):
    """The row of a baseline that another is compared with, and whether it is of all data; or why there is none."""

    row: Row | None
    note: str = ""
    whole: bool = False


@dataclass(frozen=True, eq=False)
class Baseline:
    """A stored scorecard that rows are compared with.

    Parameters
    ----------
    path : Path
    card : Scorecard or None
        None where there is no such file yet: it is written at the end of the run.
    digest : str
        SHA-256 of the file.
    update : bool
        Whether the file is written anew at the end of the run, whatever it says now.
    shown : str
        How the path is shown.
    """

    path: Path
    card: Scorecard | None
    digest: str = ""
    update: bool = False
    shown: str = ""

    @classmethod
    def read(cls, path: Path, *, update: bool = False, shown: str = "") -> Self:
        """Read a baseline; a file that is not there is one that is still to be written.

        Raises
        ------
        ConfigurationError
            Where the file is not a scorecard, or damaged.
        """
        shown = shown or str(path)
        if not path.exists():
            return cls(path, None, update=update, shown=shown)
        try:
            card, digest = read_checked(path)
        except RobustnessError as error:
            raise ConfigurationError(f"the baseline {shown} cannot be used: {error}") from error
        return cls(path, card, digest, update, shown)

    @property
    def state(self) -> str:
        """``"written"`` where there was none, ``"updated"`` where it is replaced, else ``"compared"``."""
        return "written" if self.card is None else "updated" if self.update else "compared"

    @property
    def commit(self) -> str:
        """The commit that it was made at, "" where that is not known."""
        return "" if self.card is None else str(self.card.environment.get("commit", ""))

    @property
    def age(self) -> dt.timedelta | None:
        """How long ago it was made; None where that is not known."""
        try:
            made = None if self.card is None else dt.datetime.fromisoformat(self.card.created)
        except ValueError:
            return None
        return None if made is None or made.tzinfo is None else dt.datetime.now(dt.UTC) - made

    def to_dict(self, missing: Iterable[str] = ()) -> dict[str, Any]:
        """Return what a scorecard says of its baseline."""
        age = self.age
        return {
            "path": self.shown,
            "state": self.state,
            "digest": self.digest or None,
            "created": None if self.card is None else self.card.created,
            "commit": self.commit or None,
            "dirty": self.card is not None and bool(self.card.environment.get("dirty")),
            "age_days": None if age is None else round(age.total_seconds() / 86_400, 1),
            "missing": list(missing),
        }

    def attached(self, card: Scorecard, gone: Iterable[Row] = ()) -> Scorecard:
        """Return the scorecard of a run with what it was compared with, and the rows that no longer exist."""
        return dataclasses.replace(card, baseline=self.to_dict(label_of(row) for row in gone))

    def find(self, row: Row, *, model: str, data: str) -> Found:
        """Look for the row that measures the same on a data set of the same name.

        That of the same test, else that of the same model, else that of a model of the same name. Where that leaves
        several models, none can be told to be the one. Of several rows of a model, the one on the same images, of the
        same id or on the most images.

        Parameters
        ----------
        row : Row
        model, data : str
            Names of its model and its data.
        """
        if self.card is None:
            return Found(None)
        models = {card.key: card.name for card in self.card.models}
        datasets = {card.key: card for card in self.card.datasets}
        alike = [o for o in self.card.rows if row_key(o) == row_key(row) and datasets[o.data].name == data]
        tests = [other for other in alike if other.test == row.test]
        own = [other for other in tests or alike if other.model == row.model]
        near = own or tests or [other for other in alike if models[other.model] == model]
        if len({other.model for other in near}) > 1:
            return Found(None, "not in the baseline: ambiguous, for it has several models that this may have been")
        if not near:
            return Found(None, "not in the baseline")
        best = max(near, key=lambda other: (other.data == row.data, other.id == row.id, other.n))
        about = datasets[best.data]
        return Found(best, whole=best.n >= (about.population or about.n))

    def renewed(self, card: Scorecard, gone: Iterable[Row] = ()) -> Scorecard:
        """Return the scorecard to be written: the rows of a run, and those of before that it has not measured again.

        Rows that cannot be relied on are left out. What only people read, and what differs from run to run, is too, so
        that the file stays small and its differences mean something.

        Parameters
        ----------
        card : Scorecard
            Of the run.
        gone : iterable of Row
            Rows of before that are not kept.
        """
        left = {_place(row) for row in gone}
        kept = [] if self.card is None else [row for row in self.unmeasured(card) if _place(row) not in left]
        payloads = [] if self.card is None else _payloads(self.card, kept)
        payloads += _payloads(card, [_lean(row) for row in card.rows if is_sound(row)])
        return Scorecard.from_rows(payloads, seed=card.seed, created=card.created, environment=card.environment)

    def unmeasured(self, card: Scorecard) -> list[Row]:
        """Return the rows that a run has not measured again."""
        if self.card is None:
            return []
        names = {data.key: data.name for data in (*self.card.datasets, *card.datasets)}
        seen = {(row_key(row), names[row.data], test) for row in card.rows for test in (row.test, None)}
        # What nothing is asked of is not there where another row says the same.
        echoes = {(row.id, row.model, row.data) for row in card.rows}

        def is_seen(row: Row) -> bool:
            echo = row.verdict == "measured" and (row.id, row.model, row.data) in echoes
            return echo or (row_key(row), names[row.data], row.test) in seen

        return [row for row in self.card.rows if not is_seen(row)]


def baseline_for(settings: Settings, folder: Path, *, mend: str = "Give --baseline=PATH.") -> Baseline | None:
    """Return the baseline that settings ask for, seen from a folder; None where they ask for none.

    Raises
    ------
    ConfigurationError
        Where the file is no baseline, or a setting needs one that is not given.
    """
    if settings.baseline:
        return Baseline.read(folder / settings.baseline, update=settings.update_baseline, shown=settings.baseline)
    if settings.update_baseline:
        raise ConfigurationError("update_baseline needs a baseline", mend=mend)
    if settings.max_drop is not None and settings.baseline is None:
        raise ConfigurationError("max_drop needs a baseline", mend=mend)
    return None


def hold_against(
    payload: Payload, metric: Measurement, baseline: Baseline | None, settings: Settings, *, gated: bool
) -> Payload:
    """Return the payload of a row with its change from the baseline, and the verdict that both leave of it.

    Parameters
    ----------
    payload : dict
        Of `make_payload`, with the verdict of its own bound.
    metric : Measurement
        What the row was made from, with the interval that it is compared by: at the confidence of the run, even where
        the row is judged at a level that its verdict shares with others.
    baseline : Baseline or None
        None where there is none: nothing changes.
    settings : Settings
        ``max_drop``, ``verdict`` and ``strict`` count.
    gated : bool
        Whether anything is required of the metric; else the change is only shown.
    """
    if baseline is None or baseline.card is None:
        return payload
    row = Row.from_dict(payload["row"])
    seen = dataclasses.replace(row, low=metric.low, high=metric.high, confidence=metric.confidence)
    found = baseline.find(row, model=payload["model"]["name"], data=payload["data"]["name"])
    change = compare_rows(found.row, seen) if found.row is not None and is_sound(found.row) else None
    block = judge_drop(change, metric, settings, gated=gated and not baseline.update, found=found)
    block["bound_verdict"] = row.verdict
    decision, reason = row.verdict, row.reason
    if block["verdict"] != "measured":
        decision = worse_of(row.verdict, block["verdict"])
        # What decides comes first.
        reasons = [reason, block["reason"]] if decision == row.verdict else [block["reason"], _of_bound(row, settings)]
        reason = "; ".join(filter(None, reasons))
    changed = payload["row"] | {"baseline": block, "verdict": decision, "reason": reason}
    return {**payload, "row": changed}


def label_of(row: Row) -> str:
    """Name a row of a baseline in a message."""
    from pytest_robustness.scorecard.format import check_label

    return check_label(row) + (f" ({row.test})" if row.test else "")


def _of_bound(row: Row, settings: Settings) -> str:
    """Say what became of the bound of a row that the baseline decides on."""
    if row.threshold is None:
        return ""
    met = "is not shown to be missed" if settings.verdict == "regress" else "is met"
    state = met if row.verdict == "passed" else "is neither shown to be met nor to be missed"
    return f"{row.threshold.op} {row.threshold.bound:g} {state}"


def _place(row: Row) -> tuple[str | None, ...]:
    return row.id, row.test, row.model, row.data


def _lean(row: Row) -> Row:
    return dataclasses.replace(
        row, details={}, parts=(), warnings=(), reason="", seconds=0.0, cached=False, baseline=None
    )


def _payloads(card: Scorecard, rows: Iterable[Row]) -> list[Mapping[str, Any]]:
    models = {model.key: model.to_dict() for model in card.models}
    datasets = {data.key: data.to_dict() for data in card.datasets}
    return [{"row": row.to_dict(), "model": models[row.model], "data": datasets[row.data]} for row in rows]
