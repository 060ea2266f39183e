"""Several scorecards side by side: what each model has, how much it differs from the first, and who wins what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_robustness.errors import ConfigurationError
from pytest_robustness.scorecard.card import FAMILIES
from pytest_robustness.scorecard.comparison import Change, Key, compare_rows, is_sound, row_key
from pytest_robustness.scorecard.format import check_label, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_robustness.scorecard.card import Scorecard
    from pytest_robustness.scorecard.rows import Row

    Column = dict[tuple[Key, str], dict[str, Row]]
    """What one model has: for each check on data of a name, the row on each draw of images from it."""

CONTROLS = frozenset({("saliency", "random"), ("saliency", "random_ink"), ("calibration", "brier_uncertainty")})
"""Families and metrics that say something about the data or the method, and nothing good or bad of a model."""

_NAMED = 3
"""Lines that a note names, of those that are left out."""

OPEN = "open"
"""The winner of a row where no model is shown to be better than all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One metric of all models.

    Parameters
    ----------
    row : Row
        Of the first model that has it, for its family, metric and parameters.
    data : str
        Name of the data.
    rows : tuple of Row or None
        Of each model; None where it was not measured.
    changes : tuple of Change or None
        From the first model to each; None for the first itself, and where either has no value.
    winner : str
        The model that is shown to be better than every other that has a value, or "open".
    label : str
        What was checked, with the number of images where that tells lines apart.
    """

    row: Row
    data: str
    rows: tuple[Row | None, ...]
    changes: tuple[Change | None, ...]
    winner: str
    label: str = ""

    @property
    def is_control(self) -> bool:
        """Whether no model can win or lose it."""
        return (self.row.family, self.row.metric) in CONTROLS

    @property
    def is_shared(self) -> bool:
        """Whether at least two models have it."""
        return sum(row is not None for row in self.rows) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Models beside each other, the first one the base.

    Parameters
    ----------
    models : tuple of str
        Their names, all different.
    lines : tuple of Line
    """

    models: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def shared(self) -> tuple[Line, ...]:
        """The lines that at least two models have."""
        return tuple(line for line in self.lines if line.is_shared)

    def left_out(self) -> str:
        """Say which lines only one model has; empty where there are none."""
        lone = [line for line in self.lines if not line.is_shared]
        if not lone:
            return ""
        owners = [next(name for name, row in zip(self.models, line.rows, strict=True) if row) for line in lone]
        named = [f"{line.label} ({owner})" for line, owner in zip(lone, owners, strict=True)][:_NAMED]
        more = ["..."] if len(lone) > _NAMED else []
        what = "row that only one model has is" if len(lone) == 1 else "rows that only one model has are"
        return f"{len(lone)} {what} left out: {'; '.join(named + more)}."

    def wins(self) -> dict[str, Counter[str]]:
        """Return for each family of shared lines how many each model wins, and how many are open."""
        found: dict[str, Counter[str]] = {}
        for line in self.shared:
            if line.is_control:
                continue
            found.setdefault(line.row.family, Counter())[line.winner] += 1
        return found

    def trade_offs(self) -> list[str]:
        """Say of each pair of models what one wins and the other loses: where each is shown better in some family."""
        texts = []
        for position, model in enumerate(self.models[1:], start=1):
            seen: dict[str, list[str]] = {"better": [], "worse": []}
            for line in self.lines:
                change = None if line.is_control else line.changes[position]
                if change is not None and change.decision in seen and line.row.family not in seen[change.decision]:
                    seen[change.decision].append(line.row.family)
            sides = [f"{word} in {', '.join(families)}" for word, families in seen.items() if families]
            verdict = " but ".join(sides) if sides else "not shown to be better or worse in anything"
            texts.append(f"{model} beside {self.models[0]}: {verdict}")
        return texts


