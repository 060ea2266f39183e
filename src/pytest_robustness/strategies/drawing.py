"""Strategies for hypothesis: perturbations that shrink towards the identity, and images of a data set."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import numpy as np

from pytest_robustness.datasets import as_dataset
from pytest_robustness.errors import DatasetError, ParameterError, check_number, unknown_name
from pytest_robustness.strategies.perturbation import Perturbation
from pytest_robustness.strategies.table import NAMED, RANGES, named, narrowed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_robustness.datasets import Dataset
    from pytest_robustness.strategies.change import Change, Limits

STEPS = 200
"""Parts that the range of a parameter is cut into: what is drawn lies a whole number of them from the identity."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One image of a data set, as a batch of one.

    Parameters
    ----------
    index : int
        Of the image in its data set.
    label : int
    images : ndarray of shape (1, C, H, W)
        uint8, or float32 in [0, 1], as the data set has it.
    """

    index: int
    label: int
    images: NDArray[Any] = field(repr=False)


def perturbations(
    *transforms: str | Change, max_size: int = 3, seed: int = 0, **ranges: tuple[float, ...]
) -> st.SearchStrategy[Perturbation]:
    """Return a strategy that draws a `Perturbation` of up to `max_size` different transforms.

    It shrinks towards the identity: to fewer transforms first, to those named first, and to parameters closer to what
    changes nothing.

    Parameters
    ----------
    *transforms : str or Change
        Names of parameters (``"rotation"``, ``"gamma"``) or of transforms of several (``"gamma_brightness"``), applied
        in the order in which they are named; by default all parameters that grey images have. A function with ranges
        comes in through `own_transform`.
    max_size : int
        Transforms in one perturbation, at most.
    seed : int
        Of the noise.
    **ranges : (low, high)
        Narrower ranges of parameters: ``rotation=(-0.5, 0.5)``.

    Raises
    ------
    ParameterError
        For a transform or a parameter that is not known, a transform named twice, and an impossible range.
    """
    check_number("max_size", max_size, minimum=1, whole=True)
    chosen = transforms or tuple(name for name in RANGES if not NAMED[name].colors)
    order = {named(transform).name: place for place, transform in enumerate(chosen)}
    if len(order) < len(chosen):
        raise ParameterError("a transform is named twice", got=[named(transform).name for transform in chosen])
    parameters = [name for transform in chosen for name in named(transform).parameters]
    for name in ranges:
        if name not in parameters:
            raise unknown_name("parameter", name, parameters)
    steps = [st.tuples(st.just(one), st.fixed_dictionaries(_values(named(one), ranges))) for one in chosen]
    several = st.lists(st.one_of(steps), max_size=max_size, unique_by=_name)
    return several.map(lambda drawn: Perturbation(sorted(drawn, key=lambda step: order[_name(step)]), seed))


def _name(step: tuple[str | Change, Any]) -> str:
    return named(step[0]).name


def images(data: object, indices: Sequence[int] | None = None) -> st.SearchStrategy[Sample]:
    """Return a strategy that draws a `Sample` of a data set, and shrinks to the first.

    Parameters
    ----------
    data : Dataset, name, path or (images, labels)
    indices : sequence of int, optional
        Indices of the images to draw from, in this order; all of them by default.

    Raises
    ------
    DatasetError
        If the data set has no image of such an index, or none is left.
    """
    dataset = as_dataset(data)
    chosen = dataset.ids.tolist() if indices is None else [sample_of(dataset, index).index for index in indices]
    if not chosen:
        raise DatasetError("there are no images to draw from", got=indices, mend="Give at least one index.")
    return st.sampled_from(chosen).map(lambda index: sample_of(dataset, index))


def sample_of(dataset: Dataset, index: object) -> Sample:
    """Return the image of an index.

    Raises
    ------
    DatasetError
        If the data set has none.
    """
    place = position_of(dataset, index)
    return Sample(int(dataset.ids[place]), int(dataset.labels[place]), dataset.images[place : place + 1])


def position_of(dataset: Dataset, index: object) -> int:
    """Return where the image of an index is.

    Raises
    ------
    DatasetError
        If the data set has none.
    """
    whole = isinstance(index, int | np.integer) and not isinstance(index, bool)
    places = np.flatnonzero(dataset.ids == index) if whole else np.empty(0, np.int64)
    if not len(places):
        ids = dataset.ids
        part = "" if len(ids) == ids.max() - ids.min() + 1 else f", {len(ids)} of them"
        raise DatasetError(
            f"{dataset.name} has no image of this index",
            got=index,
            allowed=f"whole numbers from {ids.min()} to {ids.max()}{part}",
        )
    return int(places[0])


def _values(transform: Change, ranges: Any) -> dict[str, st.SearchStrategy[float]]:
    return {name: _multiples(limits) for name, limits in narrowed(transform, ranges).items()}


def _multiples(limits: Limits) -> st.SearchStrategy[float]:
    """Draw identity + k * step, which shrinks to k = 0."""
    low, high, identity = limits
    step = (high - low) / STEPS
    least, most = -math.floor((identity - low) / step + 1e-9), math.floor((high - identity) / step + 1e-9)
    # Rounded, so that 30 hundredths print as 0.3.
    return st.integers(least, most).map(lambda k: min(high, max(low, round(identity + k * step, 9))))
