"""Errors say what was wrong, what was got, what is allowed, how to mend it, and survive the way between processes."""

from __future__ import annotations

import pickle

import pytest

from pytest_robustness import errors
from pytest_robustness.errors import ParameterError, RobustnessError, check_number, unknown_name

ALL = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, RobustnessError)]


def test_the_message_has_its_four_parts_in_order() -> None:
    error = RobustnessError("eps is out of range", got=-1, allowed="0 .. 1", mend="Give a positive eps.")
    assert str(error) == "eps is out of range: got -1; allowed: 0 .. 1. Give a positive eps."


def test_absent_parts_leave_no_trace_and_none_is_a_value() -> None:
    assert str(RobustnessError("it broke")) == "it broke"
    assert str(RobustnessError("no model", got=None)) == "no model: got None"


def test_a_long_value_is_shortened() -> None:
    message = str(RobustnessError("too much", got="x" * 10_000))
    assert len(message) < 200
    assert message.endswith("...")


@pytest.mark.parametrize("kind", ALL)
def test_every_error_survives_pickling(kind: type[RobustnessError]) -> None:
    error = kind("what", got=3, allowed=["a", "b"], mend="Do this.")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)


def test_the_docstring_draws_every_error() -> None:
    assert all(kind.__name__ in str(errors.__doc__) for kind in ALL)


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    message = str(unknown_name("corruption", "sheer", ["scale", "shear"]))
    assert message == "unknown corruption: got 'sheer'; allowed: scale, shear. Did you mean 'shear'?"


def test_an_unknown_name_without_a_near_one_lists_the_names() -> None:
    assert str(unknown_name("norm", "l7", ["linf"])) == "unknown norm: got 'l7'; allowed: linf"


@pytest.mark.parametrize("value", [0, 0.5, 1e9])
def test_a_number_in_range_is_accepted(value: float) -> None:
    check_number("eps", value, minimum=0.0)


@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf"), True, "0.1", None, [0.1]])
def test_a_number_out_of_range_is_refused(value: object) -> None:
    with pytest.raises(ParameterError, match=r"^eps is out of range: got .*; allowed: a finite number of at least 0$"):
        check_number("eps", value, minimum=0.0)


def test_bounds_can_be_strict_and_numbers_whole() -> None:
    with pytest.raises(ParameterError, match="greater than 0"):
        check_number("step_size", 0.0, minimum=0.0, above=True)
    with pytest.raises(ParameterError, match="a whole number of at least 1"):
        check_number("steps", 1.0, minimum=1, whole=True)
