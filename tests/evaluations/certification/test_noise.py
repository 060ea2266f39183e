from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.certificates import DiscreteNoise, GaussianNoise
from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations.certification.noise import (
    checked_confidence,
    noise_of,
    noise_parameters,
    noise_text,
    share_value,
)

NONE = {"alpha": None, "levels": None, "sigma": None}


def test_each_norm_has_its_noise():
    assert noise_parameters("l0", NONE) == {"alpha": 0.8, "levels": 1}
    assert noise_parameters("l2", NONE) == {"sigma": 0.25}
    assert noise_parameters("l0", NONE | {"alpha": "205/256", "levels": 255}) == {"alpha": 0.80078125, "levels": 255}
    assert noise_of("l0", {"alpha": "1/3", "levels": 2}) == DiscreteNoise(Fraction(1, 3), 2)
    assert noise_of("l2", {"sigma": 1}) == GaussianNoise(1.0)


@pytest.mark.parametrize(
    ("norm", "given", "message"),
    [
        ("linf", {}, "unknown norm of a certificate: got 'linf'; allowed: l0, l2"),
        ("l2", {"alpha": 0.8}, "norm='l2' has no alpha: got 0.8; allowed: sigma. alpha is a parameter of norm='l0'"),
        ("l2", {"levels": 1}, "norm='l2' has no levels"),
        ("l0", {"sigma": 0.5}, "norm='l0' has no sigma: got 0.5; allowed: alpha, levels"),
        ("l0", {"alpha": 1}, "alpha is out of range: got 1"),
        ("l0", {"alpha": "much"}, "alpha is out of range: got 'much'"),
        ("l0", {"levels": 0}, "levels is out of range: got 0"),
        ("l0", {"levels": 256}, "levels is out of range: got 256; allowed: 1 to 255"),
        ("l2", {"sigma": 0}, "sigma is out of range: got 0"),
    ],
)
def test_mistakes(norm, given, message):
    with pytest.raises(ParameterError, match=message):
        noise_parameters(norm, NONE | given)


@given(st.fractions(0, 1, max_denominator=10_000))
def test_a_share_keeps_its_exact_value(share):
    value = share_value(share)
    assert Fraction(str(value)) == share
    assert isinstance(value, float) == (Fraction(str(float(share))) == share)


def test_words():
    assert noise_text(DiscreteNoise(0.8)) == "pixels kept with probability 0.8"
    assert noise_text(DiscreteNoise("1/3", 255)) == "pixels kept with probability 1/3, else one of 255 other values"
    assert noise_text(DiscreteNoise(0.8), 3) == "values kept with probability 0.8"
    assert noise_text(GaussianNoise(0.25), 3) == "Gaussian of standard deviation 0.25"


def test_confidence():
    assert checked_confidence("0.999") == 0.999
    for wrong in (0, 1, 99.9, True, None, "1e-400", Fraction(10**30 - 1, 10**30)):
        with pytest.raises(ParameterError, match="noise_confidence is out of range"):
            checked_confidence(wrong)
