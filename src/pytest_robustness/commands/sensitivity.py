"""The command ``sensitivity``: the whole study of a surface without pytest."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.commands.console import PASSED, ProgressBar, add_run_options, cache_folder, given, say
from pytest_robustness.errors import ParameterError
from pytest_robustness.gates.settings import Settings

if TYPE_CHECKING:
    import argparse

    from pytest_robustness.engine import Progress
    from pytest_robustness.evaluations import Measurement, Sensitivity, Surface

PARAMETERS = (
    *("rotation", "translation_x", "translation_y", "scale", "shear", "blur", "saturation", "gamma", "brightness"),
    *("contrast", "occlusion", "gaussian_noise", "salt_and_pepper"),
)
"""Those of `pytest_robustness.transforms.parametric`, written out: the parser must not import numpy."""

SETTINGS = ("model", "data", "n", "seed", "device", "batch_size", "executor", "confidence", "allow_pickle")
OPTIONS = ("transform", "sampler", "points", "tolerance", "seconds", "level")


def add_command(commands: Any) -> None:
    """Add the command to the parser of the command line."""
    command = commands.add_parser("sensitivity", help="sample the accuracy over one or two parameters, and draw it")
    command.add_argument("model", metavar="MODEL", help="module:name, file.py:name, weights.pt@module:factory, ...")
    ranges = command.add_argument_group("ranges", "one or two of these; by default --gamma 0.5 2 --brightness -0.2 0.2")
    for name in PARAMETERS:
        ranges.add_argument(f"--{name.replace('_', '-')}", nargs=2, type=float, metavar=("LOW", "HIGH"))
    ranges.add_argument(
        "--transform", metavar="CODE", help="a function of your own, module:name or file.py:name, instead of these"
    )
    ranges.add_argument(
        "--range", nargs=3, action="append", metavar=("NAME", "LOW", "HIGH"), help="a range of one of its parameters"
    )
    command.add_argument("--points", type=int, help="points evaluated at most (default: 100)")
    command.add_argument("--tolerance", type=float, help="end where the estimated mean error is at most this")
    command.add_argument("--seconds", type=float, help="end after this time; the points are then not reproducible")
    command.add_argument("--sampler", metavar="NAME", help="tensor (default), learner2d or grid")
    command.add_argument("--level", type=float, help="accuracy for the area above and the robust box (default: 0.9)")
    command.add_argument("--plot", metavar="FILE", type=Path, help="write the pictures: .png, .svg or .pdf")
    command.add_argument("--save", metavar="FILE", type=Path, help="write the points and accuracies: .npz or .csv")
    command.add_argument("--n", type=int, help="samples drawn at random (default: all)")
    add_run_options(command)
    command.add_argument("--executor", metavar="NAME", help="serial (default), processes or processes:N")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure the surface, print what is said of it, and write the files that are asked for."""
    settings = Settings().replaced(given(options, SETTINGS))

    from pytest_robustness.evaluations import Sensitivity, surface_of
    from pytest_robustness.gates.evaluators import Evaluators
    from pytest_robustness.scorecard.renderers.study import check_files, draw_study

    evaluation = Sensitivity(**_ranges(options), **given(options, OPTIONS))
    check_files(plot=options.plot, save=options.save)
    bar = SurfaceBar(quiet=options.quiet)
    evaluators = Evaluators(cache=None if options.no_cache else cache_folder(), progress=bar)
    evaluator = evaluators.get(settings.model, settings.data, settings)
    bar.expected = _expected_blocks(evaluation, len(evaluator.dataset))
    measurement = evaluator.measure(evaluation, confidence=settings.confidence)
    bar.end()
    surface = surface_of(measurement)
    for line in _lines(measurement, surface):
        say(line)
    if options.save:
        surface.save(options.save)
        say(f"written: {options.save}")
    if options.plot:
        draw_study(surface, evaluation, evaluator.dataset, seed=settings.seed, path=options.plot)
        say(f"written: {options.plot}")
    return PASSED


def _ranges(options: argparse.Namespace) -> dict[str, Any]:
    """Return the ranges of the parameters that are named; those of an own function come one by one, as texts."""
    ranges: dict[str, Any] = {name: tuple(ends) for name, ends in given(options, PARAMETERS).items()}
    own = [(name, (_number(name, low), _number(name, high))) for name, low, high in options.range or ()]
    if options.transform is None and own:
        mend = "Name the function with --transform, or give --gamma, --rotation and so on."
        raise ParameterError("--range is for the parameters of an own function", got=own[0][0], mend=mend)
    if options.transform is not None and ranges:
        mend = "Give the ranges of its parameters: --range NAME LOW HIGH."
        raise ParameterError("an own function comes alone", got=sorted(ranges), mend=mend)
    names = [name for name, _ in own]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ParameterError("a range is given twice", got=twice[0])
    if taken := [name for name in names if name in OPTIONS]:
        raise ParameterError("a parameter is called like an option", got=taken[0], mend=f"Give --{taken[0]} itself.")
    if ranges and set(ranges) < {"gamma", "brightness"}:
        return {"gamma": None, "brightness": None, **ranges}  # what is asked for, and nothing beside it
    return {**ranges, **dict(own)}


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ParameterError(f"the range of {name} must be two numbers", got=text) from None


class SurfaceBar(ProgressBar):
    """The bar of a surface: of its rounds only the next is planned, but how many points there will be is known."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(quiet=quiet)
        self.title = "sensitivity"
        self.expected = 0

    def __call__(self, progress: Progress) -> None:
        """Draw the bar."""
        super().__call__(replace(progress, total=max(progress.total or progress.done, self.expected)))


def _expected_blocks(evaluation: Sensitivity, samples: int) -> int:
    """Return how many blocks all points take; 0 where something else ends the sampling."""
    from pytest_robustness.evaluations.base import BLOCK_SIZE
    from pytest_robustness.evaluations.sensitivity.evaluation import POINTS_IN_BLOCK

    if evaluation.tolerance is not None or evaluation.seconds is not None:
        return 0
    return math.ceil(samples / BLOCK_SIZE) * (1 + math.ceil(evaluation.points / POINTS_IN_BLOCK))


def _lines(measurement: Measurement, surface: Surface) -> list[str]:
    """Return the metrics as a table, and the best and the worst point below it."""
    from tabulate import tabulate

    from pytest_robustness.scorecard.format import metric_label

    metrics = (measurement, *measurement.others)
    rows = [
        (metric_label(m.family, m.metric), m.value, f"[{m.low:.4f}, {m.high:.4f}]{' bracket' * m.bracket}")
        for m in metrics
    ]
    headers = ("sensitivity", "value", measurement.ends)
    lines = tabulate(rows, headers=headers, floatfmt=".4f").splitlines()
    for word, place in (("best", surface.accuracies.argmax()), ("worst", surface.accuracies.argmin())):
        lines.append(f"{word}: {surface.accuracies[place]:.4f} at {_at(surface, surface.points[place])}")
    if ranges := next((m.details["ranges"] for m in metrics if m.metric == "robust_box"), None):
        named = zip(surface.names, ranges, strict=True)
        inside = ", ".join(f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in named)
        lines.append(f"robust box, accuracy at least {surface.level:g}: {inside}")
    lines.append(f"{len(surface.points):,} points, {measurement.n:,} images, {measurement.seconds:.1f} s")
    return [*lines, *(f"note: {text}" for text in (*measurement.warnings, *measurement.doubts))]


def _at(surface: Surface, point: Any) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in zip(surface.names, point, strict=True))
