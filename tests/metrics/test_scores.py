"""Anomaly scores: closed forms, direction, and what float32 would lose."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, logsumexp, softmax
from scipy.stats import entropy

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics import SCORES, auroc, energy_score

LOGITS = st.integers(0, 2**32).map(lambda seed: 5 * np.random.default_rng(seed).normal(size=(20, 7)))
every_score = pytest.mark.parametrize("name", SCORES)


def score(name: str, logits: np.ndarray) -> np.ndarray:
    """A score from logits, whatever it needs."""
    outputs = log_softmax(logits, axis=1) if SCORES[name].needs == "log_probabilities" else logits
    return SCORES[name].function(outputs)


@given(LOGITS)
def test_closed_forms(logits):
    p = softmax(logits, axis=1)
    expected = {
        "msp": -p.max(axis=1),
        "max-logit": -logits.max(axis=1),
        "energy": -logsumexp(logits, axis=1),
        "entropy": entropy(p, axis=1),
        # Minus the cross-entropy between the uniform distribution and p.
        "outlier-exposure": logits.mean(axis=1) - logsumexp(logits, axis=1),
    }
    assert list(expected) == list(SCORES)
    for name, values in expected.items():
        np.testing.assert_allclose(score(name, logits), values, rtol=1e-9, atol=1e-12)


@every_score
def test_confident_inputs_score_lower(name):
    confident, unsure = 10 * np.eye(4), 0.1 * np.eye(4)
    assert score(name, confident).max() < score(name, unsure).min()


@every_score
@given(LOGITS, st.randoms(use_true_random=False))
def test_classes_have_no_order_and_samples_no_neighbours(name, logits, random):
    classes = random.sample(range(7), 7)
    np.testing.assert_allclose(score(name, logits[:, classes]), score(name, logits), atol=1e-12)
    np.testing.assert_array_equal(score(name, logits[3:5]), score(name, logits)[3:5])


@every_score
def test_float64_out_and_input_unchanged(name):
    logits = np.array([[1, 2, 3], [3, 1, 1]], np.float32)
    assert score(name, logits).dtype == np.float64
    assert score(name, logits).shape == (2,)


def test_msp_keeps_the_order_where_float32_would_tie():
    logits = np.zeros((50, 10))
    logits[:, 0] = np.linspace(20, 30, 50)
    assert len(np.unique(softmax(logits.astype(np.float32), axis=1).max(axis=1))) < 50
    scores = score("msp", logits)
    assert (np.diff(scores) < 0).all()
    assert auroc(scores[25:], scores[:25]) == 1


def test_probabilities_of_zero_are_no_trouble():
    certain = np.array([[0.0, -math.inf, -math.inf], [math.log(0.5), math.log(0.5), -math.inf], [-math.log(3)] * 3])
    np.testing.assert_allclose(SCORES["msp"].function(certain), [-1, -0.5, -1 / 3])
    np.testing.assert_allclose(SCORES["entropy"].function(certain), [0, math.log(2), math.log(3)], atol=1e-12)
    exposure = SCORES["outlier-exposure"].function(certain)
    assert np.isfinite(exposure).all()
    assert (np.diff(exposure) > 0).all()
    # The floor lies below the least logarithm that a float32 probability can have.
    assert exposure[1] < SCORES["outlier-exposure"].function([[math.log(0.5), math.log(0.5), -103.9]])[0]


def test_energy_of_huge_logits_does_not_overflow():
    np.testing.assert_allclose(energy_score([[1e4, 0.0], [-1e4, -1e4]]), [-1e4, 1e4 - math.log(2)])


@given(LOGITS)
def test_energy_refuses_log_probabilities(logits):
    for dtype in (np.float64, np.float32):
        with pytest.raises(ParameterError, match="the energy of log-probabilities is 0 for every input"):
            energy_score(log_softmax(logits, axis=1).astype(dtype))


def test_energy_accepts_a_single_normalised_row_among_others():
    np.testing.assert_allclose(energy_score([[math.log(0.5)] * 2, [1.0, 1.0]]), [0, -1 - math.log(2)], atol=1e-12)


@pytest.mark.parametrize("name", [name for name in SCORES if SCORES[name].needs == "log_probabilities"])
@pytest.mark.parametrize("outputs", [[[1.0, 2.0]], [[0.0, 0.0]], [[-1.0, -math.inf]], [[1e4, 0.0]], [[math.inf, 0.0]]])
def test_logits_are_refused_where_log_probabilities_are_needed(name, outputs):
    with pytest.raises(ParameterError, match="row 0 of the log-probabilities is no distribution"):
        SCORES[name].function(outputs)


@every_score
@pytest.mark.parametrize("outputs", [[[math.nan, 0.0]], [0.0, 1.0], np.zeros((0, 3))])
def test_impossible_outputs(name, outputs):
    with pytest.raises(ParameterError):
        SCORES[name].function(outputs)


@pytest.mark.parametrize("name", ["max-logit", "energy"])
def test_infinite_logits_are_refused(name):
    with pytest.raises(ParameterError, match="first at index 1"):
        SCORES[name].function([[0.0, 1.0], [-math.inf, 0.0]])
