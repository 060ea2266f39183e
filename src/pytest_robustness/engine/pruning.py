"""Keeping a folder of stored outcomes small: what was used longest ago goes first, never what a running session uses.

The time of an entry's file is that of its last use. A session is a process with a `Store` on the folder; the time of a
file of its own is that of its beginning, and it holds the lock beside it, which the system releases when the process
ends, however it ends. What was used since the oldest running session began is in use.
"""

from __future__ import annotations

import os
import re
import secrets
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUND = 10**9
"""Bytes that a store may take, but for what running sessions use."""

_SHARD = re.compile(r"[0-9a-f]{2}")
_ENTRY = re.compile(r"[0-9a-f]{64}\.npz")
_PART = re.compile(r"tmp\w*\.part")
_LOCK = re.compile(r"[0-9a-f]{64}\.lock")
_SESSION = re.compile(r"\d+-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a store: its path, its size in bytes, and when it was used last, in seconds since 1970."""

    path: str
    size: int
    used: float


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in the folder of a store.

    Parameters
    ----------
    entries : tuple of StoredFile
        Outcomes, the one used longest ago first.
    leftovers : tuple of StoredFile
        Parts of outcomes that were being written, some of them when their process was killed.
    locks : tuple of StoredFile
        Lock files of evaluations.
    running : tuple of float
        When the sessions began that are running.
    """

    entries: tuple[StoredFile, ...]
    leftovers: tuple[StoredFile, ...]
    locks: tuple[StoredFile, ...]
    running: tuple[float, ...]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in (*self.entries, *self.leftovers))

    def in_use(self, file: StoredFile) -> bool:
        """Return whether a running session may have used a file."""
        return file.used >= min(self.running, default=float("inf"))


@dataclass(frozen=True, slots=True)
class Pruned:
    """What pruning has removed, and the outcomes that it had to leave because they are in use."""

    removed: int
    freed: int
    spared: int


class Session:
    """The use of a folder by this process, from the first store that is opened on it until the last one is gone."""

    def __init__(self, folder: Path) -> None:
        self.written = 0
        """Bytes since the folder was last looked through."""
        self.looked = False
        self.path = folder / "sessions" / f"{os.getpid()}-{secrets.token_hex(8)}"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock_of(self.path)
        lock.acquire()
        self.path.touch()
        weakref.finalize(self, _end, lock, self.path, os.getpid())

    def grow(self, folder: Path, size: int, bound: int) -> None:
        """Note that `size` bytes were written; prune the folder to three quarters of `bound` where it is full.

        It is looked through at the first call and again after every sixteenth of the bound.
        """
        step = bound // 16
        self.written += size
        if self.looked and self.written < step:
            return
        self.looked, self.written = True, 0
        with suppress(Timeout):  # another process is at it
            prune(folder, size=bound * 3 // 4, full=bound - step, wait=False)


_SESSIONS: weakref.WeakValueDictionary[Path, Session] = weakref.WeakValueDictionary()


def session_on(folder: Path) -> Session:
    """Return the one session of this process on a folder; it runs as long as somebody holds it."""
    place = folder.resolve()
    session = _SESSIONS.get(place)
    if session is None or not session.path.exists():  # somebody has removed the whole folder
        session = _SESSIONS[place] = Session(place)
    return session


def contents(folder: Path) -> Contents:
    """Look through the folder of a store; of a session that has ended, remove the file."""
    shards = [d.path for d in _scan(folder) if _SHARD.fullmatch(d.name) and d.is_dir(follow_symlinks=False)]
    return Contents(
        entries=tuple(sorted(_files(shards, _ENTRY), key=lambda entry: entry.used)),
        leftovers=tuple(_files(shards, _PART)),
        locks=tuple(_files([str(folder / "locks")], _LOCK)),
        running=tuple(
            file.used for file in _files([str(folder / "sessions")], _SESSION) if _is_running(Path(file.path))
        ),
    )


def prune(
    folder: Path, *, size: int, full: int | None = None, unused_since: float | None = None, wait: bool = True
) -> Pruned:
    """Remove outcomes, the one used longest ago first, until a store takes at most `size` bytes.

    Parameters
    ----------
    folder : Path
        Only files that a store has made are touched.
    size : int
        In bytes.
    full : int, optional
        Nothing is done where the store takes no more than this; by default `size`.
    unused_since : float, optional
        Outcomes that were not used since then, in seconds since 1970, are removed whatever the size.
    wait : bool
        For another process that prunes the same folder.

    Raises
    ------
    Timeout
        Where another process is pruning and `wait` is False.
    """
    with FileLock(folder / "prune.lock", timeout=-1 if wait else 0):
        found = contents(folder)
        oldest = min(found.running, default=time.time())
        stale = [file for file in found.leftovers if file.used < oldest]
        freed = _removed(stale)
        total, removed, spared = found.size - freed, 0, 0
        aim = total if total <= (size if full is None else full) else size
        for entry in found.entries:
            if total <= aim and (unused_since is None or entry.used >= unused_since):
                break
            gone = 0 if found.in_use(entry) else _removed([entry])
            total, freed = total - gone, freed + gone
            removed, spared = removed + (gone > 0), spared + (gone == 0)
        if removed:
            _removed([lock for lock in found.locks if lock.used < oldest])
    return Pruned(removed=removed, freed=freed, spared=spared)


def _removed(files: list[StoredFile]) -> int:
    """Remove files, unless one was used in the meantime; return their bytes."""
    freed = 0
    for file in files:
        with suppress(FileNotFoundError, PermissionError):  # gone already, or open in another process of Windows
            if os.stat(file.path).st_mtime <= file.used:  # noqa: PTH116  (there may be very many)
                os.unlink(file.path)  # noqa: PTH108
                freed += file.size
    return freed


def _lock_of(session: Path) -> FileLock:
    return FileLock(session.with_suffix(".lock"))


def _is_running(session: Path) -> bool:
    lock = _lock_of(session)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    _end(lock, session, os.getpid())
    return False


def _end(lock: FileLock, session: Path, process: int) -> None:
    if os.getpid() != process:  # a fork shares the lock, and must not release it
        return
    lock.release(force=True)
    with suppress(OSError):  # left behind where the folder is gone or foreign: it does no harm
        session.unlink(missing_ok=True)
        session.with_suffix(".lock").unlink(missing_ok=True)


def _files(folders: list[str], name: re.Pattern[str]) -> Iterator[StoredFile]:
    for folder in folders:
        for file in _scan(folder):
            if name.fullmatch(file.name):
                with suppress(FileNotFoundError):  # removed since
                    found = file.stat(follow_symlinks=False)
                    yield StoredFile(file.path, found.st_size, found.st_mtime)


def _scan(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except FileNotFoundError:
        return []
