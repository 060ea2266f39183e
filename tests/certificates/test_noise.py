from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_robustness.certificates import DiscreteNoise, GaussianNoise, l0_thresholds
from pytest_robustness.certificates.noise import LARGEST_RADIUS
from pytest_robustness.errors import ParameterError
from pytest_robustness.transforms.random import sample_generator


def generator(index: int = 0) -> np.random.Generator:
    return sample_generator(0, "test", 0, index)


@pytest.mark.parametrize("levels", [1, 2, 3, 100, 255])
@pytest.mark.parametrize("alpha", ["0.8", "0.1", "1/3"])
def test_levels_are_kept_or_changed_to_any_other_alike(alpha: str, levels: int) -> None:
    noise = DiscreteNoise(alpha, levels)
    image = np.arange(levels + 1, dtype=np.uint8).reshape(1, 1, -1)
    n = 200_000 // (levels + 1)
    noisy = noise.noisy(image, noise.draw(generator(levels), (n, 1, 1, levels + 1)))
    found = np.rint(noisy.astype(np.float64) * levels).astype(int)[:, 0, 0]
    assert noisy.dtype == np.float32
    assert np.array_equal(noisy[:, 0, 0], found.astype(np.float32) / np.float32(levels))
    kept, other = float(noise.alpha) * n, (1 - float(noise.alpha)) / levels * n
    observed = np.stack([np.bincount(found[:, level], minlength=levels + 1) for level in range(levels + 1)])
    expected = np.full((levels + 1, levels + 1), other) + np.eye(levels + 1) * (kept - other)
    statistic = ((observed - expected) ** 2 / expected).sum()
    assert stats.chi2.sf(statistic, (levels + 1) * levels) > 1e-3


def test_pixels_of_a_draw_are_independent() -> None:
    drawn = DiscreteNoise("0.8").draw(generator(), (200_000, 1, 1, 4))[:, 0, 0]
    seen = Counter(map(tuple, drawn.tolist()))
    cells = [(pattern, 0.2 ** sum(pattern) * 0.8 ** (4 - sum(pattern))) for pattern in np.ndindex(2, 2, 2, 2)]
    counts, shares = [seen[pattern] for pattern, _ in cells], [share for _, share in cells]
    assert stats.chisquare(counts, np.array(shares) * 200_000).pvalue > 1e-3


def test_gaussian_noise_is_gaussian_and_never_less_than_promised() -> None:
    noise = GaussianNoise(0.1)
    drawn = noise.draw(generator(), (100_000, 1, 1, 1)).ravel()
    assert stats.kstest(drawn / 0.1, "norm").pvalue > 1e-3
    plain = generator().standard_normal(100_000, dtype=np.float32)
    # 0.1 is 0.100000001 in float32, 0.3 is 0.300000012: both are rounded up. 0.7 would be 0.699999988.
    for sigma in (0.1, 0.3, 0.7):
        scale = (GaussianNoise(sigma).draw(generator(), (100_000,)) / plain).astype(np.float64)
        assert np.median(scale) >= sigma
        assert np.median(scale) == pytest.approx(sigma, rel=2e-7)
    image = np.ones((1, 1, 1), dtype=np.float32)
    assert noise.noisy(image, drawn.reshape(-1, 1, 1, 1)).max() > 1.2  # not clipped


def test_the_same_key_draws_the_same() -> None:
    for noise in (DiscreteNoise(0.8), DiscreteNoise(0.3, 7), GaussianNoise(0.5)):
        first, second, other = (noise.draw(generator(index), (5, 1, 3, 3)) for index in (0, 0, 1))
        assert np.array_equal(first, second)
        assert not np.array_equal(first, other)


@given(st.sampled_from(["0.8", "0.6", "0.2", "0.96"]), st.integers(1, 5), st.floats(0, 1, exclude_max=True))
def test_certified_radius_is_where_the_thresholds_say(alpha: str, levels: int, p_lower: float) -> None:
    noise = DiscreteNoise(alpha, levels)
    radius = noise.certified_radius(p_lower)
    thresholds = l0_thresholds(alpha, 40, levels=levels)
    assert radius == -1 + sum(Fraction(p_lower) > threshold for threshold in thresholds) or radius > 40
    if radius >= 0:
        assert p_lower > noise.least(radius)
    assert radius == LARGEST_RADIUS or p_lower <= noise.least(radius + 1)


def test_thresholds_are_not_rounded_down() -> None:
    # 3971/4000 is no float: the float next to it that lies below must not be certified at radius 4.
    noise = DiscreteNoise("0.8")
    exact = noise.least(4)
    assert exact == Fraction(3971, 4000)
    nearest = float(exact)
    below, above = sorted([nearest, math.nextafter(nearest, 1 if Fraction(nearest) < exact else 0)])
    assert (noise.certified_radius(below), noise.certified_radius(above)) == (3, 4)
    # 127/128 is a float: the bound has to be greater.
    assert noise.certified_radius(127 / 128) == 2
    assert noise.certified_radius(math.nextafter(127 / 128, 1)) == 3
    assert noise.certified_radius(0.5) == -1


