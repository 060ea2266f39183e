"""Anomaly scores beside each other as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_robustness.errors import ParameterError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd

    from pytest_robustness.evaluations.measurement import Measurement

_COLUMNS = {
    "auroc": "AUROC",
    "near_auroc": "near AUROC",
    "far_auroc": "far AUROC",
    "worst_auroc": "worst AUROC",
    "aupr_out": "AUPR out",
    "aupr_in": "AUPR in",
    "fpr95": "FPR95 out",
    "fpr95_in": "FPR95 in",
}


@dataclass(frozen=True, eq=False)
class ScoreTable(Mapping[str, "Measurement"]):
    """The AUROC of each anomaly score by its name, best first; ``table["knn"]["fpr95"]`` has the other metrics.

    ``FPR95 out`` counts outliers as positive, ``FPR95 in`` the data set. ``str`` is an aligned table.

    Parameters
    ----------
    measurements : mapping of str to Measurement
    left_out : mapping of str to str
        Why there is no measurement of other scores.
    """

    measurements: Mapping[str, Measurement]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, score: str) -> Measurement:
        """Return the AUROC of a score.

        Raises
        ------
        ParameterError
            For a score that was left out, with the reason, and for an unknown one.
        """
        if score in self.left_out:
            raise ParameterError(f"the score {score!r} was left out", got=self.left_out[score], allowed=list(self))
        if score not in self.measurements:
            raise unknown_name("score of this table", score, self)
        return self.measurements[score]

    def __contains__(self, score: object) -> bool:
        """Return whether there is a measurement of a score."""
        return score in self.measurements

    def get(self, score: str, default: Any = None) -> Any:
        """Return the AUROC of a score, or the default where there is none."""
        return self.measurements.get(score, default)

    def __bool__(self) -> bool:
        """Refuse to be true or false: ``assert robustness.ood(scores="all")`` would hold for every model."""
        raise ParameterError("a table of scores is neither true nor false", mend="Compare one: table['msp'] >= 0.9.")

    def __ge__(self, bound: object) -> NoReturn:
        """Refuse to be compared: there is one AUROC for each score."""
        self._refuse(">=", bound)

    def __gt__(self, bound: object) -> NoReturn:
        """Refuse to be compared: there is one AUROC for each score."""
        self._refuse(">", bound)

    def __le__(self, bound: object) -> NoReturn:
        """Refuse to be compared: there is one AUROC for each score."""
        self._refuse("<=", bound)

    def __lt__(self, bound: object) -> NoReturn:
        """Refuse to be compared: there is one AUROC for each score."""
        self._refuse("<", bound)

    def _refuse(self, op: str, bound: object) -> NoReturn:
        first = next(iter(self), "msp")
        raise ParameterError(
            "a table of scores is no number",
            got=f"{op} {bound}",
            mend=f"Compare one of its scores: table[{first!r}] {op} {bound}",
        )

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the scores, best first."""
        return iter(self.measurements)

    def __len__(self) -> int:
        """Return the number of scores."""
        return len(self.measurements)

    def __str__(self) -> str:
        """Return an aligned table, and what is left out below it."""
        from tabulate import tabulate

        rows = [[name, *_cells(measurement, self._metrics())] for name, measurement in self.items()]
        level = next((f"{100 * m.confidence:g} % interval" for m in self.values()), "interval")
        head, *others = [_COLUMNS[metric] for metric in self._metrics()]
        table = tabulate(rows, headers=["score", head, level, *others], floatfmt=".4f")
        return "\n".join([table, *(f"left out: {line}" for line in by_reason(self.left_out))])

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each score, with the value and both ends of the interval of each metric as columns."""
        import pandas as pd

        columns: dict[str, list[float]] = {}
        for metric in self._metrics():
            found = [measurement[metric] for measurement in self.values()]
            columns[metric] = [m.value for m in found]
            columns[f"{metric}_low"] = [m.low for m in found]
            columns[f"{metric}_high"] = [m.high for m in found]
        return pd.DataFrame(columns, index=pd.Index(list(self), name="score"))

    def _metrics(self) -> list[str]:
        first = next(iter(self.values()), None)
        known = set() if first is None else {m.metric for m in (first, *first.others)}
        return [metric for metric in _COLUMNS if metric in known or metric == "auroc"]


def by_reason(left_out: Mapping[str, str]) -> list[str]:
    """Say of each reason which scores are left out for it: ``knn, vim (fit= was not given)``."""
    names: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        names.setdefault(reason, []).append(name)
    return [f"{', '.join(some)} ({reason})" for reason, some in names.items()]


def score_table(measurements: Sequence[Measurement]) -> ScoreTable:
    """Return the table of what a `ScoreComparison` measured: all metrics of one score after the other."""
    by_score: dict[str, list[Measurement]] = {}
    for measurement in measurements:
        by_score.setdefault(str(measurement.parameters["score"]), []).append(replace(measurement, others=()))
    heads = {name: replace(main, others=tuple(others)) for name, (main, *others) in by_score.items()}
    left_out: Iterable[tuple[str, str]] = measurements[0].details.get("left_out", {}).items()
    best_first = sorted(heads.items(), key=lambda item: -item[1].value)
    return ScoreTable(dict(best_first), dict(left_out))


def _cells(measurement: Measurement, metrics: Sequence[str]) -> list[float | str]:
    interval = f"{measurement.low:.4f} - {measurement.high:.4f}"
    return [measurement.value, interval, *(measurement[metric].value for metric in metrics[1:])]
