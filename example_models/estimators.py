"""Files of scikit-learn estimators that are the same whenever the same estimator is written."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_LZMA, ZipFile, ZipInfo

import numpy as np
from skops.io import dumps

if TYPE_CHECKING:
    from pathlib import Path


def save_skops(model: Any, path: Path) -> None:
    """Write an estimator in the format of skops, compressed.

    skops names the parts of an estimator by where they lie in memory, and a zip file holds the time of its writing:
    here the parts are numbered, and the time is left at the beginning of the calendar. What lies between the fields of
    records, as the nodes of a tree are, is left to chance: here it is zero.
    """
    with ZipFile(io.BytesIO(dumps(model))) as written, ZipFile(path, "w", ZIP_LZMA) as file:
        numbers: dict[str, int] = {}
        schema = _numbered(json.loads(written.read("schema.json")), numbers)
        for old, new in numbers.items():
            if f"{old}.npy" in written.namelist():
                file.writestr(ZipInfo(f"{new}.npy"), _tidy(written.read(f"{old}.npy")), ZIP_LZMA)
        file.writestr(ZipInfo("schema.json"), json.dumps(schema), ZIP_LZMA)


def _tidy(content: bytes) -> bytes:
    """Return a .npy file with zeros between the fields of its records, if it has any."""
    array = np.load(io.BytesIO(content))
    if not array.dtype.names:
        return content
    clean = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(clean))
    file.write(clean.view(np.uint8).tobytes())  # as bytes: of records numpy copies the fields alone
    return file.getvalue()


def _numbered(part: Any, numbers: dict[str, int]) -> Any:
    """Return a part of the schema with the names of objects and of their files replaced by numbers as they come."""
    if isinstance(part, list):
        return [_numbered(one, numbers) for one in part]
    if not isinstance(part, dict):
        return part
    new = dict(part)
    if "__id__" in part:
        new["__id__"] = numbers.setdefault(str(part["__id__"]), len(numbers))
    if "file" in part:
        new["file"] = f"{numbers.setdefault(part['file'].removesuffix('.npy'), len(numbers))}.npy"
    return {key: value if key in ("__id__", "file") else _numbered(value, numbers) for key, value in new.items()}
