"""The accuracy surface over one or two parameters of a transform."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pytest_robustness.errors import ParameterError, check_number, unknown_name
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, blocks_of
from pytest_robustness.evaluations.sensitivity.box import Box, Range, make_box
from pytest_robustness.evaluations.sensitivity.outcomes import IDENTITY, SURFACE, known_points
from pytest_robustness.evaluations.sensitivity.predicting import correct_at
from pytest_robustness.evaluations.sensitivity.samplers import SAMPLERS, axes_of, estimate
from pytest_robustness.evaluations.sensitivity.summary import summarise_surface
from pytest_robustness.transforms.parametric import PARAMETERS, TRANSFORMS, Transform, own_transform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_robustness.evaluations.measurement import Measurement

DEFAULT_RANGES: dict[str, Range] = {"gamma": (0.5, 2.0), "brightness": (-0.2, 0.2)}
"""The pair that is varied where nothing else is named; each stands in for the other where only one is given."""

LEAST_LINES = {1: 9, 2: 5}
"""Values of each of so many parameters that a grid has before a tolerance may end the sampling."""

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
    transform : callable, optional
        The user's own pure function ``transform(images, name=...)``: from float32 images (N, C, H, W) in [0, 1] to
        images of the same shape in [0, 1]. Its parameters are varied, those without a range keep their defaults.
    sampler : {"tensor", "learner2d", "grid"}
        ``tensor`` refines a grid in the axis and the interval where the accuracy bends; ``learner2d`` is that of
        python-adaptive, for two parameters; ``grid`` is even, and four times as fine in brightness as in gamma.
    points : int, optional
        Points evaluated at most; 100 by default, 10,000 where `tolerance` or `seconds` is given.
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
        For an unknown name, a range that is empty, reversed or leaves the limits, more than two parameters.

    Notes
    -----
    Gamma and brightness are ``I -> clip(I ** gamma + b, 0, 1)`` with ``0 ** 0 = 1``: at gamma = 0 itself black turns
    white, just above it stays black. A surface that begins at gamma = 0 has both: the one as an edge without area.
    Two parameters of one transform act together; of two transforms, the one that is first in `TRANSFORMS` acts first.

    Metrics: ``mean`` (weighted by area: the mean of the interpolant, not of the points), ``worst``, ``area`` (share of
    the box where the interpolant is at least `level`), ``max_drop`` (accuracy of the unchanged images minus the worst)
    and, where the box holds the point that changes nothing, ``robust_box``: the share of the box that lies in the
    largest axis-parallel box around that point whose grid points are all at least `level`.
    """

    family = "sensitivity"

    transform: Callable[..., Any] | None
    ranges: tuple[tuple[str, Range], ...]
    sampler: str
    points: int
    tolerance: float | None
    seconds: float | None
    level: float
    box: Box = field(compare=False, repr=False)

    def __init__(
        self,
        *,
        transform: Callable[..., Any] | None = None,
        sampler: str = "tensor",
        points: int | None = None,
        tolerance: float | None = None,
        seconds: float | None = None,
        level: float = 0.9,
        **ranges: Any,
    ) -> None:
        named = _named_ranges(ranges, own=transform is not None)
        if points is None:
            points = DEFAULT_POINTS if tolerance is None and seconds is None else MOST_POINTS
        values = {"transform": transform, "sampler": sampler, "points": points, "level": level}
        for name, value in {**values, "tolerance": tolerance, "seconds": seconds}.items():
            object.__setattr__(self, name, value)
        box = make_box(named, _transforms(transform, [name for name, _ in named]))
        object.__setattr__(self, "box", box)
        object.__setattr__(self, "ranges", tuple(zip(box.names, box.ranges, strict=True)))
        self._check()

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
        """Whether `parameters` say all that outcomes depend on: the code of the user's own transform they do not."""
        return self.transform is None

    def parameters(self) -> dict[str, Any]:
        """Return the ranges and what is not at its default, as builtin values."""
        given: dict[str, Any] = {name: list(ends) for name, ends in self.ranges}
        if self.transform is not None:
            given = {"transform": _transforms(self.transform, list(given))[0].name, **given}
        usual = {"sampler": "tensor", "tolerance": None, "seconds": None, "level": 0.9}
        limit = DEFAULT_POINTS if self.tolerance is None and self.seconds is None else MOST_POINTS
        shown = {name: getattr(self, name) for name, value in usual.items() if getattr(self, name) != value}
        numbers = {name: value if name == "sampler" else float(value) for name, value in shown.items()}
        return {**given, **numbers, **({"points": int(self.points)} if self.points != limit else {})}

    def check_bounds(self, metrics: Sequence[str]) -> None:
        """Refuse a bound on the robust box where the box does not hold the point that changes nothing."""
        if "robust_box" in metrics and not self.box.holds_identity:
            known = dict(zip(self.box.names, self.box.identity, strict=True)) if self.box.identity else "not known"
            raise ParameterError(
                "min_robust_box needs a box that holds the point that changes nothing",
                got=dict(self.ranges),
                allowed=f"ranges around {known}",
                mend="The default values of a transform's own parameters are taken for it.",
            )

    def transforms(self) -> list[Transform]:
        """Return the transforms in the order in which they are applied."""
        return _transforms(self.transform, self.box.names)

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Evaluate every sample unchanged and at the first points; then where the sampler asks, until it is enough."""
        n = len(subject.dataset)
        first: list[Block] = []
        if not outcomes:
            for transform in self.transforms():
                transform.check_shape(subject.dataset.images.shape)
            first = blocks_of(n, IDENTITY)
        elif self.is_enough(outcomes):
            return []
        points = SAMPLERS[self.sampler](self.box, known_points(outcomes), int(self.points))
        chunks = [tuple(points[i : i + POINTS_IN_BLOCK]) for i in range(0, len(points), POINTS_IN_BLOCK)]
        return [*first, *(block for chunk in chunks for block in blocks_of(n, SURFACE, chunk))]

    def is_enough(self, outcomes: Mapping[Block, Outcome]) -> bool:
        """Return whether the time is over or the estimated error is small enough."""
        if self.seconds is not None and sum(outcome.seconds for outcome in outcomes.values()) >= self.seconds:
            return True
        if self.tolerance is None:
            return False
        # Where the first few points happen to lie on a line, the estimate is 0 whatever lies between.
        known = known_points(outcomes)
        seen = self.sampler != "tensor" or all(len(axis) >= LEAST_LINES[len(self.box.names)] for axis in axes_of(known))
        return seen and self.estimated_error(outcomes) <= self.tolerance

    def estimated_error(self, outcomes: Mapping[Block, Outcome]) -> float:
        """Return the estimate that `tolerance` is compared with."""
        return estimate(self.box, known_points(outcomes), self.sampler)

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Classify the samples of a block unchanged, or at each of its points."""
        if block.part == IDENTITY:
            samples = subject.samples(block)
            labels = subject.classifier.predict(samples.images, batch_size=subject.batch_size)
            return {"correct": labels == samples.labels}
        return {"correct": correct_at(subject, block, self.transforms(), self.box.names)}

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce to the area-weighted mean, the worst point, the area above the level, the drop and the robust box."""
        return summarise_surface(self, subject, outcomes, confidence=confidence)

    def _check(self) -> None:
        if self.sampler not in tuple(SAMPLERS):
            raise unknown_name("sampler", self.sampler, SAMPLERS)
        check_number("points", self.points, minimum=4, whole=True)
        check_number("level", self.level, minimum=0.0)
        if self.level > 1:
            raise ParameterError("level is out of range", got=self.level, allowed="an accuracy, 0 to 1")
        for name in ("tolerance", "seconds"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), minimum=0.0, above=True)
                if self.sampler == "grid":
                    raise ParameterError(f"{name} ends a sampling in rounds; a grid has one", mend="Give points.")
        if self.sampler == "learner2d" and len(self.ranges) != 2:
            raise ParameterError("learner2d samples two parameters", got=list(self.box.names), mend="Use 'tensor'.")


OPTIONS = tuple(f.name for f in dataclasses.fields(Sensitivity) if f.name not in {"ranges", "box"})


def _named_ranges(ranges: dict[str, Any], *, own: bool) -> list[tuple[str, Any]]:
    """Return the one or two ranges that are meant, with the default of gamma or brightness where it stands in."""
    if not own:
        for name in ranges:
            if name not in PARAMETERS:
                raise unknown_name("parameter of the family 'sensitivity'", name, [*PARAMETERS, *OPTIONS])
        if set(ranges) <= set(DEFAULT_RANGES):
            ranges = {**DEFAULT_RANGES, **ranges}
    named = [(name, value) for name, value in ranges.items() if value is not None]
    if not 1 <= len(named) <= 2:
        mend = "Give a range for one or two of the transform's parameters." if own else ""
        raise ParameterError("a surface has one or two parameters", got=[name for name, _ in named], mend=mend)
    return named


def _transforms(own: Callable[..., Any] | None, names: Sequence[str]) -> list[Transform]:
    """Return the transforms that have the parameters, in the order in which they are applied."""
    if own is not None:
        return [own_transform(own, names)]
    chosen = {PARAMETERS[name].name for name in names}
    return [transform for name, transform in TRANSFORMS.items() if name in chosen]
