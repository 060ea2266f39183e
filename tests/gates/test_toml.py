"""What is written as TOML is read back as it was."""

from __future__ import annotations

import math
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations import make_requirement
from pytest_robustness.gates.toml import toml_comment, toml_lines, toml_value

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = TEXTS | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=12)


@given(st.dictionaries(TEXTS, VALUES))
def test_values_are_read_back(values: dict[str, object]) -> None:
    assert tomllib.loads("\n".join(toml_lines(values))) == values


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_numbers_keep_every_bit(numbers: list[float]) -> None:
    read = tomllib.loads(f"x = {toml_value(numbers)}")["x"]
    assert [(value, type(value), math.copysign(1, value)) for value in read] == [
        (value, float, math.copysign(1, value)) for value in numbers
    ]


def test_true_is_no_number() -> None:
    assert toml_lines({"a": True, "b": 1, "c": 1.0, "d": None, "e": (1, 2)}) == [
        *("a = true", "b = 1", "c = 1.0", "e = [1, 2]"),
    ]


@pytest.mark.parametrize("value", [None, [None], object(), 2**63, "\ud800"])
def test_what_toml_does_not_have_is_refused(value: object) -> None:
    with pytest.raises(ParameterError):
        toml_value(value)


@given(TEXTS)
def test_a_comment_stays_one(text: str) -> None:
    assert tomllib.loads("\n".join(toml_comment(text))) == {}


EPS = st.floats(0.01, 1)

PARAMETERS = st.one_of(
    st.tuples(st.just("adversarial"), st.fixed_dictionaries({"attack": st.just("fgsm"), "eps": EPS})),
    st.tuples(
        st.just("adversarial"),
        st.fixed_dictionaries(
            {
                "attack": st.sampled_from(["pgd", "bim"]),
                "norm": st.sampled_from(["linf", "l2"]),
                "eps": EPS | st.lists(EPS, min_size=2, max_size=4, unique=True).map(sorted),
                "steps": st.integers(1, 200),
            }
        ),
    ),
    st.tuples(
        st.just("corruption"),
        st.fixed_dictionaries(
            {
                "suite": st.just("mnist-c-generated"),
                "corruptions": st.lists(st.sampled_from(["fog", "stripe", "zigzag"]), min_size=1, unique=True),
            }
        ),
    ),
    st.tuples(
        st.just("ood"),
        st.fixed_dictionaries(
            {
                "outliers": st.sampled_from(["letters", 'it\'s "here"\\ü 😀/a.npz', "all"]),
                "score": st.sampled_from(["msp", "max-logit"]),
            }
        ),
    ),
    st.tuples(
        st.just("calibration"), st.fixed_dictionaries({"bins": st.integers(2, 50), "temperature": st.floats(0.1, 5)})
    ),
    st.tuples(
        st.just("sensitivity"),
        st.fixed_dictionaries(
            {"gamma": st.tuples(st.floats(0.1, 0.9), st.floats(1, 3)).map(list), "points": st.integers(20, 90)}
        ),
    ),
    st.tuples(st.just("certified"), st.fixed_dictionaries({"radius": st.integers(0, 3), "alpha": st.just(0.8)})),
    st.tuples(st.just("saliency"), st.fixed_dictionaries({"fraction": st.floats(0.01, 0.5)})),
)


@given(PARAMETERS)
def test_parameters_of_families_make_the_same_evaluation(asked: tuple[str, dict[str, object]]) -> None:
    family, keys = asked
    parameters = make_requirement(family, keys).evaluation.parameters()
    read = tomllib.loads("\n".join(toml_lines(parameters)))
    assert read == {name: value for name, value in parameters.items() if value is not None}
    assert make_requirement(family, read).evaluation.parameters() == parameters