def test_noise_that_changes_nothing_to_know_certifies_up_to_the_limit() -> None:
    # With alpha = beta all images look alike under the noise.
    assert DiscreteNoise(Fraction(1, 2)).certified_radius(0.51) == LARGEST_RADIUS


@given(st.floats(0.01, 10), st.floats(0, 20))
def test_least_is_what_a_gaussian_radius_needs(sigma: float, radius: float) -> None:
    noise = GaussianNoise(sigma)
    least = noise.least(radius)
    assert 0.5 <= least <= 1
    assert least >= stats.norm.cdf(radius / sigma)
    if 0.5 < least < 1 - 1e-9:
        assert noise.certified_radius(least) == pytest.approx(radius, rel=1e-5, abs=1e-9)


def test_gaussian_radii() -> None:
    # Cohen, Rosenfeld & Kolter: sigma * ppf(p); ppf(0.99) = 2.3263479.
    assert GaussianNoise(0.25).certified_radius(0.99) == pytest.approx(0.581587, abs=1e-6)
    assert GaussianNoise(0.25).certified_radius(0.5) == -1
    assert GaussianNoise(0.25).least(0) == 0.5


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: DiscreteNoise(1.2), r"alpha is out of range: got 1\.2; allowed: a number between 0 and 1"),
        (lambda: DiscreteNoise(0), "alpha is out of range"),
        (lambda: DiscreteNoise(1), "alpha is out of range"),
        (lambda: DiscreteNoise("much"), "alpha is out of range: got 'much'"),
        (lambda: DiscreteNoise(0.8, 0), "levels is out of range: got 0; allowed: a whole number of at least 1"),
        (lambda: DiscreteNoise(0.8, 256), "levels is out of range: got 256; allowed: 1 to 255"),
        (lambda: DiscreteNoise(0.8, 1.5), "levels is out of range"),  # type: ignore[arg-type]
        (lambda: DiscreteNoise(0.8).least(-1), "radius is out of range: got -1"),
        (lambda: DiscreteNoise(0.8).least(1.5), "radius is out of range: got 1.5; allowed: a whole number"),
        (lambda: DiscreteNoise(0.8).least(101), "got 101; allowed: a whole number of values, 0 to 100"),
        (lambda: DiscreteNoise(0.8).least(True), "radius is out of range: got True"),
        (lambda: DiscreteNoise(0.8).least(math.nan), "radius is out of range: got nan"),
        (lambda: DiscreteNoise(0.8).least(math.inf), "radius is out of range: got inf"),
        (lambda: GaussianNoise(0), r"sigma is out of range: got 0; allowed: 0\.0001 to 10000, in units of pixels"),
        (lambda: GaussianNoise(1e39), "sigma is out of range"),
        (lambda: GaussianNoise(1e-8), "sigma is out of range"),
        (lambda: GaussianNoise(math.nan), "sigma is out of range"),
        (lambda: GaussianNoise("0.5"), "sigma is out of range"),  # type: ignore[arg-type]
        (lambda: GaussianNoise(math.inf), "sigma is out of range"),
        (lambda: GaussianNoise(0.5).least(-0.1), "radius is out of range"),
    ],
)
def test_what_is_out_of_range_is_said(make: Any, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        make()


@pytest.mark.parametrize("noise", [DiscreteNoise(0.8), GaussianNoise(0.25)])
@pytest.mark.parametrize("p_lower", [math.nan, -0.1, 1.1, math.inf, "0.9", None, True])
def test_what_is_no_probability_certifies_nothing(noise: Any, p_lower: Any) -> None:
    with pytest.raises(ParameterError, match=r"p_lower is out of range: .*; allowed: a number from 0 to 1"):
        noise.certified_radius(p_lower)


def test_a_float_that_is_whole_is_a_radius() -> None:
    assert DiscreteNoise(0.8).least(3.0) == DiscreteNoise(0.8).least(np.float32(3)) == Fraction(127, 128)


@pytest.mark.parametrize("sigma", [1e-4, 1e4])
def test_noise_at_the_ends_is_noise(sigma: float) -> None:
    noise = GaussianNoise(sigma)
    drawn = noise.noisy(np.full((1, 1, 1), 0.5, np.float32), noise.draw(generator(), (1000, 1, 1, 1)))
    assert np.isfinite(drawn).all()
    assert drawn.std() == pytest.approx(sigma, rel=0.1)


def test_a_float_means_the_decimal_that_it_prints_as() -> None:
    assert DiscreteNoise(0.8) == DiscreteNoise("4/5") == DiscreteNoise(Fraction(4, 5))
    assert DiscreteNoise(0.8).alpha == Fraction(4, 5)
