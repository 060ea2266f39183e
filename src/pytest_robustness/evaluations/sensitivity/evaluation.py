"""The accuracy surface over one or two parameters of a transform."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, blocks_of
from pytest_robustness.evaluations.sensitivity.between import few_points
from pytest_robustness.evaluations.sensitivity.box import Box, Range, make_box
from pytest_robustness.evaluations.sensitivity.outcomes import IDENTITY, SURFACE, UNCHANGED, known_points
from pytest_robustness.evaluations.sensitivity.own import left_unchanged, own_code, own_function, own_name, try_out
from pytest_robustness.evaluations.sensitivity.predicting import correct_at, unchanged
from pytest_robustness.evaluations.sensitivity.questions import METRICS
from pytest_robustness.evaluations.sensitivity.ranges import named_ranges, transforms_of
from pytest_robustness.evaluations.sensitivity.samplers import SAMPLERS, axes_of, check_sampling, estimate
from pytest_robustness.evaluations.sensitivity.stopping import early_blocks, early_verdict
from pytest_robustness.evaluations.sensitivity.summary import summarise_surface
from pytest_robustness.evaluations.sensitivity.tensor import LEAST_LINES, coarsest
from pytest_robustness.evaluations.summaries import Estimate, measured
from pytest_robustness.transforms.parametric import PARAMETERS, Transform, refuse_taken_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_robustness.evaluations.early import EarlyStop
    from pytest_robustness.evaluations.measurement import Measurement
from pytest_robustness.evaluations.sensitivity.box import Point

DEFAULT_POINTS = 100

MOST_POINTS = 10_000
"""Where only an error or a time is to end the sampling."""

POINTS_IN_BLOCK = 32
"""A constant, so that the same work is cut alike everywhere and its outcomes can be shared."""


@dataclass(frozen=True, init=False)
class Sensitivity(Evaluation):
    """Accuracy over a box of one or two parameters of transforms, by default gamma and brightness.

    Parameters
    ----------
    transform : callable or str, optional
        The user's own pure function ``transform(images, name=...)``, or the text that names it, ``module:name`` or
        ``file.py:name``: from float32 images (N, C, H, W) in [0, 1] to images of the same shape in [0, 1]. Its
        parameters are varied, those without a range keep their defaults. The defaults are the point that changes
        nothing, where they do not change the images that are measured. Arguments ``seed`` and ``ids`` are given.
    sampler : {"tensor", "learner2d", "grid"}
        ``tensor`` refines a grid in the axis and the interval where the accuracy bends; ``learner2d`` is that of
        python-adaptive, for two parameters; ``grid`` is even, and four times as fine in brightness as in gamma.
    points : int, optional
        Points evaluated at most; 100 by default, 10,000 where `tolerance` or `seconds` is given. ``tensor`` needs the
        9 that it begins with in two parameters, 3 in one, and more at a jump.
    tolerance : float, optional
        The sampling ends where the estimated mean error between the points is at most this; for ``learner2d``, where
        the loss of the learner is.
    seconds : float, optional
        The sampling ends after the round in which the blocks have taken this long in sum. It is not reproducible.
    level : float
        Accuracy from which on a point counts for the metrics ``area`` and ``robust_box``.
    **ranges : (float, float)
        Ends of the range of each parameter, a key of `PARAMETERS` or a parameter of `transform`:
        ``gamma=(0.5, 2.0)``, ``rotation=(-0.5, 0.5)``. Gamma and brightness stand in for each other; ``None`` leaves
        one of them out.

    Raises
    ------
    ParameterError
        For an unknown name, a range that is empty, reversed or leaves the limits, more than two parameters, and an own
        function that cannot be found; at the first images, for one that is not pure.

    Notes
    -----
    Gamma and brightness are ``I -> clip(I ** gamma + b, 0, 1)`` with ``0 ** 0 = 1``: at gamma = 0 itself black turns
    white, just above it stays black. A surface that begins at gamma = 0 has both: the one as an edge without area.
    Two parameters of one transform act together; of two transforms, the one that is first in `TRANSFORMS` acts first.

    Metrics: ``mean`` (weighted by area: the mean of the interpolant, not of the points), ``worst`` (at a point),
    ``area`` (share of the box where the interpolant is at least `level`), ``max_drop`` (accuracy of the unchanged
    images minus the worst) and, where the box holds the point that changes nothing, ``robust_box``: the share of the
    box that lies in the largest axis-parallel box around that point whose cells have no corner below `level`.

    The interval of ``mean`` allows for the images and, by an estimate, for what lies between the points. Those of
    ``area`` and ``robust_box`` are brackets: from the cells whose corners are all surely above `level`, to those that
    are possibly above, or to the first points that are surely below. All points are judged together (Bonferroni), and
    drops by the same images before and after.
    """

    family = "sensitivity"
    stops_early = True

    transform: Callable[..., Any] | str | None
    ranges: tuple[tuple[str, Range], ...]
    sampler: str
    points: int
    tolerance: float | None
    seconds: float | None
    level: float
    box: Box = field(compare=False, repr=False)
    function: Callable[..., Any] | None = field(compare=False, repr=False)
    code: str = field(compare=False, repr=False)

    def __init__(
        self,
        *,
        transform: Callable[..., Any] | str | None = None,
        sampler: str = "tensor",
        points: int | None = None,
        tolerance: float | None = None,
        seconds: float | None = None,
        level: float = 0.9,
        **ranges: Any,
    ) -> None:
        function = own_function(transform)
        if callable(function):
            refuse_taken_names(function, TAKEN, mend="Wrap it in a function whose parameter is called otherwise.")
        named = named_ranges(ranges, own=function is not None, options=OPTIONS)
        if points is None:
            points = DEFAULT_POINTS if tolerance is None and seconds is None else MOST_POINTS
        values = {"transform": transform, "sampler": sampler, "points": points, "level": level}
        for name, value in {**values, "tolerance": tolerance, "seconds": seconds}.items():
            object.__setattr__(self, name, value)
        box = make_box(named, transforms_of(function, [name for name, _ in named]))
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "code", "" if function is None else own_code(function))
        object.__setattr__(self, "box", box)
        object.__setattr__(self, "ranges", tuple(zip(box.names, box.ranges, strict=True)))
        check_sampling(box, sampler, points, tolerance=tolerance, seconds=seconds, level=level)

    @classmethod
    def build(cls, **parameters: Any) -> Self:
        """Make the evaluation from keyword parameters, refusing the names that it does not have."""
        return cls(**parameters)

    @classmethod
    def knows(cls, name: str) -> bool:
        """Return whether there is a parameter of this name; the user's own transform may have any."""
        return name in OPTIONS or name in PARAMETERS

    @property
    def identified(self) -> bool:
        """Whether `parameters` say all that outcomes depend on: not what the user's own transform reads elsewhere."""
        return self.transform is None

    def parameters(self) -> dict[str, Any]:
        """Return the ranges and what is not at its default, as builtin values."""
        given: dict[str, Any] = {name: list(ends) for name, ends in self.ranges}
        if self.transform is not None:
            given = {"transform": own_name(self.function), "transform_code": self.code, **given}
        usual = {"sampler": "tensor", "tolerance": None, "seconds": None, "level": 0.9}
        limit = DEFAULT_POINTS if self.tolerance is None and self.seconds is None else MOST_POINTS
        shown = {name: getattr(self, name) for name, value in usual.items() if getattr(self, name) != value}
        numbers = {name: value if name == "sampler" else float(value) for name, value in shown.items()}
        return {**given, **numbers, **({"points": int(self.points)} if self.points != limit else {})}

    def outcome_parameters(self) -> dict[str, Any]:
        """Return the names and the transform: all else says at which points, or what is made of their outcomes."""
        own = {name: value for name, value in self.parameters().items() if name.startswith("transform")}
        return {"names": list(self.box.names), **own}

    def check_bounds(self, metrics: Sequence[str]) -> None:
        """Refuse a bound on the robust box where the box does not hold the point that changes nothing."""
        if "robust_box" in metrics and not self.box.holds_identity:
            known = dict(zip(self.box.names, self.box.identity, strict=True)) if self.box.identity else "not known"
            raise ParameterError(
                "min_robust_box needs a box that holds the point that changes nothing",
                got=dict(self.ranges),
                allowed=f"ranges around {known}",
                mend="The defaults of a function's parameters are taken for it: give them, and choose ranges around.",
            )

    def transforms(self) -> list[Transform]:
        """Return the transforms in the order in which they are applied."""
        return transforms_of(self.function, self.box.names)

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Evaluate every sample unchanged and at the first points; then where the sampler asks, until it is enough."""
        n = len(subject.dataset)
        if not outcomes:
            for transform in self.transforms():
                transform.check_shape(subject.dataset.images.shape)
            if self.function is not None:
                try_out(self.transforms()[0], self.box, subject)
        if early := self._early(subject):
            return early_blocks(self, subject, outcomes, early, size=POINTS_IN_BLOCK)
        first = [] if outcomes else blocks_of(n, IDENTITY)
        points = self.next_points(outcomes)
        chunks = [tuple(points[i : i + POINTS_IN_BLOCK]) for i in range(0, len(points), POINTS_IN_BLOCK)]
        return [*first, *(block for chunk in chunks for block in blocks_of(n, SURFACE, chunk))]

    def blocks_expected(self, subject: Subject, planned: int) -> int | None:
        """Return None: what comes next depends on what was found."""
        del subject, planned
        return None

    def next_points(self, outcomes: Mapping[Block, Outcome]) -> Sequence[Point]:
        """Return the points that the sampler asks for next; none where it is enough."""
        if outcomes and self.is_enough(outcomes):
            return []
        return SAMPLERS[self.sampler](self.box, known_points(outcomes), int(self.points))

    def is_enough(self, outcomes: Mapping[Block, Outcome]) -> bool:
        """Return whether the time is over or the estimated error is small enough."""
        if self.seconds is not None and sum(outcome.seconds for outcome in outcomes.values()) >= self.seconds:
            return True
        if self.tolerance is None:
            return False
        # Where the first few points happen to lie on a line, the estimate is 0 whatever lies between.
        known = known_points(outcomes)
        seen = self.sampler != "tensor" or coarsest(self.box, axes_of(known)) >= LEAST_LINES[len(self.box.names)]
        return seen and self.estimated_error(outcomes) <= self.tolerance

    def estimated_error(self, outcomes: Mapping[Block, Outcome]) -> float:
        """Return the estimate that `tolerance` is compared with."""
        return estimate(self.box, known_points(outcomes), self.sampler)

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Classify the samples of a block unchanged, or at each of its points."""
        if block.part == IDENTITY:
            samples = subject.samples(block)
            found = {"correct": unchanged(subject, block) == samples.labels}
            if self.function is not None and self.box.holds_identity:
                found[UNCHANGED] = left_unchanged(self.transforms()[0], self.box, subject, samples)
            return found
        return {"correct": correct_at(subject, block, self.transforms(), self.box.names)}

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce to the area-weighted mean, the worst point, the area above the level, the drop and the robust box.

        A measurement that ended early has nothing but the metric of its verdict: of some points, little was seen.
        """
        early = self._early(subject)
        settled = early_verdict(self, subject, outcomes, early) if early else None
        if settled is None:
            return summarise_surface(self, subject, outcomes, confidence=confidence)
        known = known_points(outcomes)
        few = few_points(self.box, list(known), None if self.sampler == "learner2d" else axes_of(known))
        return (
            measured(
                self,
                subject,
                outcomes,
                settled.threshold.metric,
                Estimate(settled.value, settled.low, settled.high),
                confidence=confidence,
                doubts=[few] if few else [],
                sampled=True,
                settled=settled,
            ),
        )

    def _early(self, subject: Subject) -> EarlyStop | None:
        """Return the verdict to stop at: of metrics that are settled point by point, where time does not end it."""
        early = subject.early
        return early if early is not None and early.threshold.metric in METRICS and self.seconds is None else None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out a function that a text names: another process finds it by the text."""
        by_text = isinstance(self.transform, str)
        return {name: value for name, value in vars(self).items() if not (by_text and name == "function")}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Find the function again."""
        vars(self).update({"function": own_function(state["transform"]), **state})


_MADE = {"ranges", "box", "function", "code"}
OPTIONS = tuple(f.name for f in dataclasses.fields(Sensitivity) if f.name not in _MADE)

_SETTINGS = ("data", "n", "batch_size", "confidence", "verdict", "inconclusive", "early_stop", "max_drop")
TAKEN = (*OPTIONS, *_SETTINGS, "transform_code")
"""Names that a parameter of an own function cannot have: options, and the settings that a requirement brings along."""
