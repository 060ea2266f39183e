"""Temperature scaling: against scikit-learn, a search, closed forms, and data that have no best temperature."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics import fit_temperature, negative_log_likelihood, scaled_log_probabilities


def logits_of(seed: int, n: int = 300, classes: int = 4, factor: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `factor` times too large, and labels."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.normal(size=(n, classes))
    fair = np.exp(scaled_log_probabilities(logits, 1.0))
    labels = (generator.random((n, 1)) > fair.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    return factor * logits, labels


@given(st.integers(0, 2**32), st.floats(0.3, 4), st.integers(2, 6))
def test_no_other_temperature_is_likelier(seed, factor, classes):
    logits, labels = logits_of(seed, classes=classes, factor=factor)
    found = fit_temperature(logits, labels)

    def loss(inverse: float) -> float:
        return negative_log_likelihood(np.exp(scaled_log_probabilities(logits, 1 / inverse)), labels)

    best = minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9})
    assert loss(1 / found) <= best.fun + 1e-12
    assert 1 / found == pytest.approx(best.x, rel=1e-4)


def test_a_known_temperature_is_found():
    logits, labels = logits_of(0, n=20_000, factor=2.5)
    # The standard error is about 1 %.
    assert fit_temperature(logits, labels) == pytest.approx(2.5, rel=0.04)


def test_the_same_as_scikit_learn():
    generator = np.random.default_rng(0)
    images, labels = generator.normal(size=(400, 5)), generator.integers(3, size=400)
    images[:, 0] += labels
    model = LogisticRegression(C=100).fit(images[:100] * 3, labels[:100])
    peer = CalibratedClassifierCV(FrozenEstimator(model), method="temperature").fit(images[100:], labels[100:])
    logits = model.decision_function(images[100:])
    found = np.exp(scaled_log_probabilities(logits, fit_temperature(logits, labels[100:])))
    np.testing.assert_allclose(found, peer.predict_proba(images[100:]), atol=1e-4)


def published_search(logits: np.ndarray, labels: np.ndarray) -> float:
    """Hendrycks, Mazeika and Dietterich 2019: thirds of [0.2, 5] until they are 1e-4 apart, by the mean loss."""
    low, high = 0.2, 5.0
    while high - low > 1e-4:
        thirds = low + (high - low) / 3, high - (high - low) / 3
        losses = [negative_log_likelihood(np.exp(scaled_log_probabilities(logits, t)), labels) for t in thirds]
        low, high = (low, thirds[1]) if losses[0] < losses[1] else (thirds[0], high)
    return low


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.5])
def test_the_search_of_the_published_code_finds_the_same(factor):
    logits, labels = logits_of(1, factor=factor)
    assert fit_temperature(logits, labels) == pytest.approx(published_search(logits, labels), abs=2e-4)


@given(st.integers(0, 2**32), st.floats(-50, 50))
def test_logits_and_log_probabilities_are_as_good(seed, shift):
    logits, labels = logits_of(seed, factor=1.7)
    temperature = fit_temperature(logits, labels)
    assert fit_temperature(scaled_log_probabilities(logits, 1.0), labels) == pytest.approx(temperature, rel=1e-6)
    assert fit_temperature(logits + shift, labels) == pytest.approx(temperature, rel=1e-6)
    assert fit_temperature(3 * logits, labels) == pytest.approx(3 * temperature, rel=1e-6)


def test_two_logits_by_hand():
    # Right in three of four, with a difference of 2: sigmoid(2 / T) must be 3/4.
    logits, labels = np.tile([2.0, 0.0], (4, 1)), [0, 0, 0, 1]
    assert fit_temperature(logits, labels) == pytest.approx(2 / math.log(3))


def test_scaling():
    logits = np.array([[1.0, 2.0, -np.inf], [1000.0, 0.0, 0.0]])
    assert scaled_log_probabilities(logits, 2.0)[0, 0] == pytest.approx(-math.log(1 + math.exp(0.5)))
    assert scaled_log_probabilities(logits, 2.0)[0, 2] == -np.inf
    for temperature in (1e-3, 1.0, 1e6):
        probabilities = np.exp(scaled_log_probabilities(logits, temperature))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        assert (probabilities.argmax(axis=1) == logits.argmax(axis=1)).all()
    hot = np.exp(scaled_log_probabilities(logits, 1e6))
    np.testing.assert_allclose(hot[1], 1 / 3, atol=1e-3)
    assert (hot[0, 2], hot[0, 0]) == (0, pytest.approx(0.5, abs=1e-6))


def test_a_probability_of_0_is_accepted_where_it_is_not_the_labels():
    with np.errstate(divide="ignore"):
        logarithms = np.log([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.3, 0.0, 0.7]])

    def loss(inverse: float) -> float:  # odds of 9, 1/4 and 7/3 for what happened
        return sum(math.log(1 + odds**-inverse) for odds in (9, 1 / 4, 7 / 3))

    best = minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9})
    assert fit_temperature(logarithms, [0, 1, 2]) == pytest.approx(1 / best.x, rel=1e-6)
    with pytest.raises(ParameterError, match="a label has probability 0: got '1 of 3 samples, first at index 2"):
        fit_temperature(logarithms, [0, 1, 1])


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([[1.0, 0.0], [2.0, 0.0]], [0, 0], "labels of one class"),
        ([[1.0, 0.0], [0.0, 2.0]], [0, 1], "too few mistakes.*the bound T = 0.01: got '2 of 2 samples right"),
        ([[1.0, 0.0], [0.0, 2.0]], [1, 0], "no likelier than chance.*the bound T = 100: got '0 of 2"),
        ([[1.0, 1.0], [1.0, 1.0]], [1, 0], "no likelier than chance"),
        ([[1.0, 0.0]], [2], "labels are out of range"),
        ([[1.0, 0.0]], [0, 1], "as many as the samples"),
        ([[1.0, np.nan]], [0], "first at index 0"),
        ([[1.0, np.inf]], [0], "row 0 of the logits cannot be used"),
        ([[-np.inf, -np.inf]], [0], "row 0 of the logits cannot be used"),
        ([[1.0]], [0], "one column for each class"),
        (np.zeros((0, 2)), [], "not be empty"),
    ],
)
def test_data_without_a_temperature(logits, labels, message):
    with pytest.raises(ParameterError, match=message):
        fit_temperature(logits, labels)


@pytest.mark.parametrize("temperature", [0, -1.0, math.inf, math.nan, "1", True])
def test_impossible_temperatures(temperature):
    with pytest.raises(ParameterError, match="temperature is out of range"):
        scaled_log_probabilities([[0.0, 1.0]], temperature)
