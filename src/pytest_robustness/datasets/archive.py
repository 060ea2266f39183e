"""The archive of MNIST-C: downloaded, and its test files unpacked beside it."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pytest_robustness.datasets.files import _download, cache_folder
from pytest_robustness.errors import DatasetError, DataUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER, IMAGES, LABELS = "mnist_c", "test_images.npy", "test_labels.npy"

ARCHIVE = "mnist_c.zip"
URL = "https://zenodo.org/record/3239543/files/mnist_c.zip"
SHA256 = "af9ee8c6a815870c7fdde5af84c7bf8db0bcfa1f41056db83871037fba70e493"

_NAME = re.compile("[A-Za-z_]+")
_WORK = ".unpacking-"


def unpacked(root: Path) -> dict[str, Path]:
    """Return the folders of the corruptions in a folder, by name; without those that are still being unpacked."""
    return {path.parent.name: path.parent for path in sorted(root.glob(f"*/{IMAGES}")) if path.parent.name[0] != "."}


def is_unfinished(root: Path) -> bool:
    """Tell whether an archive was downloaded to a folder, but not all of it unpacked: it goes when that is done."""
    return (root / ARCHIVE).is_file()


def fetch_archive(*, progress: bool = False) -> Path:
    """Download the archive where downloads are kept, check it, unpack it, and return the folder.

    Raises
    ------
    DatasetError
        If the archive is not what it should be.
    DataUnavailableError
        If it cannot be downloaded or unpacked.
    """
    from filelock import FileLock

    root = cache_folder() / FOLDER
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        # Another process may be at it: what it has unpacked by then need not be downloaded again.
        with FileLock(root.parent / f"{FOLDER}.lock"):
            if is_unfinished(root) or not unpacked(root):
                path = _download(f"{FOLDER}/{ARCHIVE}", URL, SHA256, cache_folder(), progress=progress, retries=0)
                unpack(path, root)
                path.unlink()
    except OSError as error:
        raise DataUnavailableError(
            "MNIST-C could not be unpacked",
            got=f"{type(error).__name__}: {error}",
            mend=f"See to it that {root} can be written to.",
        ) from error
    return root


def unpack(archive: Path, root: Path) -> None:
    """Unpack the test images and labels of every corruption into ``<root>/<corruption>/``.

    All are written to a temporary folder of `root`, and moved when they are whole. What is there already stays.

    Raises
    ------
    DatasetError
        If the archive is damaged, or has no such files.
    """
    for left in root.glob(f"{_WORK}*"):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=_WORK) as name:
        work = Path(name)
        try:
            with zipfile.ZipFile(archive) as opened:
                for member, place in _wanted(opened.infolist()).items():
                    (work / place).parent.mkdir(exist_ok=True)
                    with opened.open(member) as source, (work / place).open("xb") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
            raise DatasetError(
                f"{archive} cannot be unpacked", got=f"{type(error).__name__}: {error}", mend="Delete it and try again."
            ) from error
        for folder in sorted(work.iterdir()):
            if not (root / folder.name).exists():
                folder.rename(root / folder.name)
    if not unpacked(root):
        raise DatasetError(f"{archive} has no files of MNIST-C", allowed=f"<folder>/<corruption>/{IMAGES} and {LABELS}")


def _wanted(members: Iterable[zipfile.ZipInfo]) -> dict[zipfile.ZipInfo, Path]:
    """Return where members go, for those with a name of ours under one of letters; no other part of a path is used."""
    places: dict[Path, zipfile.ZipInfo] = {}
    for member in members:
        folder, file = ("", "", *PurePosixPath(member.filename).parts)[-2:]
        if file in (IMAGES, LABELS) and _NAME.fullmatch(folder) and not member.is_dir():
            places.setdefault(Path(folder) / file, member)
    whole = {place.parent for place in places if {place.parent / IMAGES, place.parent / LABELS} <= set(places)}
    return {member: place for place, member in places.items() if place.parent in whole}
