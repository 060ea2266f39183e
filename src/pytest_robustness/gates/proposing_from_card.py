"""From a scorecard to a table of requirements that one of its models meets."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.datasets.files import known_name
from pytest_robustness.errors import ConfigurationError, ParameterError, RobustnessError
from pytest_robustness.evaluations import FAMILIES, Measurement, make_requirement
from pytest_robustness.gates.proposal import Ignorance, propose
from pytest_robustness.gates.proposing import Proposals, ignorance_of, writable
from pytest_robustness.gates.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.rows import DataCard, ModelCard, Row


def propose_from_card(
    card: Scorecard, *, model: str | None = None, data: str | None = None, margin: float, every: bool = False
) -> Proposals:
    """Propose bounds from the rows of a scorecard.

    Parameters
    ----------
    card : Scorecard
    model : str, optional
        Name or source of the model; not needed where there is but one.
    data : str, optional
        Where the data is found that most rows are of; by default what it is called.
    margin, every
        See `propose`.

    Raises
    ------
    ConfigurationError
        Where there is no such model, or the data set has no name that it can be loaded by.
    """
    chosen = _model_of(card, model)
    rows = [row for row in card.rows if row.model == chosen.key and row.family in FAMILIES]
    if not rows:
        raise ConfigurationError("a scorecard without a row of the model", got=chosen.name)
    datasets = {one.key: one for one in card.datasets}
    (most, _), *_ = Counter(row.data for row in rows).most_common(1)
    main = datasets[most]
    (usual, _), *_ = Counter(row.confidence for row in rows).most_common(1)
    head = {
        "model": chosen.source or None,
        "data": data or _loadable(main),
        "n": _drawn(main),
        "seed": card.seed,
        "confidence": None if usual == Settings().confidence else usual,
    }
    found, left_out = [], []
    for members in _grouped(rows):
        first, measured = members[0], datasets[members[0].data]
        try:
            keys = _keys_of(first) | _other_data(measured, main)
            if first.confidence != usual:
                keys["confidence"] = first.confidence
        except RobustnessError as error:
            left_out.append(f"{first.id}: {error}")
            continue
        metrics = [_measurement(row, measured) for row in members]
        ignorance = _ignorance(rows, measured, chosen)
        found.append(propose(first.family, keys, metrics, ignorance=ignorance, margin=margin, every=every))
    return Proposals(head=head, proposals=tuple(found), left_out=tuple(left_out))


def _model_of(card: Scorecard, wanted: str | None) -> ModelCard:
    fitting = [one for one in card.models if wanted in (None, one.name, one.source)]
    if len(fitting) == 1:
        return fitting[0]
    names = [f"{one.name} ({one.source})" for one in card.models]
    if wanted is None:
        raise ConfigurationError("a scorecard of several models", got=names, mend="Say which: --model-name=NAME.")
    what = "several models of that name" if fitting else "no model of that name"
    raise ConfigurationError(f"{what} in the scorecard", got=wanted, allowed=names)


def _loadable(data: DataCard) -> str:
    try:
        known_name(data.name)
    except RobustnessError as error:
        raise ConfigurationError(
            "the scorecard does not say where its data is", got=data.name, mend="Give --data=PATH."
        ) from error
    return data.name


def _other_data(data: DataCard, main: DataCard) -> dict[str, Any]:
    """Return what a requirement must set where it was measured on other images than most."""
    if data is main:
        return {}
    name = {} if data.name == main.name else {"data": _loadable(data)}
    return {**name, "n": data.n}


def _drawn(data: DataCard) -> int | None:
    return None if data.n == data.population else data.n


def _grouped(rows: Sequence[Row]) -> list[list[Row]]:
    """Put the rows of one evaluation together, each metric once, the main one first."""
    groups: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in sorted(rows, key=lambda row: not row.headline):
        key = (row.family, row.data, repr(sorted(row.parameters.items())), repr(row.confidence))
        groups.setdefault(key, {}).setdefault(row.metric, row)
    order = {id(row): place for place, row in enumerate(rows)}
    members = [list(group.values()) for group in groups.values()]
    return sorted((group for group in members if group[0].headline), key=lambda group: order[id(group[0])])


def _keys_of(row: Row) -> dict[str, Any]:
    """Return the keys that make the evaluation of a row once more."""
    if " seed=" in row.id:
        raise ParameterError("it was measured under a seed of its own", got=row.id)
    keys = writable(row.parameters)
    again = make_requirement(row.family, keys).evaluation.parameters()
    if again != row.parameters:
        raise ParameterError("its parameters cannot be written as a table", got=row.parameters)
    return keys


def _measurement(row: Row, data: DataCard) -> Measurement:
    """Return what a row says as it was measured."""
    early = ("it was measured only in part",) if row.n < data.n else ()
    return Measurement(
        **{f.name: getattr(row, f.name) for f in dataclasses.fields(Measurement) if f.name in _SHARED},
        population=data.population or data.n,
        doubts=(*row.doubts, *early),
        noise_floor=float(row.details.get("null_band", {}).get("high") or 0.0),
    )


_SHARED = frozenset(
    {"family", "metric", "parameters", "value", "low", "high", "confidence", "n", "higher_is_better", "faults"}
)


def _ignorance(rows: Iterable[Row], data: DataCard, model: ModelCard) -> Ignorance:
    """Return what a model reaches that knows nothing, by the classes of the images where a row has them."""
    classes = model.num_classes
    for row in rows:
        if row.family == "accuracy" and row.data == data.key and "confusion" in row.details:
            return ignorance_of(np.sum(row.details["confusion"], axis=1))
    return Ignorance(share=1 / classes if classes else 0.0, classes=classes)
