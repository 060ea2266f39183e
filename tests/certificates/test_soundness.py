"""False certificates, counted over 10,000 trials on models whose probabilities and radii are known exactly."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from pytest_robustness.certificates import DiscreteNoise, GaussianNoise, SmoothedClassifier
from pytest_robustness.classifiers import load_classifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRIALS = 10_000
# One certificate of ten may be wrong: at the 0.001 that users ask for, so few are that no test could tell 0.001 from 0.
CONFIDENCE = 0.9


def all_images(levels: int, pixels: int) -> NDArray[np.int64]:
    return np.array(list(itertools.product(range(levels + 1), repeat=pixels)))


def smoothed_by_table(noise: DiscreteNoise, labels: NDArray[np.int64], pixels: int) -> SmoothedClassifier:
    """The model that looks its label up by the number that the levels of an image are the digits of."""
    places = (noise.levels + 1) ** np.arange(pixels)[::-1]

    def look_up(images: NDArray[np.float32]) -> NDArray[np.int64]:
        return labels[np.rint(images.reshape(len(images), -1) * noise.levels).astype(np.int64) @ places]

    options: dict[str, Any] = {"input_shape": (1, 1, pixels), "outputs": "labels", "num_classes": int(labels.max()) + 2}
    return SmoothedClassifier(load_classifier(look_up, **options), noise)


def transition(noise: DiscreteNoise, pixels: int) -> NDArray[np.float64]:
    """The probability of each image (column) under the noise around each (row)."""
    every = all_images(noise.levels, pixels)
    apart = (every[:, None] != every).sum(axis=2)
    alpha = float(noise.alpha)
    return alpha ** (pixels - apart) * ((1 - alpha) / noise.levels) ** apart


def hardest(noise: DiscreteNoise, radius: int, pixels: int) -> tuple[NDArray[np.int64], float]:
    """The labels by which image 0 is of class 1 with a probability as close to the threshold as they can be, from
    below, though the image whose first `radius` pixels are of level 1 is of another class; and that probability.

    It is the worst model of Neyman and Pearson, the images that are likelier around image 0 than around the other one.
    """
    every, masses = all_images(noise.levels, pixels), transition(noise, pixels)
    other = (every == np.array([1] * radius + [0] * (pixels - radius))).all(axis=1).argmax()
    gain = np.log(masses[0] / masses[other]).round(9)
    order = np.lexsort((-masses[0], -gain))
    labels, here, there = np.zeros(len(every), dtype=np.int64), 0.0, 0.0
    for one in order:
        if there + masses[other, one] <= 0.5 - 1e-12:
            labels[one], here, there = 1, here + masses[0, one], there + masses[other, one]
    return labels, here


def assert_within(false: int, error: float, trials: int = TRIALS) -> None:
    """A share of false certificates that is refuted to be `error` or less, but once in 10,000 times, is an error."""
    assert stats.binom.sf(false - 1, trials, error) > 1e-4, false


@pytest.mark.parametrize(("noise", "radius", "pixels"), [(DiscreteNoise("0.8"), 1, 8), (DiscreteNoise("0.7", 2), 1, 5)])
def test_certify_is_wrong_as_rarely_as_was_promised(noise: DiscreteNoise, radius: int, pixels: int) -> None:
    n = 200
    labels, p = hardest(noise, radius, pixels)
    assert 0 <= float(noise.least(radius)) - p < 2e-3  # it is hard indeed, and not to be certified
    black = np.zeros((TRIALS, 1, 1, pixels), dtype=np.uint8)
    found = smoothed_by_table(noise, labels, pixels).certify(black, n0=10, n=n, confidence=CONFIDENCE)
    false = int((found.radius >= radius).sum())
    assert_within(false, 1 - CONFIDENCE)
    assert false > 0.4 * (1 - CONFIDENCE) * TRIALS  # the trials do come near the error that is allowed
    assert (found.labels[found.radius >= 0] == 1).all()
    assert_within(int((found.p_lower > p).sum()), 1 - CONFIDENCE)
    votes = int(found.counts[:, 1].sum())
    assert stats.binomtest(votes, TRIALS * n, p).pvalue > 1e-3  # the noise has the probabilities of the mathematics


@pytest.mark.parametrize(
    ("noise", "radius", "pixels", "trials"),
    [
        (DiscreteNoise("0.8"), 1, 8, TRIALS),
        (DiscreteNoise("0.7", 2), 1, 5, TRIALS),
        (DiscreteNoise("0.8"), 2, 8, TRIALS // 10),
        (DiscreteNoise("0.2"), 1, 8, TRIALS // 10),
    ],
)
def test_certify_at_is_wrong_as_rarely_as_was_promised(
    noise: DiscreteNoise, radius: int, pixels: int, trials: int
) -> None:
    labels, p = hardest(noise, radius, pixels)
    assert 0 <= float(noise.least(radius)) - p < 4e-3
    black = np.zeros((trials, 1, 1, pixels), dtype=np.uint8)
    model = smoothed_by_table(noise, labels, pixels)
    found = model.certify_at(black, radius, n0=10, n=160, confidence=CONFIDENCE, seed=1)
    assert_within(int(found.certified.sum()), 1 - CONFIDENCE, trials)
    assert found.certified.sum() > 0.3 * (1 - CONFIDENCE) * trials
    # And one radius less is found, nearly always.
    assert model.certify_at(black[:200], radius - 1, n=300, confidence=CONFIDENCE).certified.mean() > 0.85


@pytest.mark.parametrize(("levels", "alpha", "pixels"), [(1, "0.8", 5), (2, "0.75", 3), (1, "0.3", 5)])
def test_certificates_of_any_model_hold_at_all_images(levels: int, alpha: str, pixels: int) -> None:
    """Models without any structure, their exact radii by looking at all images."""
    noise, every = DiscreteNoise(alpha, levels), all_images(levels, pixels)
    masses, apart = transition(noise, pixels), (every[:, None] != every).sum(axis=2)
    generator = np.random.default_rng(levels)
    images = (every / levels).astype(np.float32).reshape(-1, 1, 1, pixels)
    false = wrong = certified = 0
    models = TRIALS // len(every) // 5
    for trial in range(models):
        # Mostly one class, or nothing could be certified.
        labels = (generator.random(len(every)) < generator.uniform(0.02, 0.3)).astype(np.int64)
        probabilities = np.stack([masses @ (labels == label) for label in (0, 1)], axis=1)
        nearest = np.stack(
            [np.where(probabilities[:, label] > 0.5, pixels + 1, apart).min(axis=1) for label in (0, 1)], axis=1
        )
        model = smoothed_by_table(noise, labels, pixels)
        found = model.certify(images, n0=10, n=170, confidence=CONFIDENCE, seed=trial)
        label = np.where(found.radius >= 0, found.labels, 0)
        false += int((found.radius >= nearest[np.arange(len(every)), label]).sum())
        radius = 1 + trial % 2
        at = model.certify_at(images, radius, n0=10, n=170, confidence=CONFIDENCE, seed=trial)
        wrong += int((at.certified & (radius >= nearest[np.arange(len(every)), at.labels])).sum())
        certified += int(at.certified.sum()) + int((found.radius > 0).sum())
    trials = models * len(every)
    assert_within(false, 1 - CONFIDENCE, trials)
    assert_within(wrong, 1 - CONFIDENCE, trials)
    assert certified > trials // 10


def linear_model(noise: GaussianNoise, margin: float) -> SmoothedClassifier:
    """Class 1 below a line, whose distance from the image at 0.5 is the exact radius."""

    def below(images: NDArray[np.float32]) -> NDArray[np.int64]:
        sides = (images.reshape(-1, 2) - 0.5) @ np.array([0.6, 0.8])
        return (sides < margin).astype(np.int64)

    return SmoothedClassifier(load_classifier(below, input_shape=(1, 1, 2), outputs="labels", num_classes=2), noise)


def test_gaussian_certificates_are_wrong_as_rarely_as_was_promised() -> None:
    sigma, margin = 0.25, 0.3
    model, images = linear_model(GaussianNoise(sigma), margin), np.full((TRIALS, 1, 1, 2), 0.5)
    found = model.certify(images, n0=10, n=300, confidence=CONFIDENCE)
    false = int((found.radius >= margin).sum())
    assert_within(false, 1 - CONFIDENCE)
    assert false > 0.4 * (1 - CONFIDENCE) * TRIALS
    at = model.certify_at(images, margin, n0=10, n=160, confidence=CONFIDENCE, seed=1)
    assert_within(int(at.certified.sum()), 1 - CONFIDENCE)
    assert at.certified.sum() > 0.3 * (1 - CONFIDENCE) * TRIALS
    assert model.certify_at(images[:200], margin / 2, n=300, confidence=CONFIDENCE).certified.mean() > 0.85
    votes, p = int(found.counts[:, 1].sum()), stats.norm.cdf(margin / sigma)
    assert stats.binomtest(votes, TRIALS * 300, p).pvalue > 1e-3


def test_the_hardest_model_is_one_that_no_smaller_threshold_would_do_for() -> None:
    labels, p = hardest(DiscreteNoise("0.8"), 1, 8)
    there = transition(DiscreteNoise("0.8"), 8)[2**7] @ labels
    assert there <= 0.5
    assert p == pytest.approx(0.875, abs=1e-4)
    assert Fraction(7, 8) == DiscreteNoise("0.8").least(1)
    assert math.isclose(float(transition(DiscreteNoise("0.8"), 8)[0].sum()), 1)
