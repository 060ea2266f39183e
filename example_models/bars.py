"""Progress of fits that have no steps to be looked at: scikit-learn does them in one call."""

from __future__ import annotations

import io
import threading
import time
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

from tqdm import tqdm  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterator

_TICK = 0.2  # seconds


@contextmanager
def bar_of_time(usual: float) -> Iterator[None]:
    """Show how much of the usual seconds has gone by; none where nobody looks."""
    done = threading.Event()
    with tqdm(total=usual, disable=None, leave=False, bar_format="{percentage:3.0f}%|{bar}| {elapsed}") as bar:
        if bar.disable:
            yield
            return
        start = time.perf_counter()

        def tick() -> None:
            while not done.wait(_TICK):
                bar.update(min(time.perf_counter() - start, 0.99 * usual) - bar.n)

        thread = threading.Thread(target=tick, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


@contextmanager
def bar_of_lines(word: str, total: int) -> Iterator[None]:
    """Show how often a word has been printed, of so many times at most; what was printed where nobody looks."""
    with tqdm(total=total, unit="pass", disable=None, leave=False) as bar:
        if bar.disable:
            yield
            return
        with redirect_stdout(_Counting(word, bar)):
            yield


class _Counting(io.TextIOBase):
    """Takes what is printed, and moves a bar by each occurrence of a word."""

    def __init__(self, word: str, bar: tqdm) -> None:
        super().__init__()
        self.word = word
        self.bar = bar

    def write(self, text: str) -> int:
        self.bar.update(text.count(self.word))
        return len(text)
