"""Two models on the same images, property by property: each with the paired test that fits it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from example_models.figures import CLEAN, CORRUPTED, Figure, autoattack, cards
from example_models.models import source
from example_models.paired import Difference, of_accuracies, of_areas, of_calibration, of_means
from pytest_robustness import Evaluator, load_classifier, load_dataset
from pytest_robustness.commands.console import cache_folder
from pytest_robustness.datasets import load_outliers
from pytest_robustness.errors import ConfigurationError
from pytest_robustness.evaluations import AdversarialAccuracy
from pytest_robustness.scorecard.outcomes import unpack_outcomes
from pytest_robustness.scorecard.record import make_payload

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUTLIERS = {"AUROC": "fashion-mnist", "AUROC, Fashion-MNIST": "fashion-mnist", "AUROC, KMNIST": "kmnist"}
ACCURACIES = {"clean": CLEAN, "AutoAttack 0.1": autoattack(0.1)}
ATTACKED = 1000
"""Images that the attack which no scorecard has image by image is run on: those of the scorecards."""


def compare(of: str, first: str, second: str, *, beyond: float = 0.0) -> tuple[Difference, str, bool]:
    """Compare a property of two models.

    Parameters
    ----------
    of : str
        ``clean``, ``AutoAttack 0.1``, ``PGD 0.2``, ``MNIST-C``, ``AUROC, Fashion-MNIST``, ``AUROC, KMNIST`` or ``ECE``.
    first, second : str
        Names of models.
    beyond : float
        What a difference of accuracies has to exceed.

    Returns
    -------
    difference : Difference
        First minus second.
    test : str
        The test behind it.
    doubtful : bool
        Whether it rests on an attack that cannot be relied on; the difference then has no interval.

    Raises
    ------
    ConfigurationError
        Where scorecards lack the figure, or are of other images than each other.
    """
    if of == "MNIST-C":
        answers = _kept(CORRUPTED, first, second)
        return of_means(*answers), "paired means, inverted", False
    if of == "ECE":
        return of_calibration(_answers(first), _answers(second)), "paired bootstrap", False
    if of in OUTLIERS:
        return of_areas(_scores(first, OUTLIERS[of]), _scores(second, OUTLIERS[of])), "paired DeLong", False
    test = "McNemar" if beyond == 0 else "McNemar, inverted"
    if of.startswith("PGD "):
        right = [_resists(name, float(of.removeprefix("PGD "))) for name in (first, second)]
        return of_accuracies(*right, beyond=beyond), test, False
    figure = ACCURACIES[of]
    cells = [cell for name in (first, second) if (cell := figure.cell(cards()[name])) is not None]
    if any(cell.doubtful for cell in cells):
        return Difference(cells[0].value - cells[-1].value, -1.0, 1.0, 1.0), test, True
    one, other = _kept(figure, first, second)
    return of_accuracies(one == 1, other == 1, beyond=beyond), test, False


def _kept(figure: Figure, first: str, second: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return what the scorecards of two models keep of each image."""
    rows = [figure.row(cards()[name]) for name in (first, second)]
    kept = [row.outcomes for row in rows if row is not None and row.outcomes is not None]
    if len(kept) < 2:
        raise ConfigurationError(f"{figure} is not kept image by image", got=[first, second])
    if kept[0]["ids"] != kept[1]["ids"]:
        raise ConfigurationError("two scorecards are of other images than each other", got=[first, second])
    one, other = (unpack_outcomes(outcomes) for outcomes in kept)
    return one, other


@cache
def _resists(name: str, eps: float) -> NDArray[np.bool_]:
    """Return which of a thousand images a model has right under PGD of 40 steps."""
    evaluator = Evaluator(source(name), load_dataset("mnist").sample(ATTACKED, seed=0), seed=0, cache=cache_folder())
    found = evaluator.measure(AdversarialAccuracy(attack="pgd", norm="linf", eps=eps, steps=40))
    if found.faults:
        raise ConfigurationError(f"{found.name} cannot be relied on", got=name, mend=found.faults[0])
    return unpack_outcomes(make_payload(found, evaluator)["row"]["outcomes"]) == 1


@cache
def _log_probabilities(name: str, data: str) -> NDArray[np.float64]:
    digits = load_dataset("mnist")
    images = digits.images if data == "mnist" else load_outliers(data, like=digits).images
    return load_classifier(source(name)).bound(digits.images[:8]).log_probabilities(images)


def _scores(name: str, outliers: str) -> tuple[Any, Any]:
    """Return the MSP score of digits and outliers, as the logarithm, which has the same order."""
    of_digits, of_outliers = (-_log_probabilities(name, data).max(axis=1) for data in ("mnist", outliers))
    return of_digits, of_outliers


def _answers(name: str) -> tuple[Any, Any]:
    found = np.exp(_log_probabilities(name, "mnist").astype(np.float64))
    return found.max(axis=1), found.argmax(axis=1) == load_dataset("mnist").labels
