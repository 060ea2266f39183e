"""A content-addressed store of outcomes: what was computed once is never computed again.

An entry is written to a temporary file and renamed, so that it is whole or absent whenever the process is killed; it
begins with its own checksum, so that damage from outside shows. The lock of an evaluation is held while its missing
blocks are computed: of two processes that need the same evaluation, one computes it and the other reads. A store that
has grown to its bound is pruned: see `pytest_robustness.engine.pruning`.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock

from pytest_robustness.engine import pruning
from pytest_robustness.errors import ConfigurationError, check_number
from pytest_robustness.evaluations import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

_COST = "__cost__"
_CHECKSUM_BYTES = hashlib.sha256().digest_size


class Store:
    """Outcomes in a folder, by the hash of everything that they depend on.

    Parameters
    ----------
    folder : path
        Made where it does not exist; shared safely between processes.
    bound : int, optional
        Bytes that it may take, but for what running sessions use; by default `pruning.BOUND`.

    Raises
    ------
    ConfigurationError
        From here and from every method, where the folder cannot be read or written.
    """

    def __init__(self, folder: str | os.PathLike[str], *, bound: int | None = None) -> None:
        self.folder = Path(folder)
        self.bound = pruning.BOUND if bound is None else bound
        check_number("bound", self.bound, minimum=1, whole=True)
        with self._usable():
            (self.folder / "locks").mkdir(parents=True, exist_ok=True)
            self._session = pruning.session_on(self.folder)

    def get(self, key: str) -> Outcome | None:
        """Return the outcome stored under `key`, which counts as a use; None where there is none, or a damaged one."""
        with self._usable():
            if self._path(key).is_dir():
                return None
            try:
                content = self._path(key).read_bytes()
            except FileNotFoundError:
                return None
        checksum, packed = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
        if hashlib.sha256(packed).digest() != checksum:
            return None
        with suppress(OSError):  # the time of its last use: of no matter where it is gone or another's by now
            os.utime(self._path(key))
        with np.load(io.BytesIO(packed), allow_pickle=False) as entry:
            arrays = {name: entry[name] for name in entry.files}
        seconds, forwards, backwards = arrays.pop(_COST)
        return Outcome(arrays, float(seconds), int(forwards), int(backwards), cached=True)

    def put(self, key: str, outcome: Outcome) -> None:
        """Store an outcome under `key`, atomically, in place of one that is there; a folder in its place stays."""
        cost = np.array([outcome.seconds, outcome.forwards, outcome.backwards])
        packed = io.BytesIO()
        np.savez_compressed(packed, **{**outcome.arrays, _COST: cost})  # type: ignore[arg-type]
        content = packed.getvalue()
        with self._usable():
            if self._path(key).is_dir():
                return
            _write_atomically(self._path(key), hashlib.sha256(content).digest() + content)
            self._session.grow(self.folder, _CHECKSUM_BYTES + len(content), self.bound)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold the lock of an evaluation; the system releases it when the process ends, however it ends."""
        path = self.folder / "locks" / f"{key}.lock"
        with self._usable():
            path.touch()  # the time of its last use
            lock = FileLock(path)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npz"

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Say of an error of the file system which folder it comes from, and that the store can be done without."""
        try:
            yield
        except OSError as error:
            raise ConfigurationError(
                f"the folder of stored outcomes cannot be used: {self.folder}",
                got=error,
                mend="Free it, choose another, or do without stored outcomes (--robustness-no-cache).",
            ) from error


def _write_atomically(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
