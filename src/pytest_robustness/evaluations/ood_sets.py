"""What an evaluation of anomaly scores is told to use: sets of outliers, and data to fit on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.datasets import OUTLIER_SUITES, OUTLIERS, Dataset, as_dataset, fitting_name
from pytest_robustness.datasets.arrays import dataset_from_arrays
from pytest_robustness.datasets.loading import is_path
from pytest_robustness.datasets.registry import normalise
from pytest_robustness.errors import ParameterError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

OutlierSet = str | Dataset
"""The name of a set or a suite, a path as text, or images."""


def checked_outliers(outliers: Any) -> OutlierSet | tuple[OutlierSet, ...]:
    """Return known names, paths as text, and images as data sets, so that they can be hashed.

    Raises
    ------
    ParameterError
        For an unknown name, or an empty list.
    """
    if not isinstance(outliers, list | tuple) or not all(isinstance(one, str | Path | Dataset) for one in outliers):
        return _checked_set(outliers)
    if not outliers:
        raise ParameterError("there are no outliers", got=outliers, allowed="one set and more")
    return tuple(_checked_set(one) for one in outliers)


def _checked_set(outliers: Any) -> OutlierSet:
    if isinstance(outliers, Path) or (isinstance(outliers, str) and is_path(outliers)):
        return str(outliers)
    if isinstance(outliers, tuple) and len(outliers) == 2:
        return as_dataset(outliers)
    if not isinstance(outliers, str):
        return outliers if isinstance(outliers, Dataset) else dataset_from_arrays(outliers, None)
    known = (*OUTLIERS, *OUTLIER_SUITES)
    if normalise(outliers) not in known:
        raise unknown_name("set of outliers", outliers, known, mend="Or give the path to an .npz file.")
    return normalise(outliers)


def sets_of(outliers: OutlierSet | tuple[OutlierSet, ...]) -> Mapping[str, OutlierSet]:
    """Return every single set by what it is called in tables; those of a suite are called ``near/...`` or ``far/...``.

    Raises
    ------
    ParameterError
        Where a set is named twice: it would count twice in the mean.
    """
    found: dict[str, OutlierSet] = {}
    for one in outliers if isinstance(outliers, tuple) else (outliers,):
        sets: Mapping[str, OutlierSet] = OUTLIER_SUITES.get(str(one), {}) if isinstance(one, str) else {}
        for name, source in (sets or {_called(one): one}).items():
            if name in found and found[name] == source:
                raise ParameterError("a set of outliers is named twice", got=name)
            found[name if name not in found else f"{name} #{len(found) + 1}"] = source
    return found


def _called(outliers: OutlierSet) -> str:
    if isinstance(outliers, Dataset):
        return outliers.name
    return Path(outliers).stem if is_path(outliers) else outliers


def checked_fit(fit: Any) -> str | Dataset | None:
    """Return a known name, a path as text, or a Dataset, so that it can be hashed.

    Raises
    ------
    ParameterError, DatasetError
        For an unknown name, and images that cannot be used.
    """
    if fit is None or isinstance(fit, Dataset):
        return fit
    if isinstance(fit, Path) or (isinstance(fit, str) and is_path(fit)):
        return str(fit)
    return fitting_name(fit) if isinstance(fit, str) else as_dataset(fit)
