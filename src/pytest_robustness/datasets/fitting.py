"""Data that something is fitted on: never the data that it is measured on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.datasets.dataset import Dataset
from pytest_robustness.datasets.files import known_name
from pytest_robustness.datasets.loading import as_dataset, is_path, load_dataset
from pytest_robustness.datasets.overlap import check_disjoint, check_same_shape
from pytest_robustness.datasets.registry import ENTRIES, MNIST_C, SPLITS, normalise
from pytest_robustness.errors import DatasetError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable

_TRAIN = "-train"
_OWN = "Or give the path to an .npz file with images and labels."

FITTING_NAMES = (
    *ENTRIES,
    *(name + _TRAIN for name, entry in ENTRIES.items() if set(SPLITS["train"]) <= set(entry.sha256)),
)
"""All names of data to fit on."""


def fitting_name(name: str) -> str:
    """Return the name of fitting data as the registry spells it, or raise the error that lists the names."""
    spelt = normalise(name)
    stem = spelt.removesuffix(_TRAIN)
    if stem not in (*ENTRIES, MNIST_C):
        raise unknown_name("data set to fit on", name, FITTING_NAMES, mend=_OWN)
    return known_name(stem) + (_TRAIN if spelt != stem else "")


def checked_fit(fit: Any) -> str | Dataset | None:
    """Return a known name, the path of a file that is there as text, or a Dataset, so that it can be hashed.

    Raises
    ------
    ParameterError, DatasetError
        For an unknown name, a path that leads nowhere, and images that cannot be used.
    """
    if fit is None or isinstance(fit, Dataset):
        return fit
    if isinstance(fit, Path) or (isinstance(fit, str) and is_path(fit)):
        if not Path(fit).is_file():
            raise DatasetError(
                "there is no such file of fitting data", got=str(fit), allowed="the path to an .npz file"
            )
        return str(fit)
    if isinstance(fit, list) or hasattr(fit, "__array__") or hasattr(fit, "detach"):
        raise DatasetError(
            "fitting data need labels beside the images",
            got=type(fit).__name__,
            allowed="(images, labels), a Dataset, a name, or the path to an .npz file with both",
            mend="Give fit=(images, labels).",
        )
    return fitting_name(fit) if isinstance(fit, str) else as_dataset(fit)


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
        found = as_dataset(checked_fit(source))
    if not found.labelled:
        raise DatasetError(f"the fitting data {found.name} has no labels", mend="Give (images, labels).")
    check_same_shape(found, like, what="fitting data")
    for measured in (like, *others):
        check_disjoint(found, measured, role="fitting data")
    return found
