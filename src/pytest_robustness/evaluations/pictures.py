"""Writing pictures, and what else a result is saved as; pictures are the same from run to run."""

from __future__ import annotations

import io
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import ConfigurationError, unknown_name

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure

PICTURE_FORMATS: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""Suffix of a picture -> the metadata that keep it the same from run to run."""


def picture_suffix(path: str | os.PathLike[str] | None) -> str:
    """Return the suffix of a picture; raise ParameterError where no picture ends so."""
    suffix = "" if path is None else Path(path).suffix.lower()
    if path is not None and suffix not in PICTURE_FORMATS:
        raise unknown_name("format of a picture", str(path), PICTURE_FORMATS)
    return suffix


def write_picture(figure: Figure, path: Path, suffix: str, *, dpi: int = 130) -> None:
    """Write a figure, making the folders on the way; raise ConfigurationError where that is impossible."""
    picture = io.BytesIO()
    with warnings.catch_warnings():
        # A sign that the font lacks is drawn as a box: no reason to fail where warnings are errors.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(picture, format=suffix[1:], dpi=dpi, metadata=PICTURE_FORMATS[suffix])
    written(path, picture.getvalue(), what="a picture")


def written(path: Path, content: bytes, *, what: str = "a file") -> Path:
    """Write a file; missing folders are made.

    Raises
    ------
    ConfigurationError
        Where it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(f"{what} that cannot be written", got=str(path), mend=f"{error.strerror}.") from error
    return path


def check_writable(path: Path) -> None:
    """Refuse a file that cannot be written, before anything is measured; nothing is left behind.

    Raises
    ------
    ConfigurationError
        Where something is in the way.
    """
    if path.is_dir() or any(parent.is_file() for parent in path.parents):
        raise ConfigurationError("a file cannot be written there", got=str(path))
    folder = next(parent for parent in path.absolute().parents if parent.is_dir())
    try:
        with path.open("ab") if path.exists() else tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigurationError("a file cannot be written there", got=str(path), mend=f"{error.strerror}.") from error
