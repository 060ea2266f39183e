"""Only exact built-in types leave a record."""

from __future__ import annotations

import enum
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.errors import ParameterError
from pytest_robustness.scorecard.builtin import finite, to_builtin

PLAIN = {str, int, float, bool, type(None), list, dict}


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "not the text itself"


class Whole(enum.IntEnum):
    ONE = 1


def types_in(value: object) -> set[type]:
    inside: set[type] = {type(value)}
    if isinstance(value, dict):
        inside |= {kind for pair in value.items() for item in pair for kind in types_in(item)}
    elif isinstance(value, list):
        inside |= {kind for item in value for kind in types_in(item)}
    return inside


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1, 2]], dtype=np.uint8), [[1, 2]]),
        (torch.tensor([0.5]), [0.5]),
        (Text("abc"), "abc"),
        (Whole.ONE, 1),
        (Path("a/b"), "a/b"),
        (Fraction(1, 2), "1/2"),
        ((1, (2.0, None)), [1, [2.0, None]]),
        ({Text("k"): {3: np.float64(1)}}, {"k": {"3": 1.0}}),
        ({2, 1}, [1, 2]),
    ],
)
def test_converts_to_exact_types(value: object, expected: object) -> None:
    plain = to_builtin(value)
    assert plain == expected
    assert types_in(plain) <= PLAIN


def test_refuses_what_cannot_be_recorded() -> None:
    with pytest.raises(ParameterError, match="cannot be recorded"):
        to_builtin({"model": object()})


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(nested)
def test_leaves_plain_data_as_it_is(value: Any) -> None:
    assert repr(to_builtin(value)) == repr(value)


@given(nested)
def test_finite_has_no_nan_and_no_infinity(value: Any) -> None:
    def floats(item: Any) -> list[float]:
        if isinstance(item, dict | list):
            return [x for inner in (item.values() if isinstance(item, dict) else item) for x in floats(inner)]
        return [item] if isinstance(item, float) else []

    assert all(math.isfinite(x) for x in floats(finite(value)))
