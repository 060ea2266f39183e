"""What the training scripts share: their command line, their data, and the accuracy that they report."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from example_models.held_out import training_set
from pytest_robustness import Evaluator, load_dataset
from pytest_robustness.errors import RobustnessError
from pytest_robustness.evaluations import Accuracy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_robustness import Dataset

QUICK_SIZE = 500
"""Training images under ``--quick``: enough to see that a script works, not for a model worth keeping."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long a training took."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Script:
    """A training script: called with the arguments of a command line, it trains, saves and reports.

    Parameters
    ----------
    about : str
        What the script does.
    weights : Path
        Where the weights go by default.
    fit : callable
        ``fit(data, epochs=...)`` returns a trained model.
    save : callable
        Writes a model to a path.
    epochs : int
        How often the training goes over the data by default.
    quick_epochs : int
        The same under ``--quick``.
    """

    about: str
    weights: Path
    fit: Callable[..., Any]
    save: Callable[[Any, Path], None]
    epochs: int
    quick_epochs: int = 1

    def __call__(self, argv: Sequence[str] | None = None) -> Seconds:
        """Train; exit with code 2 rather than overwrite weights unasked.

        Parameters
        ----------
        argv : sequence of str, optional
            The arguments; those of the process by default.
        """
        asked = self._read(argv)
        try:
            return self._train(asked)
        except RobustnessError as error:
            sys.exit(f"{Path(sys.argv[0]).name}: {error}")

    def _train(self, asked: argparse.Namespace) -> Seconds:
        data = training_set().sample(QUICK_SIZE if asked.quick else None, seed=0)
        epochs = asked.epochs or (self.quick_epochs if asked.quick else self.epochs)
        wall, cpu = time.perf_counter(), time.process_time()
        # More threads would round sums in another order. With one, any machine of a kind does the same.
        with threadpool_limits(limits=1):
            model = self.fit(data, epochs=epochs)
        seconds = Seconds(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu)
        self.save(model, asked.output)
        test = load_dataset("mnist").sample(QUICK_SIZE if asked.quick else None, seed=0)
        accuracy = Evaluator(model, test).measure(Accuracy()).value
        print(f"trained on {len(data):,} images in {seconds.wall:.1f} s, {seconds.cpu:.1f} s of them on a processor")
        print(f"accuracy on {len(test):,} images of the MNIST test set: {accuracy:.4f}")
        print(f"{asked.output}: {asked.output.stat().st_size / 1000:.0f} kB")
        return seconds

    def _read(self, argv: Sequence[str] | None) -> argparse.Namespace:
        quick = f"train briefly, on {QUICK_SIZE:,} images"
        return read_arguments(argv, about=self.about, output=self.weights, epochs=self.epochs, quick=quick)


def fit_on_pixels(model: Any, data: Dataset, *, cut_short: bool) -> Any:
    """Fit an estimator of scikit-learn on flat pixels in [0, 1]; one that is cut short does not complain of it."""
    with warnings.catch_warnings():
        if cut_short:
            warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(data.pixels().reshape(len(data), -1), data.labels)


def read_arguments(
    argv: Sequence[str] | None, *, about: str, output: Path, epochs: int, quick: str
) -> argparse.Namespace:
    """Read the command line of a script that writes a file; exit with code 2 where it must not or cannot be written.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.
    about, quick : str
        What the script does, and what it does under ``--quick``.
    output : Path
        What it writes by default.
    epochs : int
        Its passes over the data by default.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--epochs", type=_count, metavar="N", help=f"passes over the data (default: {epochs})")
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--force", action="store_true", help="overwrite a file that exists")
    parser.add_argument("--output", type=Path, default=output, metavar="FILE", help="default: %(default)s")
    asked = parser.parse_args(argv)
    if asked.output.is_dir():
        parser.error(f"{asked.output} is a folder; name a file in it")
    if asked.output.exists() and not asked.force:
        parser.error(f"{asked.output} exists; give --force to overwrite it, or another --output")
    if not asked.output.parent.is_dir():
        parser.error(f"{asked.output.parent} is not a folder")
    return asked


def _count(text: str) -> int:
    """Read a positive number for argparse."""
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: a whole number from 1")
    return int(text)
