"""The result of an evaluation: a number with its interval, its size and its cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import EvaluationError, ParameterError, unknown_name
from pytest_robustness.evaluations.thresholds import Settled, holds
from pytest_robustness.metrics.intervals import level_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray


_NEAR_AND_FAR = 'near and far sets of outliers: outliers="all"'

_NEEDS = {
    ("ood", "near_auroc"): _NEAR_AND_FAR,
    ("ood", "far_auroc"): _NEAR_AND_FAR,
    ("ood", "worst_auroc"): "several sets of outliers",
    ("corruption", "mce"): "a model to compare with: reference=",
    ("corruption", "relative_mce"): "a model to compare with: reference=",
    ("certified", "mean_radius"): "several radii: radius=[0, 1, 2], for instance",
    ("certified", "median_radius"): "several radii: radius=[0, 1, 2], for instance",
    ("calibration", "worst_ece"): "a shift with several parts: under=",
}
"""What must be asked for to have a metric that there is not always, by its family."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a measurement (a corruption, a class, a point of a surface) with its own interval."""

    name: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measurement:
    """A measured metric. It compares like its `value`, so ``measurement >= 0.85`` reads as it should.

    Parameters
    ----------
    family, metric : str
        What was measured, for instance ``"ood"`` and ``"auroc"``.
    parameters : mapping
        The parameters of the evaluation, as builtin values.
    value, low, high : float
        The metric and the ends of its confidence interval.
    confidence : float
        Level of the interval, for instance 0.95.
    n, population : int
        Samples measured, and samples in the set that they were drawn from.
    higher_is_better : bool
        Direction of the metric.
    parts : tuple of Part
        The same metric by part.
    seconds : float
        Wall time of the blocks, wherever they ran.
    forwards, backwards : int
        Images through the model, forwards and backwards.
    cached : bool
        Whether every block came from the store.
    warnings : tuple of str
        What a reader of the value should know.
    faults : tuple of str
        Why the value must not be relied on. A measurement with a fault never passes a gate.
    doubts : tuple of str
        Why the value may only look good. A gate that such a measurement would pass is inconclusive.
    sampled : bool
        Whether even all of the data is but a sample of what the metric is about, so that intervals decide.
    bracket : bool
        Whether `low` and `high` are no interval but from what is surely there to what possibly is.
    noise_floor : float
        What a perfect model would show by chance at this n, at most; no smaller bound on the metric can be met.
    details : mapping
        Builtin values for pictures: a confusion matrix, a surface, the bins of a reliability diagram. ``without`` has
        the metrics that this measurement could not have, with what they would need.
    settled : Settled, optional
        The verdict with which the measurement ended before all was measured; `value` and `n` are of what it rests on.
    samples : mapping of str to ndarray
        What is known of every sample, by name: its ``index`` in the data set, its ``label`` and so on. ``correct``,
        (n,) or, where it was asked several times, (n, times), has the value as its mean.
    others : tuple of Measurement
        Further metrics of the same evaluation; ``measurement["fpr95"]`` finds them by name.
    """

    family: str
    metric: str
    parameters: Mapping[str, Any]
    value: float
    low: float
    high: float
    confidence: float
    n: int
    population: int
    higher_is_better: bool
    parts: tuple[Part, ...] = ()
    seconds: float = 0.0
    forwards: int = 0
    backwards: int = 0
    cached: bool = False
    warnings: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    sampled: bool = False
    bracket: bool = False
    noise_floor: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)
    settled: Settled | None = None
    samples: Mapping[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    others: tuple[Measurement, ...] = ()
    # Set by the pytest facade: it records the comparison as a threshold and answers with the verdict.
    on_compare: Callable[[Measurement, str, float], bool] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Short stable text that says what was measured, with what: ``adversarial(attack=pgd, eps=0.1).accuracy``."""
        inside = ", ".join(f"{key}={_plain(value)}" for key, value in self.parameters.items() if value is not None)
        return f"{self.family}({inside}).{self.metric}{self._place()}"

    @property
    def ends(self) -> str:
        """What `low` and `high` are, in words: ``95 % interval``, or ``bracket``."""
        return "bracket" if self.bracket else f"{level_text(self.confidence)} interval"

    @property
    def worst_part(self) -> Part | None:
        """The part with the worst value, where there are parts."""
        if not self.parts:
            return None
        return (min if self.higher_is_better else max)(self.parts, key=lambda part: part.value)

    def __getitem__(self, metric: str) -> Measurement:
        """Return another metric of the same evaluation."""
        by_name = {m.metric: m for m in (self, *self.others)}
        need = self.details.get("without", {}).get(metric) or _NEEDS.get((self.family, metric))
        if metric not in by_name and need:
            raise ParameterError(f"{self.name} has no {metric}", got=list(by_name), mend=f"It needs {need}.")
        if metric not in by_name:
            raise unknown_name(f"metric of the family {self.family!r}", metric, by_name)
        return by_name[metric]

    def with_hook(self, on_compare: Callable[[Measurement, str, float], bool]) -> Measurement:
        """Return the same measurement, and its other metrics, with comparisons answered by `on_compare`."""
        others = tuple(replace(other, on_compare=on_compare) for other in self.others)
        return replace(self, on_compare=on_compare, others=others)

    def __bool__(self) -> bool:
        """Refuse to be true or false: ``assert robustness.accuracy()`` would hold for every model."""
        raise ParameterError("a measurement is neither true nor false", mend="Compare it, for instance with >= 0.9.")

    def __float__(self) -> float:
        """Return the value."""
        return self.value

    def __ge__(self, bound: float) -> bool:
        """Compare the value."""
        return self._compare(">=", bound)

    def __gt__(self, bound: float) -> bool:
        """Compare the value."""
        return self._compare(">", bound)

    def __le__(self, bound: float) -> bool:
        """Compare the value."""
        return self._compare("<=", bound)

    def __lt__(self, bound: float) -> bool:
        """Compare the value."""
        return self._compare("<", bound)

    def __eq__(self, other: object) -> bool:
        """Compare the values; equal ones may still differ in all else."""
        if not isinstance(other, (Real, Measurement)):
            return NotImplemented
        return self.value == float(other)

    def __hash__(self) -> int:
        """Hash like the value, which it is equal to."""
        return hash(self.value)

    def __str__(self) -> str:
        """Return the value with its interval and n."""
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}] (n = {self.n})"

    def __format__(self, spec: str) -> str:
        """Format the value; without a format, as ``str``."""
        return format(self.value, spec) if spec else str(self)

    def _place(self) -> str:
        """Say which of several radii the accuracy is of, since an image is certified at many."""
        radius = self.parameters.get("radius")
        if self.family != "certified" or self.metric != "accuracy" or not isinstance(radius, (list, tuple)):
            return ""
        return f" at radius {_plain(radius[-1])}"

    def _compare(self, op: str, bound: float) -> bool:
        if not isinstance(bound, (Real, Measurement)):
            return NotImplemented  # type: ignore[no-any-return]
        if self.on_compare is not None and not isinstance(bound, Measurement):  # two measurements set no threshold
            return self.on_compare(self, op, float(bound))
        for measurement in (self, bound):
            if isinstance(measurement, Measurement) and measurement.faults:
                raise EvaluationError(f"{measurement.name} cannot be relied on: {measurement.faults[0]}")
        return holds(self.value, op, float(bound))


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_plain(item) for item in value) + "]"
    return str(value)
