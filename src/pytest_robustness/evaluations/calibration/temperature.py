"""Temperature scaling inside an evaluation: a temperature that is given, or fitted on data of its own."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.datasets import checked_fit
from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations.base import gather
from pytest_robustness.metrics import fit_temperature, scaled_log_probabilities
from pytest_robustness.metrics.calibration.temperature import COLDEST, HOTTEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations.base import Block, Outcome, Subject

FIT = "temperature"
"""The part of the blocks of the data that a temperature is fitted on."""


def checked_temperature(temperature: Any) -> float | str | Dataset | None:
    """Return a number, the name or the path of data as text, or a Dataset; so the evaluation is hashable.

    Raises
    ------
    ParameterError, DatasetError
        For a temperature that no fit finds either, an unknown name, or images that cannot be used.
    """
    if isinstance(temperature, Real):
        if isinstance(temperature, bool) or not COLDEST <= float(temperature) <= HOTTEST:
            # Far beyond, logits differ by less than their rounding, and another class would be predicted.
            raise ParameterError(
                "temperature is out of range",
                got=temperature,
                allowed=f"{COLDEST} to {HOTTEST:g}, or data to fit it on: a name, a path or (images, labels)",
            )
        return float(temperature)
    return checked_fit(tuple(temperature) if isinstance(temperature, list) else temperature)


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
