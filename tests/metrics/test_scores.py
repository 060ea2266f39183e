"""Anomaly scores without fitting: closed forms, direction, and what float32 would lose."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, logsumexp, softmax
from scipy.stats import entropy

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics import SCORES, Outputs, auroc, energy_score
from pytest_robustness.metrics.scores.confidence import (
    disagreement_score,
    generalised_entropy_score,
    gradient_norm_score,
)

NAMES = ("msp", "max-logit", "energy", "entropy", "outlier-exposure", "gen")
LOGITS = st.integers(0, 2**32).map(lambda seed: 5 * np.random.default_rng(seed).normal(size=(20, 7)))
every_score = pytest.mark.parametrize("name", NAMES)
of_probabilities = pytest.mark.parametrize("name", [n for n in NAMES if SCORES[n].needs == {"log_probabilities"}])


def raw_score(name: str, outputs) -> np.ndarray:
    """A score of exactly these outputs, handed over as what it needs."""
    (need,) = SCORES[name].needs
    return SCORES[name].function(Outputs(**{need: outputs}), None)


def score(name: str, logits) -> np.ndarray:
    """A score from logits, whatever it needs."""
    return raw_score(name, log_softmax(logits, axis=1) if SCORES[name].needs == {"log_probabilities"} else logits)


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
        "gen": (p * (1 - p)).__pow__(0.1).sum(axis=1),
    }
    assert tuple(expected) == NAMES
    for name, values in expected.items():
        np.testing.assert_allclose(score(name, logits), values, rtol=1e-6 if name == "gen" else 1e-9, atol=1e-12)


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


@pytest.mark.parametrize("name", ["msp", "gen"])
def test_the_order_is_kept_where_float32_would_tie(name):
    logits = np.zeros((50, 10))
    logits[:, 0] = np.linspace(20, 30, 50)
    assert len(np.unique(softmax(logits.astype(np.float32), axis=1).max(axis=1))) < 50
    scores = score(name, logits)
    assert (np.diff(scores) < 0).all()
    assert auroc(scores[25:], scores[:25]) == 1


def test_gen_keeps_the_order_where_float64_probabilities_round_to_one():
    logits = np.zeros((30, 3))
    logits[:, 0] = np.linspace(40, 300, 30)
    assert (softmax(logits, axis=1).max(axis=1) == 1).all()
    assert (np.diff(score("gen", logits)) < 0).all()


@given(LOGITS)
def test_gen_of_the_likeliest_classes_and_of_probabilities_that_are_cut(logits):
    p = -np.sort(-softmax(logits, axis=1), axis=1)
    logs = log_softmax(logits, axis=1)
    three = (p * (1 - p))[:, :3] ** 0.5
    np.testing.assert_allclose(generalised_entropy_score(logs, gamma=0.5, classes=3), three.sum(axis=1), rtol=1e-6)
    cut = np.clip(p, 1e-2, 1 - 1e-2)
    expected = ((cut * (1 - cut)) ** 0.1).sum(axis=1)
    np.testing.assert_allclose(generalised_entropy_score(logs, floor=1e-2), expected, rtol=1e-9)
    for options in ({"gamma": 0}, {"floor": -1}, {"classes": 0}):
        with pytest.raises(ParameterError):
            generalised_entropy_score(logs, **options)


def test_probabilities_of_zero_are_no_trouble():
    certain = np.array([[0.0, -math.inf, -math.inf], [math.log(0.5), math.log(0.5), -math.inf], [-math.log(3)] * 3])
    np.testing.assert_allclose(raw_score("msp", certain), [-1, -0.5, -1 / 3])
    np.testing.assert_allclose(raw_score("entropy", certain), [0, math.log(2), math.log(3)], atol=1e-12)
    # (1/2 * 1/2)^0.1 twice, (1/3 * 2/3)^0.1 three times.
    np.testing.assert_allclose(raw_score("gen", certain), [0, 2 * 0.25**0.1, 3 * (2 / 9) ** 0.1], atol=1e-12)
    exposure = raw_score("outlier-exposure", certain)
    assert np.isfinite(exposure).all()
    assert (np.diff(exposure) > 0).all()
    # The floor lies below the least logarithm that a float32 probability can have.
    assert exposure[1] < raw_score("outlier-exposure", [[math.log(0.5), math.log(0.5), -103.9]])[0]


def test_energy_of_huge_logits_does_not_overflow():
    np.testing.assert_allclose(energy_score([[1e4, 0.0], [-1e4, -1e4]]), [-1e4, 1e4 - math.log(2)])


@given(LOGITS)
def test_energy_refuses_log_probabilities(logits):
    for dtype in (np.float64, np.float32):
        with pytest.raises(ParameterError, match="the energy of log-probabilities is 0 for every input"):
            energy_score(log_softmax(logits, axis=1).astype(dtype))


def nearly_normalised() -> dict[str, np.ndarray]:
    logits = np.random.default_rng(0).normal(size=(200, 10))
    short = (10 * logits).astype(np.float32)
    return {
        "float32, large": short - logsumexp(short, axis=1, keepdims=True).astype(np.float32),
        "float32, huge": (1e4 * short - logsumexp(1e4 * short, axis=1, keepdims=True)).astype(np.float32) + 0.4,
        "bfloat16": torch.log_softmax(torch.from_numpy(3 * logits).bfloat16(), dim=1).float().numpy(),
        "float16": log_softmax(30 * logits, axis=1).astype(np.float16),
        "a floor": np.log(np.exp(log_softmax(5 * logits, axis=1)) + 1e-6),
        "within a hundredth": log_softmax(logits[:, :2] / 10, axis=1) + 0.0095,
        "rounded": log_softmax(logits, axis=1).round(2),
        "one column is zero": log_softmax(np.array([[40.0, 0, 1]] * 3), axis=1).astype(np.float32),
    }


@pytest.mark.parametrize("classes", [2, 10, 100, 1000])
@pytest.mark.parametrize("scale", [0.05, 0.5, 5, 50])
def test_energy_refuses_log_probabilities_in_bfloat16(classes, scale):
    logits = torch.from_numpy(scale * np.random.default_rng(0).normal(size=(2000, classes)))
    for outputs in (torch.log_softmax(logits.bfloat16(), dim=1), torch.log_softmax(logits, dim=1).bfloat16()):
        with pytest.raises(ParameterError, match="the energy of log-probabilities is 0 for every input"):
            energy_score(outputs.float().numpy())


@pytest.mark.parametrize("kind", nearly_normalised())
def test_energy_refuses_what_is_almost_normalised(kind):
    with pytest.raises(ParameterError, match="the energy of log-probabilities is 0 for every input"):
        energy_score(nearly_normalised()[kind])


def test_energy_of_logits_is_never_refused():
    generator = np.random.default_rng(0)
    for _ in range(300):
        # Of networks before, in and after training: of any size, classes and batches of two and more.
        scale, classes, n = 10 ** generator.uniform(-6, 3), generator.integers(2, 200), generator.integers(2, 50)
        logits = scale * generator.normal(size=(n, classes)) + generator.normal()
        np.testing.assert_allclose(energy_score(logits), -logsumexp(logits, axis=1), atol=1e-9)
    # Two classes, the second relative to the first, and images that are all surely of the first.
    relative = np.stack([np.zeros(4), [-5, -6, -7, -8]], axis=1)
    np.testing.assert_allclose(energy_score(relative), -np.log1p(np.exp(relative[:, 1])))


def test_energy_of_a_real_network_is_never_refused():
    from example_models.lenet5 import load
    from pytest_robustness.classifiers import load_classifier
    from pytest_robustness.datasets import load_dataset, load_outliers

    model, data = load_classifier(load()), load_dataset("mnist-5k", n=300)
    for images in (data, *(load_outliers(name, like=data) for name in ("uniform-noise", "photo-patches", "inverted"))):
        for rows in np.split(model.logits(images.images), 100):
            assert np.isfinite(energy_score(rows)).all()


def test_energy_accepts_a_single_normalised_row_among_others():
    np.testing.assert_allclose(energy_score([[math.log(0.5)] * 2, [1.0, 1.0]]), [0, -1 - math.log(2)], atol=1e-12)


@of_probabilities
@pytest.mark.parametrize("outputs", [[[1.0, 2.0]], [[0.0, 0.0]], [[-1.0, -math.inf]], [[1e4, 0.0]], [[math.inf, 0.0]]])
def test_logits_are_refused_where_log_probabilities_are_needed(name, outputs):
    with pytest.raises(ParameterError, match="row 0 of the log-probabilities is no distribution"):
        raw_score(name, outputs)


@every_score
@pytest.mark.parametrize("outputs", [[[math.nan, 0.0]], [0.0, 1.0], np.zeros((0, 3))])
def test_impossible_outputs(name, outputs):
    with pytest.raises(ParameterError):
        raw_score(name, outputs)


@pytest.mark.parametrize("name", ["max-logit", "energy"])
def test_infinite_logits_are_refused(name):
    with pytest.raises(ParameterError, match="first at index 1"):
        raw_score(name, [[0.0, 1.0], [-math.inf, 0.0]])


@every_score
def test_outputs_that_were_not_asked_for_are_named(name):
    (need,) = SCORES[name].needs
    with pytest.raises(ParameterError, match=f"needs {need.replace('_', '-')}: got \\['features'\\]"):
        SCORES[name].function(Outputs(features=np.ones((2, 3))), None)


@given(st.integers(0, 2**32))
def test_gradient_norm_is_that_of_the_gradient(seed):
    """One backward pass for each sample, of the mean of -log p over the classes, as Huang et al. 2021 define it."""
    generator = np.random.default_rng(seed)
    features, weight = generator.normal(size=(5, 6)), generator.normal(size=(4, 6))
    expected = []
    for row in features:
        layer = torch.tensor(weight, requires_grad=True)
        (-(torch.tensor(row) @ layer.T).log_softmax(dim=0).mean()).backward()
        expected.append(-float(layer.grad.abs().sum()))
    np.testing.assert_allclose(gradient_norm_score(features, features @ weight.T), expected, rtol=1e-9)


@given(st.integers(0, 2**32))
def test_disagreement_is_the_mean_divergence_from_the_mean(seed):
    members = np.random.default_rng(seed).dirichlet([0.3] * 4, size=(5, 8))
    divergences = entropy(members, members.mean(axis=0, keepdims=True), axis=2)
    np.testing.assert_allclose(disagreement_score(members), divergences.mean(axis=0), atol=1e-12)


def test_disagreement_has_its_bounds():
    same = np.broadcast_to([[0.2, 0.8], [1.0, 0.0]], (3, 2, 2))
    np.testing.assert_allclose(disagreement_score(same), 0, atol=1e-15)
    opposed = np.array([[[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]])
    np.testing.assert_allclose(disagreement_score(opposed), math.log(2))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (np.ones((1, 3, 2)) / 2, "wrong shape"),
        (np.ones((3, 2)) / 2, "wrong shape"),
        (np.ones((2, 3, 2)), "member 0 gives no distribution, first for sample 0"),
        (np.array([[[0.5, 0.5]], [[math.nan, 0.5]]]), "member 1 gives no distribution"),
    ],
)
def test_what_is_no_ensemble_is_refused(members, message):
    with pytest.raises(ParameterError, match=message):
        SCORES["ensemble"].function(Outputs(members=members), None)
    with pytest.raises(ParameterError, match="needs members"):
        SCORES["ensemble"].function(Outputs(), None)
