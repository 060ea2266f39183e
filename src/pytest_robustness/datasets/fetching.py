"""Downloads that are asked for by name, before anything needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_robustness.datasets.files import locate
from pytest_robustness.datasets.mnist_c import fetch_mnist_c
from pytest_robustness.datasets.registry import ENTRIES, MNIST_C, normalise
from pytest_robustness.errors import unknown_name

if TYPE_CHECKING:
    from pathlib import Path


def fetch(name: str, *, progress: bool = False) -> list[Path]:
    """Bring all files of a data set to this machine, and check their SHA-256.

    Parameters
    ----------
    name : str
        One of `dataset_names`, or ``mnist-c``.
    progress : bool
        Show on stderr what is being downloaded.

    Returns
    -------
    list of Path
        The files; empty for a data set that comes inside another package.

    Raises
    ------
    ParameterError
        If the name is not known.
    DatasetError
        If a file is not what it should be. Of ``mnist-c`` only the archive is checked, not the user's own files.
    DataUnavailableError
        If a file is not here and cannot be downloaded.
    """
    known = normalise(name)
    if known == MNIST_C:
        return fetch_mnist_c(progress=progress)
    if known not in ENTRIES:
        raise unknown_name("data set", name, (*ENTRIES, MNIST_C), mend="Files of your own need not be fetched.")
    return locate(known, ENTRIES[known].sha256, progress=progress)
