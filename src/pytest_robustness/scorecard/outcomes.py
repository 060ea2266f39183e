"""What became of every single sample, small enough to be kept with a scorecard under version control."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_MOST_TIMES = 255
_LARGEST = 1 << 26
"""Bytes that outcomes may unpack to: a damaged or hostile file must not fill the memory."""


def pack_outcomes(ids: NDArray[np.int64], correct: NDArray[np.bool_]) -> dict[str, Any] | None:
    """Pack which samples were correct, in the order of their ids.

    Parameters
    ----------
    ids : ndarray of int, shape (N,)
        All different.
    correct : ndarray of bool, shape (N,) or (N, T)
        Of each sample, once or T times. Only how often it was correct is kept.

    Returns
    -------
    dict or None
        ``samples`` (N), ``times`` (T), ``ids`` (a digest of the ids) and ``bits``: a bit a sample, or a byte where T
        is more than 1; deflated, in Base64. None where T is more than 255.
    """
    order = np.argsort(ids, kind="stable")
    times = 1 if correct.ndim == 1 else correct.shape[1]
    if times > _MOST_TIMES:
        return None
    counts = (correct[:, None] if correct.ndim == 1 else correct)[order].sum(axis=1).astype(np.uint8)
    plain = np.packbits(counts) if times == 1 else counts
    bits = base64.b64encode(zlib.compress(plain.tobytes(), 9)).decode("ascii")
    return {"samples": len(counts), "times": int(times), "ids": ids_digest(ids), "bits": bits}


def unpack_outcomes(packed: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return the share of the times that each sample was correct, (N,), in the order of the ids.

    Raises
    ------
    ConfigurationError
        If the outcomes are damaged.
    """
    try:
        samples, times = int(packed["samples"]), int(packed["times"])
        inflate = zlib.decompressobj()
        plain = inflate.decompress(base64.b64decode(packed["bits"], validate=True), _LARGEST)
        values = np.frombuffer(plain, np.uint8)
        counts = np.unpackbits(values)[:samples] if times == 1 else values
        whole = len(values) == (-(-samples // 8) if times == 1 else samples) and inflate.eof
        if not whole or samples < 1 or times < 1 or int(counts.max()) > times:
            raise ConfigurationError("the outcomes of a row are not as many as it says", got=samples)
        return counts / times
    except (KeyError, TypeError, ValueError, binascii.Error, zlib.error) as error:
        raise ConfigurationError("the outcomes of a row are damaged", got=str(error)) from error


def ids_digest(ids: NDArray[np.int64]) -> str:
    """Return a digest of sample ids, whatever their order."""
    return hashlib.sha256(np.sort(ids).astype("<i8").tobytes()).hexdigest()[:16]
