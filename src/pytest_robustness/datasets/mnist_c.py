"""MNIST-C as its authors publish it: corrupted copies of the MNIST test set, read from files.

Where there are none, they are downloaded.

Mu and Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision", arXiv:1906.02337.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.datasets.archive import FOLDER, IMAGES, LABELS, fetch_archive, is_unfinished, unpacked
from pytest_robustness.datasets.dataset import Dataset
from pytest_robustness.datasets.files import DATA_VARIABLE, DatasetInfo, cache_folder, data_folder
from pytest_robustness.datasets.registry import MNIST_C
from pytest_robustness.errors import DatasetError, DataUnavailableError, unknown_name

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_SIZE, _SHAPE = 10_000, (1, 28, 28)
_INSTEAD = 'Use suite="mnist-c-generated", which corrupts any data set.'


def mnist_c_corruptions() -> tuple[str, ...]:
    """Return the names of the corruptions whose files are there, sorted, without ``identity``.

    Where there are none, they are downloaded and kept.

    Raises
    ------
    DatasetError
        If what is downloaded is not what it should be.
    DataUnavailableError
        If the files are neither here nor downloadable.
    """
    return tuple(name for name in _folders() if name != "identity")


def fetch_mnist_c(*, progress: bool = False) -> list[Path]:
    """Bring the files of MNIST-C to this machine, where there are none, and return their paths.

    Raises
    ------
    DatasetError
        If the archive is not what it should be.
    DataUnavailableError
        If the files are not here and cannot be downloaded.
    """
    folders = _folders(progress=progress)
    return [folder / file for folder in folders.values() for file in (IMAGES, LABELS) if (folder / file).is_file()]


def describe_mnist_c() -> DatasetInfo:
    """Describe MNIST-C as `describe` does the data sets; nothing is loaded or downloaded."""
    found = _here()
    return DatasetInfo(
        name=MNIST_C,
        n=_SIZE,
        copies=16,
        shape=_SHAPE,
        licence="CC BY 4.0; Mu and Gilmer 2019, arXiv:1906.02337",
        location=str(next(iter(found.values())).parent) if found else None,
    )


def load_mnist_c(corruption: str, *, like: Dataset) -> Dataset:
    """Load the corrupted copies of some images of the MNIST test set.

    Parameters
    ----------
    corruption : str
        One of `mnist_c_corruptions`, or ``identity``.
    like : Dataset
        The MNIST test set or a sample of it.

    Returns
    -------
    Dataset
        Row for row the images of `like`, corrupted, with the same labels, ids and population.

    Raises
    ------
    DatasetError
        If `like` is not the MNIST test set or a sample of it, or a file is not what it should be.
    ParameterError
        If the corruption is not known.
    DataUnavailableError
        If the files are neither here nor downloadable.
    """
    folders = _folders()
    name = corruption.strip().lower().replace("-", "_").replace(" ", "_")
    if name not in folders:
        raise unknown_name("MNIST-C corruption", corruption, folders)
    _check_is_mnist(like, folders.get("identity"), _load(folders[name] / LABELS, (_SIZE,)))
    return Dataset(
        images=_images(folders[name], like.ids),
        labels=like.labels,
        name=f"mnist-c/{name}",
        ids=like.ids,
        population=_SIZE,
    )


def _check_is_mnist(like: Dataset, identity: Path | None, labels: NDArray[Any]) -> None:
    """Compare size, shape and labels, and the pixels too where the uncorrupted images are among the files."""
    got = ""
    if like.population != _SIZE or like.shape != _SHAPE:
        got = f"{like.population} images of shape {like.shape}"
    elif not np.array_equal(labels[like.ids], like.labels):
        got = "other labels"
    elif identity and np.abs(_images(identity, like.ids) / 255 - like.pixels()).max() > 1.01 / 255:
        got = "other images"
    if got:
        raise DatasetError(
            f"MNIST-C corrupts the MNIST test set alone, and {like.name} is not that",
            got=got,
            allowed="mnist, or a sample of it",
            mend=_INSTEAD,
        )


def _folders(*, progress: bool = False) -> dict[str, Path]:
    """Return the folders of the corruptions by name: the user's own, else a download that is kept."""
    if found := _here():
        return found
    try:
        return unpacked(fetch_archive(progress=progress))
    except DataUnavailableError as error:
        if found := unpacked(cache_folder() / FOLDER):  # by hand, beside an archive that is not ours
            return found
        raise DataUnavailableError(
            "the files of MNIST-C are not on this machine",
            got=f"nothing in {' or '.join(map(str, _roots()))}",
            allowed=f"<folder>/{FOLDER}/<corruption>/{IMAGES} and {LABELS}",
            mend="Download mnist_c.zip from https://zenodo.org/records/3239543 and unpack it there, "
            f"or set {DATA_VARIABLE} to the folder that holds {FOLDER}. {_INSTEAD}",
        ) from error


def _here() -> dict[str, Path]:
    """Return the folders that are on this machine; files in the user's own folder may be of any origin."""
    for root in _roots():
        if (root.parent == data_folder() or not is_unfinished(root)) and (found := unpacked(root)):
            return found
    return {}


def _roots() -> list[Path]:
    return [folder / FOLDER for folder in (data_folder(), cache_folder()) if folder]


def _images(folder: Path, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
    _, height, width = _SHAPE
    rows: NDArray[np.uint8] = _load(folder / IMAGES, (_SIZE, height, width, 1))[ids]
    return rows.reshape(-1, *_SHAPE)


def _load(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    """Map a file into memory, so that a sample costs the reading of its own rows only."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise DataUnavailableError("a file of MNIST-C is missing", got=str(path), mend="Unpack it again.") from error
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{path} cannot be read", got=f"{type(error).__name__}: {error}") from error
    if array.shape != shape or array.dtype.kind not in "iu" or (len(shape) > 1 and array.dtype != np.uint8):
        raise DatasetError(
            f"{path} is not a file of MNIST-C", got=f"{array.dtype} of shape {array.shape}", allowed=f"shape {shape}"
        )
    return np.asarray(array)
