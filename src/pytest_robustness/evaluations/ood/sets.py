"""What an evaluation of anomaly scores is told to use: sets of outliers, and data to fit on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.datasets import OUTLIER_SUITES, OUTLIERS, Dataset, as_dataset
from pytest_robustness.datasets.arrays import dataset_from_arrays
from pytest_robustness.datasets.loading import is_path
from pytest_robustness.datasets.registry import normalise
from pytest_robustness.errors import ParameterError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED = (str, Path, Dataset)

OutlierSet = str | Dataset
"""The name of a set or a suite, a path as text, or images."""


def checked_outliers(outliers: Any) -> OutlierSet | tuple[OutlierSet, ...]:
    """Return known names, paths as text, and images as data sets, so that they can be hashed.

    Raises
    ------
    ParameterError
        For an unknown name, an empty list, and what is neither a name, a path nor images.
    """
    if not isinstance(outliers, list | tuple) or not any(isinstance(one, _NAMED) for one in outliers):
        if isinstance(outliers, list | tuple) and not outliers:
            raise ParameterError("there are no outliers", got=outliers, allowed="one set and more")
        return _checked_set(outliers)
    if not all(isinstance(one, _NAMED) for one in outliers):
        raise _unusable(f"{type(outliers).__name__} of {', '.join(type(one).__name__ for one in outliers)}")
    return tuple(_checked_set(one) for one in outliers)


def _checked_set(outliers: Any) -> OutlierSet:
    if isinstance(outliers, Path) or (isinstance(outliers, str) and is_path(outliers)):
        return str(outliers)
    if isinstance(outliers, Dataset):
        return outliers
    if not isinstance(outliers, str):
        return _from_images(outliers)
    known = (*OUTLIERS, *OUTLIER_SUITES)
    if normalise(outliers) not in known:
        raise unknown_name("set of outliers", outliers, known, mend="Or give the path to an .npz file.")
    return normalise(outliers)


def _from_images(outliers: Any) -> Dataset:
    """Return images, or (images, labels), as a data set."""
    pair = isinstance(outliers, tuple) and len(outliers) == 2
    images = outliers[0] if pair else outliers
    if not isinstance(images, list | tuple) and not hasattr(images, "__array__") and not hasattr(images, "detach"):
        raise _unusable(type(outliers).__name__)
    return as_dataset(outliers) if pair else dataset_from_arrays(outliers, None)


def _unusable(got: str) -> ParameterError:
    return ParameterError("outliers must be a name, a list of names, a path or images", got=got)


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
            if any(source == known for known in found.values()):
                raise ParameterError("a set of outliers is named twice", got=name, allowed="each set once, suites too")
            found[name if name not in found else f"{name} #{len(found) + 1}"] = source
    return found


def _called(outliers: OutlierSet) -> str:
    if isinstance(outliers, Dataset):
        return outliers.name
    return Path(outliers).stem if is_path(outliers) else outliers
