"""The scorecard of a run: every row, in an order that does not depend on the order of the run."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pytest_robustness.errors import ConfigurationError
from pytest_robustness.scorecard.builtin import finite, to_builtin
from pytest_robustness.scorecard.environment import environment as current_environment
from pytest_robustness.scorecard.rows import VERDICTS, DataCard, ModelCard, Row
from pytest_robustness.scorecard.schema import NAME, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

FAMILIES = ("accuracy", "adversarial", "corruption", "ood", "calibration", "sensitivity", "certified", "saliency")
"""Families in the order in which a scorecard shows them; an unknown one comes last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """Measurements and verdicts of a run, with the models, the data and the environment.

    Parameters
    ----------
    rows : tuple of Row
    models : tuple of ModelCard
    datasets : tuple of DataCard
    seed : int
    environment : dict of str
    created : str
        ISO 8601, with the offset from UTC.
    baseline : dict, optional
        What the rows were compared with, see `baseline.Baseline.to_dict`.
    unevaluated : tuple of str
        What was asked for and came to no row, each with its reason in one line: such a run is not complete.
    """

    rows: tuple[Row, ...]
    models: tuple[ModelCard, ...]
    datasets: tuple[DataCard, ...]
    seed: int
    environment: dict[str, Any]
    created: str
    baseline: dict[str, Any] | None = None
    unevaluated: tuple[str, ...] = ()

    @classmethod
    def from_rows(
        cls,
        payloads: Iterable[Mapping[str, Any]],
        *,
        seed: int,
        created: str | None = None,
        environment: Mapping[str, Any] | None = None,
        unevaluated: Iterable[str] = (),
    ) -> Self:
        """Collect what the tests, maybe of several processes, have recorded.

        Parameters
        ----------
        payloads : iterable of mapping
            ``{"row": Row.to_dict(), "model": ModelCard.to_dict(), "data": DataCard.to_dict()}``. The last payload of
            the same test, row id, model and data wins, so that a test that was run again counts once. What was only
            measured is left out where another row says the same.
        seed : int
        created : str, optional
            Now, in UTC, by default.
        environment : mapping, optional
            That of this process by default.
        unevaluated : iterable of str
            What came to no row, and why.
        """
        rows: dict[tuple[str | None, str, str, str], Row] = {}
        models: dict[str, ModelCard] = {}
        datasets: dict[str, DataCard] = {}
        for payload in payloads:
            model = ModelCard.from_dict(payload["model"])
            data = DataCard.from_dict(payload["data"])
            row = dataclasses.replace(Row.from_dict(payload["row"]), model=model.key, data=data.key)
            models.setdefault(model.key, model)
            datasets.setdefault(data.key, data)
            rows[row.test, row.id, row.model, row.data] = row
        ordered = sorted(rows.values(), key=lambda row: _place(row, models, datasets))
        return cls(
            rows=tuple(_without_echoes(ordered)),
            models=tuple(sorted(models.values(), key=lambda card: (card.name, card.key))),
            datasets=tuple(sorted(datasets.values(), key=lambda card: (card.name, card.key))),
            seed=seed,
            environment=dict(current_environment() if environment is None else environment),
            created=created or _now(),
            unevaluated=tuple(unevaluated),
        )

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows of each verdict, zeros included."""
        seen = Counter(row.verdict for row in self.rows)
        return {verdict: seen[verdict] for verdict in VERDICTS}

    @property
    def verdict(self) -> str:
        """The verdict of the whole: failed where any row failed, else inconclusive where any is, else passed.

        ``"incomplete"`` where nothing failed but something came to no row: a part of a run never passes.
        ``"measured"`` where nothing was judged, so that a card without a single threshold never counts as passed.
        """
        counts = self.counts
        if self.unevaluated and not counts["failed"]:
            return "incomplete"
        return next((name for name in ("failed", "inconclusive", "passed") if counts[name]), "measured")

    def blocks(self) -> list[tuple[ModelCard, DataCard, list[Row]]]:
        """Group the rows by model and data, in the order of the rows."""
        models = {card.key: card for card in self.models}
        datasets = {card.key: card for card in self.datasets}
        grouped: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            grouped.setdefault((row.model, row.data), []).append(row)
        return [(models[model], datasets[data], rows) for (model, data), rows in grouped.items()]

    def to_dict(self) -> dict[str, Any]:
        """Return the scorecard as JSON-ready built-in data (see `schema`); NaN and infinities become None."""
        blocks = self.blocks()
        rows = [_row_dict(row, model, data) for model, data, members in blocks for row in members]
        document = {
            "schema": NAME,
            "version": VERSION,
            "created": self.created,
            "model": blocks[0][0].to_dict() if blocks else None,
            "data": blocks[0][1].to_dict() if blocks else None,
            "seed": self.seed,
            "environment": to_builtin(self.environment),
            "rows": rows,
            "models": [card.to_dict() for card in self.models],
            "datasets": [card.to_dict() for card in self.datasets],
        }
        document |= {} if self.baseline is None else {"baseline": to_builtin(self.baseline)}
        document |= {"unevaluated": list(self.unevaluated)} if self.unevaluated else {}
        return {key: finite(value) for key, value in document.items()}

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Read a scorecard from `to_dict`.

        Raises
        ------
        ConfigurationError
            If it is not a scorecard, or of a version that this package does not know.
        """
        if mapping.get("schema") != NAME:
            raise ConfigurationError("not a scorecard", got=mapping.get("schema"), allowed=f'"schema": "{NAME}"')
        if mapping.get("version") != VERSION:
            raise ConfigurationError(
                "a scorecard of another version",
                got=mapping.get("version"),
                allowed=str(VERSION),
                mend="Write it again with this version of pytest-robustness, or read it with the one that wrote it.",
            )
        try:
            return cls(
                rows=tuple(Row.from_dict(row) for row in mapping["rows"]),
                models=tuple(ModelCard.from_dict(card) for card in mapping["models"]),
                datasets=tuple(DataCard.from_dict(card) for card in mapping["datasets"]),
                seed=mapping["seed"],
                environment=dict(mapping["environment"]),
                created=mapping["created"],
                baseline=mapping.get("baseline"),
                unevaluated=tuple(mapping.get("unevaluated", ())),
            )
        except KeyError as error:
            raise ConfigurationError(f"a scorecard without {error}", got=sorted(mapping)) from error

    def to_json(self) -> str:
        """Return the scorecard as strictly valid JSON text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a scorecard that was written as JSON.

        Raises
        ------
        ConfigurationError
            If the file cannot be read, is not JSON or not a scorecard.
        """
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(
                "a scorecard that cannot be read", got=str(path), mend=f"{error.strerror}."
            ) from error
        except ValueError as error:
            raise ConfigurationError("a scorecard that is not JSON", got=str(path), mend=f"{error}.") from error
        if not isinstance(document, dict):
            raise ConfigurationError("a scorecard that is not a JSON object", got=str(path))
        return cls.from_dict(document)

    def write(self, path: str | Path) -> Path:
        """Write the scorecard in the format of the suffix (.json, .md, .html or .csv); see `writing.write`."""
        from pytest_robustness.scorecard.renderers.writing import write

        return write(self, path)

    def to_dataframe(self) -> pd.DataFrame:
        """Return one line for each row as a `pandas.DataFrame`, with the columns of the CSV file."""
        import pandas as pd

        from pytest_robustness.scorecard.renderers.csv import COLUMNS, flat_rows

        return pd.DataFrame(flat_rows(self), columns=list(COLUMNS))


