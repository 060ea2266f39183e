"""The IDX format: what is written comes back, and damaged files are refused."""

from __future__ import annotations

import gzip
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_robustness.datasets import read_idx
from pytest_robustness.errors import DatasetError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def encode(array: np.ndarray) -> bytes:
    """Write IDX independently of the reader, element by element for the header."""
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(">BBBB", 0, 0, code, array.ndim) + b"".join(struct.pack(">I", d) for d in array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@given(
    array=st.sampled_from(sorted(CODES)).flatmap(
        lambda code: hnp.arrays(code, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
    ),
    packed=st.booleans(),
)
def test_round_trip(array: np.ndarray, packed: bool) -> None:
    content = encode(array)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "array"
        path.write_bytes(gzip.compress(content) if packed else content)
        again = read_idx(path)
    assert again.dtype == array.dtype
    assert again.dtype.isnative
    assert again.shape == array.shape
    assert again.tobytes() == array.tobytes()  # to the bit: NaN too


VALID = encode(np.arange(12, dtype="u1").reshape(3, 4))
PACKED = gzip.compress(VALID, mtime=0)  # else the names of tests would hold the time, and differ from worker to worker


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file: got 'first bytes none'"),
        (VALID[:3], "not an IDX file"),
        (b"\x01" + VALID[1:], "not an IDX file"),
        (VALID[:2] + b"\x0a" + VALID[3:], "not an IDX file: got 'first bytes 00 00 0a 02'"),
        (VALID[:9], "truncated"),
        (VALID[:-1], r"truncated: got '23 bytes'; allowed: 24 bytes for shape \(3, 4\)"),
        (VALID + b"\0", "longer than its header says"),
        (PACKED[:-9], "cannot be read: got 'EOFError"),
        (PACKED[:-8] + b"\0" * 8, "cannot be read: got 'BadGzipFile"),
        (PACKED[:10] + b"\xff" * 20, "cannot be read: got 'error"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read_idx(path)


def test_a_header_of_impossible_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.write_bytes(struct.pack(">BBBB4I", 0, 0, 0x0E, 4, *[2**32 - 1] * 4) + b"\0" * 8)
    with pytest.raises(DatasetError, match="truncated"):
        read_idx(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot be read: got .FileNotFoundError"):
        read_idx(tmp_path / "none")
