"""The IDX file format, in which MNIST and its relatives are distributed."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Third byte of the file -> type of the elements, all big-endian.
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"


def read_idx(path: str | Path) -> NDArray[Any]:
    """Read an IDX file, compressed with gzip or plain.

    The format: two zero bytes, one byte for the element type, one for the number of dimensions, each dimension as a
    big-endian 32-bit integer, then the elements in C order (LeCun, Cortes and Burges, "The MNIST database").

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    numpy.ndarray
        Of the file's shape, in the byte order of the machine.

    Raises
    ------
    DatasetError
        If the file cannot be read, is not IDX, or is shorter or longer than its header says.
    """
    content = _read(Path(path))
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise DatasetError(
            f"{path} is not an IDX file",
            got=f"first bytes {content[:4].hex(' ') or 'none'}",
            allowed="00 00, a type code (08, 09, 0b, 0c, 0d, 0e) and the number of dimensions",
        )
    dtype, start = np.dtype(_TYPES[content[2]]), 4 + 4 * content[3]
    shape = tuple(np.frombuffer(content[4:start], dtype=">u4").tolist()) if len(content) >= start else ()
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise DatasetError(
            f"{path} is {'truncated' if len(content) < expected else 'longer than its header says'}",
            got=f"{len(content)} bytes",
            allowed=f"{expected} bytes for shape {shape}",
            mend="Get the file again.",
        )
    elements = np.frombuffer(content, dtype=dtype, offset=start).reshape(shape)
    return elements.astype(dtype.newbyteorder("="), copy=False)


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(_GZIP) else content
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read", got=f"{type(error).__name__}: {error}") from error