def side_by_side(cards: Sequence[tuple[str, Scorecard]], *, every: bool = False) -> Sides:
    """Put the models of several scorecards beside each other.

    Rows belong together where family, metric, parameters and the images agree. Where a model has nothing on the same
    images, its rows on others of a data set of the same name stand in for them, the largest first. Where a card has a
    row several times, for several tests, one of them counts; they measure the same.

    Parameters
    ----------
    cards : sequence of (str, Scorecard)
        The name of the file of each, which tells models of the same name apart, and the card.
    every : bool
        Take every metric; by default the main one of each evaluation, and those that a card has a bound on.

    Raises
    ------
    ConfigurationError
        Where there are fewer than two models, or no two have a row in common.
    """
    models: list[tuple[str, str]] = []
    columns: list[Column] = []
    for file, card in cards:
        datasets = {data.key: one_line(data.name) for data in card.datasets}
        for model in card.models:
            column: Column = {}
            for row in card.rows:
                if row.model == model.key:
                    column.setdefault((row_key(row), datasets[row.data]), {}).setdefault(row.data, row)
            if column:
                models.append((one_line(model.name), one_line(Path(file).stem)))
                columns.append(column)
    if len(models) < 2:
        raise ConfigurationError("a comparison needs two models", got=[name for name, _ in models])
    names = _distinct(models)
    keys = sorted({key for column in columns for key in column}, key=lambda key: _place(columns, key))
    found = [(key, rows) for key in keys for rows in _matched([column.get(key, {}) for column in columns])]
    wanted = [(key, rows) for key, rows in found if every or any(_stands_out(row) for row in rows)]
    sides = Sides(models=names, lines=_labelled([_line(key, rows, names) for key, rows in wanted]))
    if not sides.shared:
        raise ConfigurationError("these scorecards have no row in common", got=", ".join(names))
    return sides


def _matched(columns: list[dict[str, Row]]) -> Iterator[list[Row | None]]:
    """Yield the lines of one check: rows on the same images together, then what is left, by its size."""
    owners = Counter(images for rows in columns for images in rows)
    shared = sorted((images for images, count in owners.items() if count > 1), key=_size, reverse=True)
    left = [
        [rows[images] for images in sorted(rows, key=_size, reverse=True) if images not in shared] for rows in columns
    ]
    for images in shared:
        yield [rows.get(images) or (rest.pop(0) if rest else None) for rows, rest in zip(columns, left, strict=True)]
    while any(left):
        yield [rest.pop(0) if rest else None for rest in left]


def _size(images: str) -> int:
    """Return the number of images of the key of data."""
    return int(images.rpartition(":")[2])


def _labelled(lines: list[Line]) -> tuple[Line, ...]:
    """Name the lines, with the number of images where the same was checked on several samples."""
    again = Counter((check_label(line.row), line.data) for line in lines)
    return tuple(
        replace(line, label=label + (f", n = {line.row.n:,}" if again[label, line.data] > 1 else ""))
        for line in lines
        for label in [check_label(line.row)]
    )


def _stands_out(row: Row | None) -> bool:
    return row is not None and (row.headline or row.threshold is not None)


def _line(key: tuple[Key, str], rows: list[Row | None], names: tuple[str, ...]) -> Line:
    first = next(row for row in rows if row is not None)
    changes = [None, *(_compared(rows[0], row) for row in rows[1:])]
    line = Line(row=first, data=key[1], rows=tuple(rows), changes=tuple(changes), winner=OPEN)
    return line if line.is_control else replace(line, winner=_winner(rows, names))


def _compared(before: Row | None, after: Row | None) -> Change | None:
    if before is None or after is None or not (is_sound(before) and is_sound(after)):
        return None
    return compare_rows(before, after)


def _winner(rows: list[Row | None], names: tuple[str, ...]) -> str:
    present = [(name, row) for name, row in zip(names, rows, strict=True) if row is not None and is_sound(row)]
    for name, row in present:
        others = [other for rival, other in present if rival != name]
        if others and all(compare_rows(other, row).decision == "better" for other in others):
            return name
    return OPEN


def _distinct(models: list[tuple[str, str]]) -> tuple[str, ...]:
    """Return a name for each model, with its file where two are called alike, and a number where they still are."""
    names = Counter(name for name, _ in models)
    long = [f"{name} ({file})" if names[name] > 1 else name for name, file in models]
    again: Counter[str] = Counter()
    found = []
    for name in long:
        again[name] += 1
        found.append(name if again[name] == 1 else f"{name} {again[name]}")
    return tuple(found)


def _place(columns: list[Column], key: tuple[Key, str]) -> tuple[object, ...]:
    """Order by data and family, then as the first card has them, headlines first among those of one evaluation."""
    for number, column in enumerate(columns):
        if key in column:
            row = next(iter(column[key].values()))
            family = FAMILIES.index(row.family) if row.family in FAMILIES else len(FAMILIES)
            return key[1], family, row.family, number, list(column).index(key)
    return key[1], len(FAMILIES), "", len(columns), 0