def _without_echoes(rows: list[Row]) -> list[Row]:
    """Drop the rows without a threshold that repeat another row: two tests may measure what a third one judges."""
    seen = {_content(row) for row in rows if row.threshold is not None}
    kept = []
    for row in rows:
        if row.threshold is None:
            if _content(row) in seen:
                continue
            seen.add(_content(row))
        kept.append(row)
    return kept


def _content(row: Row) -> tuple[str, str, str, str]:
    return row.id, row.model, row.data, repr((row.value, row.low, row.high))


def _row_dict(row: Row, model: ModelCard, data: DataCard) -> dict[str, Any]:
    plain = row.to_dict()
    headline, details = plain.pop("headline"), plain.pop("details")
    # Names for people; the keys beside them, since two models may share a name.
    plain |= {"model": model.name, "data": data.name, "headline": headline, "details": details}
    absent = [name for name in ("outcomes", "baseline") if plain[name] is None]
    return {k: v for k, v in plain.items() if k not in absent} | {
        "model_fingerprint": row.model,
        "data_key": row.data,
    }


def _place(row: Row, models: Mapping[str, ModelCard], datasets: Mapping[str, DataCard]) -> tuple[Any, ...]:
    """Order by model, data and family; the metrics of one evaluation stay together, its main one first."""
    family = FAMILIES.index(row.family) if row.family in FAMILIES else len(FAMILIES)
    return (
        (models[row.model].name, row.model),
        (datasets[row.data].name, row.data),
        (family, row.family),
        [_sortable(name, value) for name, value in sorted(row.parameters.items())],
        not row.headline,
        row.id,
        row.test or "",
    )


def _sortable(name: str, value: object) -> tuple[str, int, float, str]:
    """Numbers by size before everything else by text, so that eps 0.05 < 0.1 < 0.3 and nothing fails to compare."""
    if isinstance(value, int | float):
        return name, 0, float(value), ""
    return name, 1, 0.0, repr(value)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
