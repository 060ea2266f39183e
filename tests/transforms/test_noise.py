"""Noise against the distributions it should have."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from pytest_robustness.transforms.noise import impulse_noise, shot_noise
from pytest_robustness.transforms.random import sample_uniform

GRID = (np.arange(10_000) + 0.5) / 10_000


@pytest.mark.parametrize("pixel", [0, 1, 50, 128, 200, 255])
def test_shot_noise_is_a_clipped_poisson_count(pixel):
    counted = shot_noise(np.full(GRID.shape, pixel, np.uint8), GRID)
    shares = [(counted == level).mean() for level in (0, 85, 170, 255)]
    mean = 3 * pixel / 255
    expected = [*poisson.pmf([0, 1, 2], mean), poisson.sf(2, mean)]
    np.testing.assert_allclose(shares, expected, atol=1.1e-4)  # the grid's resolution
    assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize("photons", [5, 12, 25, 60])
def test_shot_noise_counts_as_many_photons_as_it_is_told(photons):
    counted = shot_noise(np.full(GRID.shape, 100, np.uint8), GRID, photons=photons)
    levels, counts = np.unique(counted, return_counts=True)
    kinds = np.arange(photons + 1)
    expected = np.where(kinds < photons, poisson.pmf(kinds, photons * 100 / 255), 0)
    expected[-1] = 1 - expected.sum()
    shares = dict(zip(levels.tolist(), counts / len(GRID), strict=True))
    found = [shares.get(round(255 * k / photons), 0.0) for k in kinds.tolist()]
    np.testing.assert_allclose(found, expected, atol=1.1e-4)


def test_shot_noise_keeps_black_black():
    assert not shot_noise(np.zeros(3, np.uint8), np.array([0.0, 0.5, np.nextafter(1, 0)])).any()


def test_impulse_noise_hits_the_stated_share():
    noisy = impulse_noise(np.full(GRID.shape, 100, np.uint8), GRID, amount=0.2)
    assert [(noisy == level).mean() for level in (0, 100, 255)] == [0.1, 0.8, 0.1]


def test_impulse_noise_defaults_to_the_published_amount():
    noisy = impulse_noise(np.full(GRID.shape, 100, np.uint8), GRID)
    assert [(noisy == level).mean() for level in (0, 100, 255)] == [0.085, 0.83, 0.085]


@pytest.mark.parametrize(("amount", "unchanged"), [(0.0, 1.0), (1.0, 0.0)])
def test_impulse_noise_none_and_all(amount, unchanged):
    numbers = sample_uniform(0, "noise", range(10), (28, 28))
    noisy = impulse_noise(np.full(numbers.shape, 100, np.uint8), numbers, amount=amount)
    assert (noisy == 100).mean() == unchanged
