"""What the training scripts share: their command line, their data, and the accuracy that they report."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from example_models.held_out import training_set
from pytest_robustness import Evaluator, load_dataset
from pytest_robustness.evaluations import Accuracy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Model = TypeVar("Model")

QUICK_SIZE = 2000
"""Training images under ``--quick``: enough to see that a script works, not for a model worth keeping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a training script was asked for."""

    output: Path
    quick: bool


def read_job(description: str, weights: Path, argv: Sequence[str] | None) -> Job:
    """Read the command line; exit with code 2 rather than overwrite weights unasked.

    Parameters
    ----------
    description : str
        What the script does.
    weights : Path
        Where the weights go by default.
    argv : sequence of str, optional
        The arguments; those of the process by default.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help=f"train briefly on {QUICK_SIZE:,} images")
    parser.add_argument("--force", action="store_true", help="overwrite weights that exist")
    parser.add_argument("--output", type=Path, default=weights, metavar="FILE", help="default: %(default)s")
    arguments = parser.parse_args(argv)
    if arguments.output.exists() and not arguments.force:
        parser.error(f"{arguments.output} exists; give --force to overwrite it, or another --output")
    if not arguments.output.parent.is_dir():
        parser.error(f"{arguments.output.parent} is not a folder")
    return Job(output=arguments.output, quick=arguments.quick)


def train(job: Job, *, fit: Callable[..., Model], save: Callable[[Model, Path], None]) -> None:
    """Fit, save, and print where the weights are, the seconds of the fit, and the accuracy on the MNIST test set.

    Parameters
    ----------
    job : Job
    fit : callable
        ``fit(data, quick=...)`` returns a trained model.
    save : callable
        Writes a model to a path.
    """
    data = training_set().sample(QUICK_SIZE if job.quick else None, seed=0)
    started = time.perf_counter()
    # Sums are rounded in another order where more threads share them: with one, any machine of a kind gives the same.
    with threadpool_limits(limits=1):
        model = fit(data, quick=job.quick)
    seconds = time.perf_counter() - started
    save(model, job.output)
    accuracy = Evaluator(model, load_dataset("mnist")).measure(Accuracy()).value
    print(f"trained on {len(data):,} images in {seconds:.1f} s; accuracy on the MNIST test set: {accuracy:.4f}")
    print(f"{job.output}: {job.output.stat().st_size / 1000:.0f} kB")
