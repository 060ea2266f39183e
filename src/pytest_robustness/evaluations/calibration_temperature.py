"""Temperature scaling inside an evaluation: a temperature that is given, or fitted on data of its own."""

from __future__ import annotations

from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.datasets import Dataset
from pytest_robustness.datasets.loading import as_dataset, is_path
from pytest_robustness.datasets.registry import ENTRIES, normalise
from pytest_robustness.errors import DatasetError, check_number, unknown_name
from pytest_robustness.evaluations.base import gather
from pytest_robustness.metrics import fit_temperature, scaled_log_probabilities

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.base import Block, Outcome, Subject

FIT = "temperature"
"""The part of the blocks of the data that a temperature is fitted on."""

# Some blank images in common are an accident; more is the data that will be measured.
_LARGEST_OVERLAP = 0.01


def checked_temperature(temperature: Any) -> float | str | Dataset | None:
    """Return a positive number, the name or the path of data as text, or a Dataset; so the evaluation is hashable."""
    if temperature is None or isinstance(temperature, Dataset):
        return temperature
    if isinstance(temperature, Real):
        check_number("temperature", temperature, minimum=0.0, above=True)
        return float(temperature)
    if isinstance(temperature, Path) or (isinstance(temperature, str) and is_path(temperature)):
        return str(temperature)
    if isinstance(temperature, str):
        if normalise(temperature) not in ENTRIES:
            mend = "Or give a number, the path to an .npz file, or (images, labels)."
            raise unknown_name("data to fit the temperature on", temperature, ENTRIES, mend=mend)
        return normalise(temperature)
    return as_dataset(tuple(temperature) if isinstance(temperature, list) else temperature)


def fitting_data(source: str | Dataset, measured: Dataset) -> Dataset:
    """Load the data that the temperature is fitted on.

    Raises
    ------
    DatasetError
        Where it has no labels, images of another shape, or images of the data that will be measured.
    """
    found = as_dataset(source)
    if not found.labelled:
        raise DatasetError(f"a temperature cannot be fitted on {found.name}: it has no labels", got=found)
    if found.shape != measured.shape:
        raise DatasetError(
            f"the images of {found.name} have another shape than those of {measured.name}",
            got=found.shape,
            allowed=str(measured.shape),
        )
    share = _share_in_common(found, measured)
    if share > _LARGEST_OVERLAP:
        raise DatasetError(
            f"a temperature cannot be fitted on {found.name}: it is measured on the same images",
            got=f"{share:.1%} of the smaller set in the other",
            allowed=f"images that are not in {measured.name}",
            mend="Fit on held-out images: for instance Dataset.take with rows that are not measured.",
        )
    return found


def fitted_temperature(temperature: object, subject: Subject, outcomes: Mapping[Block, Outcome]) -> float | None:
    """Return the temperature, fitted where it is not given; None where nothing is scaled."""
    if temperature is None or isinstance(temperature, float):
        return temperature
    return fit_temperature(gather(outcomes, "log_probabilities", part=FIT), subject.further[FIT].labels)


def scaled(outcomes: Mapping[Block, Outcome], part: str, temperature: float | None) -> NDArray[np.float64]:
    """Return the probabilities (N, K) of the samples in the form that `part` names, at a temperature."""
    if temperature is None:
        return gather(outcomes, "probabilities", part=part)
    logarithms = scaled_log_probabilities(gather(outcomes, "log_probabilities", part=part), temperature)
    return np.asarray(np.exp(logarithms))


def _share_in_common(one: Dataset, other: Dataset) -> float:
    """Return the larger of the shares of each set that the other has too."""
    same = one.images.dtype == other.images.dtype
    contents = [[row.tobytes() for row in (d.images if same else d.pixels())] for d in (one, other)]
    common = set(contents[0]) & set(contents[1])
    return max(sum(image in common for image in images) / len(images) for images in contents)
