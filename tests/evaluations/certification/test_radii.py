from __future__ import annotations

import numpy as np
import pytest

from pytest_robustness.certificates import DiscreteNoise, GaussianNoise
from pytest_robustness.certificates.bounds import largest_radius
from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations.certification.radii import check_reach, radii_of


@pytest.mark.parametrize(
    ("given", "norm", "radii"),
    [
        (3, "l0", (3,)),
        ([2, 0, 2], "l0", (0, 2)),
        (range(4), "l0", (0, 1, 2, 3)),
        (np.arange(3), "l0", (0, 1, 2)),
        (np.int64(5), "l0", (5,)),
        (3.0, "l0", (3,)),
        ([0, np.float32(2)], "l0", (0, 2)),
        (np.array(2), "l0", (2,)),
        ("3", "l0", (3,)),
        ("0..10", "l0", tuple(range(11))),
        ("0, 2,5", "l0", (0, 2, 5)),
        ("0..2,7", "l0", (0, 1, 2, 7)),
        (1, "l2", (1.0,)),
        ((0.5, 0), "l2", (0.0, 0.5)),
        ("0,0.25,1e-1", "l2", (0.0, 0.1, 0.25)),
        (np.float32(0.5), "l2", (0.5,)),
    ],
)
def test_radii_are_builtin_numbers_in_order(given, norm, radii):
    found = radii_of(given, norm)
    assert found == radii
    assert {type(radius) for radius in found} == {int if norm == "l0" else float}


@pytest.mark.parametrize(
    ("given", "norm", "message"),
    [
        (0.5, "l0", "radius is out of range: got 0.5; allowed: a whole number"),
        (-1, "l2", "got -1"),
        (True, "l0", "got True"),
        (None, "l0", "got None"),
        ([], "l0", "at least one number"),
        ("5..3", "l0", "at least one number"),
        ([[1, 2], [3]], "l0", "radius is out of range"),
        (float("nan"), "l2", "radius is out of range"),
        (101, "l0", "got 101; allowed: a whole number of values, 0 to 100"),
        ("0..999999999999", "l0", "allowed: a whole number of values, 0 to 100"),
        ("-3000000000..3", "l0", "got -3000000000; allowed: a whole number of values, 0 to 100"),
        (float("inf"), "l0", "got inf; allowed: a whole number of values"),
        (range(10**12), "l0", "there are too many radii: got 1000000000000; allowed: 1 to 1000 of them"),
        (np.zeros(1001), "l2", "there are too many radii: got 1001"),
        (",".join(["0"] * 1001), "l2", "there are too many radii: got 1001"),
        (np.zeros((2, 2)), "l2", "radius is out of range"),
        ("1..2..3", "l0", "radius cannot be read: got '1..2..3'"),
        ("", "l0", "radius cannot be read"),
        ("many", "l2", "radius cannot be read: got 'many'; allowed: a number of at least 0"),
        ("0..1", "l2", "radius cannot be read"),
        (
            "0.5",
            "l0",
            r"radius cannot be read: got '0.5'; allowed: a whole number of values \(of grey images: pixels\)",
        ),
    ],
)
def test_what_is_no_radius_is_refused(given, norm, message):
    with pytest.raises(ParameterError, match=message):
        radii_of(given, norm)


# The largest radius that is certified where all n draws agree, at a confidence of 0.999, computed from the published
# thresholds of Lee et al. for n = 1,000, 10,000, 100,000 and 1,000,000.
LARGEST = {"0.72": (7, 12, 17, 22), "0.8": (4, 6, 9, 11), "0.88": (2, 3, 4, 6), "0.96": (1, 2, 2, 3)}


@pytest.mark.parametrize("alpha", LARGEST)
def test_the_largest_radius_in_l0(alpha):
    found = [largest_radius(DiscreteNoise(alpha), n, 0.999) for n in (1_000, 10_000, 100_000, 1_000_000)]
    assert tuple(found) == LARGEST[alpha]


def test_the_largest_radius_in_l2():
    # sigma * ppf of the lower bound, as in the tables of Cohen et al. for sigma = 0.25.
    found = [largest_radius(GaussianNoise(0.25), n, 0.999) for n in (1_000, 10_000, 100_000)]
    assert found == pytest.approx([0.615816, 0.799644, 0.952864], abs=1e-6)


def test_a_radius_is_in_reach_from_as_many_draws_as_the_message_says():
    noise = DiscreteNoise(0.8)
    with pytest.raises(ParameterError, match=r"noise_n=880 draws .* got 3; allowed: up to 2\. .* needs noise_n=881,"):
        check_reach(noise, 3, 880, 0.999)
    check_reach(noise, 3, 881, 0.999)


def test_what_is_never_in_reach():
    with pytest.raises(ParameterError, match=r"none with so few draws.*needs noise_n=10,"):
        check_reach(DiscreteNoise(0.8), 0, 9, 0.999)
    with pytest.raises(ParameterError, match=r"got 9\.0; allowed: up to 0\.95286.*No feasible number of draws"):
        check_reach(GaussianNoise(0.25), 9.0, 100_000, 0.999)
    # It would be a number of 21 digits.
    with pytest.raises(ParameterError, match="No feasible number of draws shows so much: take a smaller radius"):
        check_reach(GaussianNoise(0.25), 2.3, 100_000, 0.999)
