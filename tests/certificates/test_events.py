from __future__ import annotations

import math
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pytest_robustness.certificates.events import exact_events
from pytest_robustness.transforms.random import sample_generator


class Told:
    """A generator of the bytes that it is told."""

    def __init__(self, *rounds: Any) -> None:
        self._rounds = [np.asarray(one, dtype=np.uint8) for one in rounds]
        self.bit_generator = SimpleNamespace(random_raw=self._next)

    def _next(self, words: int) -> Any:
        drawn = self._rounds.pop(0)
        return np.concatenate([drawn, np.zeros(8 * words - len(drawn), dtype=np.uint8)]).view(np.uint64)


@pytest.mark.parametrize(
    "share", [Fraction(1, 5), Fraction(7, 25), Fraction(51, 256), Fraction(1, 3), Fraction(9, 1000)]
)
def test_two_bytes_decide_as_the_share_says(share: Fraction) -> None:
    # Every pair of bytes (a, b) stands for the numbers from a/256 + b/256^2 to the next such number. A pair is decided
    # where all of these are below the share, or none; of the one pair that is left, the third byte decides.
    first, second = np.divmod(np.arange(65536), 256)
    digit = math.floor(256 * share)
    asked = first == digit if 256 * share != digit else np.zeros(65536, dtype=bool)
    third = [0] if (65536 * share).denominator > 1 else []
    happened = exact_events(Told(first, second[asked], third), share, 65536)  # type: ignore[arg-type]
    below = np.arange(65536) + 1 <= math.floor(65536 * share)
    partly = np.arange(65536) == math.floor(65536 * share)
    assert (happened == below)[~partly].all()
    assert int(asked.sum()) in {0, 256}
    # The zero that was the third byte is below the third digit of the share, unless that is zero, too.
    if third and math.floor(256**3 * share) % 256:
        assert happened[partly].all()


@pytest.mark.parametrize("share", [Fraction(1, 5), Fraction(1, 3), Fraction(51, 256), Fraction(1, 10**30)])
def test_frequency_is_the_share_and_not_the_nearest_byte(share: Fraction) -> None:
    n = 4_000_000
    seen = int(exact_events(sample_generator(0, "test", 0), share, n).sum())
    assert stats.binomtest(seen, n, float(share)).pvalue > 1e-3
    if share == Fraction(1, 5):
        assert stats.binomtest(seen, n, 51 / 256).pvalue < 1e-3
