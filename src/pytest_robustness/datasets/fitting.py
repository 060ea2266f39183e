"""Data that something is fitted on: never the data that it is measured on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_robustness.datasets.files import known_name
from pytest_robustness.datasets.loading import as_dataset, is_path, load_dataset
from pytest_robustness.datasets.overlap import check_disjoint, check_same_shape
from pytest_robustness.datasets.registry import normalise
from pytest_robustness.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_robustness.datasets.dataset import Dataset

_TRAIN = "-train"


def fitting_name(name: str) -> str:
    """Return the name of fitting data as the registry spells it, or raise the error that lists the names."""
    spelt = normalise(name)
    stem = spelt.removesuffix(_TRAIN)
    return known_name(stem) + (_TRAIN if spelt != stem else "")


def load_fitting(source: Any, *, like: Dataset, others: Iterable[Dataset] = ()) -> Dataset:
    """Load data to fit on, and see to it that it is not what is measured.

    Parameters
    ----------
    source : str, Path, tuple or Dataset
        As for `~pytest_robustness.datasets.load_dataset`; ``mnist-train`` and ``fashion-mnist-train`` are the training
        splits.
    like : Dataset
        The data that is measured.
    others : iterable of Dataset
        Further data that is measured, such as outliers.

    Returns
    -------
    Dataset
        All of it, in its own order.

    Raises
    ------
    DatasetError
        If it has no labels or another shape, or more than one in a hundred of its images is in data that is measured.
    ParameterError, DataUnavailableError, MissingExtraError
        As for `~pytest_robustness.datasets.load_dataset`.
    """
    if isinstance(source, str) and not is_path(source):
        name = fitting_name(source)
        train = name.endswith(_TRAIN)
        found = load_dataset(name.removesuffix(_TRAIN), split="train" if train else "test")
    else:
        found = as_dataset(source)
    if not found.labelled:
        raise DatasetError(f"the fitting data {found.name} has no labels", mend="Give (images, labels).")
    check_same_shape(found, like, what="fitting data")
    for measured in (like, *others):
        check_disjoint(found, measured, role="fitting data")
    return found
