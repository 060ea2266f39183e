"""What is looked up in the scorecards of the example models: one number with its interval."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from example_models.measuring import scorecard_file
from example_models.models import MODELS, digest_of_weights
from pytest_robustness import Scorecard
from pytest_robustness.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_robustness.scorecard.rows import Row

RADII = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)


@dataclass(frozen=True, slots=True)
class Cell:
    """A value with its 95 % interval; `doubtful` where the measurement says that it cannot be relied on."""

    value: float
    low: float
    high: float
    n: int
    doubtful: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it as built-in data, rounded to six decimals."""
        numbers = {name: round(getattr(self, name), 6) for name in ("value", "low", "high")}
        return {**numbers, "n": self.n, **({"doubtful": True} if self.doubtful else {})}


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of a scorecard, or a part of one.

    Parameters
    ----------
    family, metric : str
        As in the scorecard.
    parameters : mapping
        What tells the row from others of the family.
    part : str
        Name of a part; the row itself where it is empty.
    """

    family: str
    metric: str = "accuracy"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    part: str = ""

    def row(self, card: Scorecard) -> Row | None:
        """Return the row; None where the model has none."""
        found = (row for row in card.rows if (row.family, row.metric) == (self.family, self.metric))
        return next((row for row in found if self.parameters.items() <= row.parameters.items()), None)

    def cell(self, card: Scorecard) -> Cell | None:
        """Return the number; None where the model has none."""
        row = self.row(card)
        if row is None:
            return None
        if not self.part:
            return Cell(row.value, row.low, row.high, row.n, doubtful=bool(row.faults))
        part = next((part for part in row.parts if part.name == self.part), None)
        if part is None:
            raise ConfigurationError(
                f"{row.id} has no part {self.part}", got=card.models[0].name, mend=_measure([card.models[0].name])
            )
        examined = part is row.parts[-1]  # an attack is, at its largest radius
        return Cell(part.value, part.low, part.high, part.n, doubtful=bool(row.faults) and examined)


def percent(cell: Cell | None, decimals: int = 1) -> str:
    """Put a number and its interval in words, in percent: a dash where there is none, without interval if doubtful."""
    if cell is None:
        return "\N{EN DASH}"
    value, low, high = (f"{100 * number:.{decimals}f}" for number in (cell.value, cell.low, cell.high))
    return f"{value}?" if cell.doubtful else f"{value} [{low}, {high}]"


CLEAN = Figure("accuracy")
CORRUPTED = Figure("corruption")
WORST_CORRUPTED = Figure("corruption", "worst")


def curve(attack: str, eps: float) -> Figure:
    """Return the accuracy at one radius of a curve."""
    return Figure("adversarial", parameters={"attack": attack, "eps": list(RADII)}, part=f"eps={eps:g}")


def autoattack(eps: float) -> Figure:
    """Return the accuracy under AutoAttack."""
    return Figure("adversarial", parameters={"attack": "autoattack-fast", "eps": eps})


def corrupted(name: str) -> Figure:
    """Return the accuracy under one corruption."""
    return Figure("corruption", part=name)


def auroc(outliers: str, score: str = "msp") -> Figure:
    """Return how well a score tells outliers."""
    return Figure("ood", "auroc", {"outliers": outliers, "score": score})


@cache
def cards() -> dict[str, Scorecard]:
    """Return the scorecard of every model, by its name.

    Raises
    ------
    ConfigurationError
        Where there is none, or it was measured with other weights.
    """
    missing = [name for name in MODELS if not scorecard_file(name).exists()]
    if missing:
        raise ConfigurationError("there is no scorecard", got=missing, mend=_measure(missing))
    found = {name: Scorecard.read(scorecard_file(name)) for name in MODELS}
    stale = [name for name, card in found.items() if card.environment.get("weights") != digest_of_weights(name)]
    if stale:
        raise ConfigurationError("the scorecard is of other weights", got=stale, mend=_measure(stale))
    return found


def _measure(names: Sequence[str]) -> str:
    return f"Run python -m example_models.tradeoffs measure {' '.join(names)}."
