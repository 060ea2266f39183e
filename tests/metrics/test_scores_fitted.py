"""Anomaly scores that are fitted: closed forms, symmetries, and data that are too few."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.special import log_softmax, logsumexp, softmax
from scipy.stats import entropy

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics import SCORES, Head, Outputs
from pytest_robustness.metrics.scores.distances import fit_neighbours, neighbours_score
from pytest_robustness.metrics.scores.shaping import fit_virtual_logit, principal_dimension, virtual_logit_score

K, D = 4, 9
# Each class has a feature of its own, so that most samples are classified correctly.
HEAD = Head(weight=np.random.default_rng(7).normal(size=(K, D)) + 3 * np.eye(K, D), bias=np.linspace(-1, 1, K))
SEEDS = st.integers(0, 2**32)
ON_ARRAYS = [name for name, score in SCORES.items() if score.function is not None]
FITTED = [name for name, score in SCORES.items() if score.fits_on]


def made(seed: int, count: int = 120) -> tuple[Outputs, Head]:
    """What a linear model with noise says about samples in classes, and its head."""
    generator = np.random.default_rng(seed)
    weight, bias = HEAD.weight, HEAD.bias
    labels = np.arange(count) % K
    features = np.maximum(weight[labels] + 0.7 * generator.normal(size=(count, D)), 0)
    features += 0.1 * generator.random((count, D))
    logits = features @ weight.T + bias
    members = softmax(logits + generator.normal(size=(3, count, K)), axis=2)
    outputs = Outputs(
        logits=logits,
        log_probabilities=log_softmax(logits, axis=1),
        features=features,
        members=members,
        labels=labels,
    )
    return outputs, HEAD


def rows(outputs: Outputs, chosen) -> Outputs:
    """The outputs of some samples."""
    return Outputs(
        logits=outputs.logits[chosen],
        log_probabilities=outputs.log_probabilities[chosen],
        features=outputs.features[chosen],
        members=outputs.members[:, chosen],
        labels=outputs.labels[chosen],
    )


def scored(name: str, outputs: Outputs, fitting: Outputs, head: Head) -> np.ndarray:
    score = SCORES[name]
    return score.function(outputs, score.fit(fitting, head) if score.fit else None)


@pytest.mark.parametrize("name", ON_ARRAYS)
@given(seed=SEEDS)
def test_samples_have_no_order(name, seed):
    (outputs, head), (fitting, _) = made(seed, 16), made(seed)
    random = np.random.default_rng(seed)
    here, there = random.permutation(16), random.permutation(120)
    first = scored(name, outputs, fitting, head)
    assert first.shape == (16,)
    assert first.dtype == np.float64
    assert np.isfinite(first).all()
    moved = scored(name, rows(outputs, here), rows(fitting, there), head)
    np.testing.assert_allclose(moved, first[here], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ON_ARRAYS)
@given(seed=SEEDS)
def test_classes_have_no_order(name, seed):
    (outputs, head), (fitting, _) = made(seed, 16), made(seed)
    order = np.random.default_rng(seed).permutation(K)

    def relabelled(one: Outputs) -> Outputs:
        return replace(
            one,
            logits=one.logits[:, order],
            log_probabilities=one.log_probabilities[:, order],
            members=one.members[:, :, order],
            labels=np.argsort(order)[one.labels],
        )

    other = scored(
        name, relabelled(outputs), relabelled(fitting), Head(weight=head.weight[order], bias=head.bias[order])
    )
    np.testing.assert_allclose(other, scored(name, outputs, fitting, head), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ON_ARRAYS)
def test_float32_does_and_nothing_is_changed(name):
    (outputs, head), (fitting, _) = made(3, 16), made(4)
    short = replace(outputs, features=outputs.features.astype(np.float32))
    kept = short.features.copy()
    found = scored(name, short, fitting, head)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, scored(name, outputs, fitting, head), rtol=1e-4, atol=1e-4)
    assert np.array_equal(short.features, kept)


def test_kl_matching():
    (outputs, head), (fitting, _) = made(0, 10), made(1)
    p, q = softmax(outputs.logits, axis=1), softmax(fitting.logits, axis=1)
    means = [q[q.argmax(axis=1) == k].mean(axis=0) for k in np.unique(q.argmax(axis=1))]
    expected = np.min([entropy(p, mean[None], axis=1) for mean in means], axis=0)
    np.testing.assert_allclose(scored("kl-matching", outputs, fitting, head), expected, rtol=1e-9)


def test_kl_matching_with_probabilities_of_zero():
    certain = np.array([[0.0, -math.inf], [-math.inf, 0.0]])
    state = SCORES["kl-matching"].fit(Outputs(log_probabilities=np.repeat(certain, 25, axis=0)), None)
    found = SCORES["kl-matching"].function(Outputs(log_probabilities=[*certain, [math.log(0.5)] * 2]), state)
    # log 1/2 - log(tiny) / 2, for what fitting samples never gave.
    np.testing.assert_allclose(found, [0, 0, math.log(0.5) + 708.396 / 2], atol=1e-3)


def test_temperature_is_that_of_the_most_likely_softmax():
    (outputs, head), (fitting, _) = made(0, 10), made(1)
    temperature = SCORES["temperature"].fit(fitting, head)

    def loss(t: float) -> float:
        return -log_softmax(fitting.logits / t, axis=1)[np.arange(120), fitting.labels].mean()

    assert loss(temperature) <= min(loss(temperature * 0.99), loss(temperature * 1.01))
    expected = -softmax(outputs.logits / temperature, axis=1).max(axis=1)
    np.testing.assert_allclose(SCORES["temperature"].function(outputs, temperature), expected)


def test_mahalanobis_and_its_relative():
    (outputs, head), (fitting, _) = made(0, 10), made(1)
    means = np.stack([fitting.features[fitting.labels == k].mean(axis=0) for k in range(K)])
    within = np.cov((fitting.features - means[fitting.labels]).T, bias=True)
    nearest = cdist(outputs.features, means, "mahalanobis", VI=np.linalg.inv(within)).min(axis=1) ** 2
    np.testing.assert_allclose(scored("mahalanobis", outputs, fitting, head), nearest, rtol=1e-5)
    centre, all_of_them = fitting.features.mean(axis=0), np.cov(fitting.features.T, bias=True)
    background = cdist(outputs.features, centre[None], "mahalanobis", VI=np.linalg.inv(all_of_them))[:, 0] ** 2
    relative = scored("relative-mahalanobis", outputs, fitting, head)
    np.testing.assert_allclose(relative, nearest - background, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["mahalanobis", "relative-mahalanobis"])
def test_mahalanobis_distances_do_not_depend_on_the_units_of_the_features(name):
    (outputs, head), (fitting, _) = made(0, 10), made(1)
    # Turned, and each axis in units of its own.
    turned = np.linalg.qr(np.random.default_rng(2).normal(size=(D, D)))[0] * np.geomspace(3, 300, D)
    found = scored(
        name,
        replace(outputs, features=outputs.features @ turned + 3),
        replace(fitting, features=fitting.features @ turned + 3),
        head,
    )
    np.testing.assert_allclose(found, scored(name, outputs, fitting, head), rtol=1e-3)


@pytest.mark.parametrize("name", ["mahalanobis", "relative-mahalanobis"])
def test_a_feature_that_never_varies_is_no_trouble_until_it_does(name):
    (outputs, head), (fitting, _) = made(0, 10), made(1)
    wider = [
        replace(one, features=np.hstack([one.features, np.zeros((len(one.features), 2))])) for one in (outputs, fitting)
    ]
    same = scored(name, *wider, head)
    np.testing.assert_allclose(same, scored(name, outputs, fitting, head), rtol=1e-6)
    wider[0].features[0, -1] = 1.0
    moved = scored(name, *wider, head)
    np.testing.assert_allclose(moved[1:], same[1:])
    if name == "mahalanobis":
        assert moved[0] > 1e6


def test_neighbours():
    (outputs, head), (fitting, _) = made(0, 10), made(1)
    here, there = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (outputs.features, fitting.features))
    expected = np.sort(cdist(here, there), axis=1)
    np.testing.assert_allclose(scored("knn", outputs, fitting, head), expected[:, 49], atol=1e-7)
    nearest = neighbours_score(outputs, fit_neighbours(fitting, neighbours=1), neighbours=1)
    np.testing.assert_allclose(nearest, expected[:, 0], atol=1e-7)
    with pytest.raises(ParameterError, match="fewer fitting samples than neighbours: got 120"):
        neighbours_score(outputs, fit_neighbours(fitting), neighbours=121)


def test_patterns_of_correctly_classified_samples():
    features = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 1.0], [9.0, 9.0]])
    logits = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    labels = np.array([0, 0, 1, 1])
    with pytest.raises(ParameterError, match="too few fitting samples: got 4; allowed: 50"):
        SCORES["she"].fit(Outputs(features=features, logits=logits, labels=labels), None)
    with pytest.raises(ParameterError, match="too few fitting samples: got 4; allowed: 50"):
        SCORES["temperature"].fit(Outputs(logits=logits, labels=labels), None)
    fitting = Outputs(features=np.tile(features, (13, 1)), logits=np.tile(logits, (13, 1)), labels=np.tile(labels, 13))
    state = SCORES["she"].fit(fitting, None)
    np.testing.assert_allclose(state, [[2, 0], [0, 1]])
    found = SCORES["she"].function(Outputs(features=features, logits=logits), state)
    np.testing.assert_allclose(found, [-2, -6, -1, -18])


def test_rectified_features():
    (outputs, head), (fitting, _) = made(0, 10), made(1)
    cut = np.minimum(outputs.features, np.percentile(fitting.features, 90))
    expected = -logsumexp(cut @ head.weight.T + head.bias, axis=1)
    np.testing.assert_allclose(scored("react", outputs, fitting, head), expected)


def test_shaped_features():
    """Ten features, of which 6 are pruned (round(10 * 0.65), half to even): 34 is left of 55."""
    head = Head(weight=np.eye(10), bias=np.zeros(10))
    features = np.arange(1.0, 11.0)[None]
    expected = np.where(features > 6, features, 0) * math.exp(55 / 34)
    found = SCORES["ash"].function(Outputs(features=features), SCORES["ash"].fit(Outputs(), head))
    np.testing.assert_allclose(found, -logsumexp(expected, axis=1))


@pytest.mark.parametrize("features", [np.zeros((2, D)), np.full((2, D), -1.0), [[1.0] * 4 + [-1.0] * 5]])
def test_shaping_survives_features_that_no_relu_gives(features):
    _, head = made(0)
    found = SCORES["ash"].function(Outputs(features=np.asarray(features)), head)
    assert np.isfinite(found).all()


def test_sparse_weights():
    (outputs, head), (fitting, _) = made(0, 10), made(1)
    contributions = fitting.features.mean(axis=0) * head.weight
    kept = np.argsort(contributions, axis=None)[-4:]  # a tenth of 36, the quantile between the 4th and the 5th
    mask = np.isin(np.arange(K * D), kept).reshape(K, D)
    expected = -logsumexp(outputs.features @ (mask * head.weight).T + head.bias, axis=1)
    np.testing.assert_allclose(scored("dice", outputs, fitting, head), expected)


@pytest.mark.parametrize("dimension", [None, 2, 7])
def test_virtual_logit(dimension):
    (outputs, head), (fitting, _) = made(0, 10), made(1)
    origin = -np.linalg.pinv(head.weight) @ head.bias
    # The right singular vectors, largest first: the principal space and then the residual one.
    basis = np.linalg.svd(fitting.features - origin, full_matrices=True)[2][(dimension or D // 2) :]
    residuals = [np.linalg.norm((one.features - origin) @ basis.T, axis=1) for one in (outputs, fitting)]
    scale = fitting.logits.max(axis=1).mean() / residuals[1].mean()
    found = virtual_logit_score(outputs, fit_virtual_logit(fitting, head, dimension=dimension))
    np.testing.assert_allclose(found, scale * residuals[0] - logsumexp(outputs.logits, axis=1), rtol=1e-6)


def test_the_principal_dimension_is_the_authors():
    assert [principal_dimension(width) for width in (84, 512, 768, 1024, 2047, 2048)] == [42, 256, 512, 512, 512, 1000]


@pytest.mark.parametrize("name", FITTED)
def test_fitting_data_must_be_there(name):
    _, head = made(0)
    with pytest.raises(ParameterError, match="needs"):
        SCORES[name].fit(Outputs(), head)


@pytest.mark.parametrize("name", [name for name, score in SCORES.items() if "head" in score.needs])
def test_a_head_that_does_not_fit(name):
    fitting, head = made(0)
    with pytest.raises(ParameterError, match="needs the last linear layer"):
        SCORES[name].fit(fitting, None)
    with pytest.raises(ParameterError, match="do not fit"):
        SCORES[name].fit(fitting, Head(weight=head.weight, bias=head.bias[1:]))


@pytest.mark.parametrize("name", [name for name, score in SCORES.items() if "features" in score.needs and score.fit])
def test_features_of_another_width(name):
    fitting, head = made(0)
    state = SCORES[name].fit(fitting, head)
    with pytest.raises(ParameterError, match="another width than the score was made for: got 8; allowed: 9"):
        SCORES[name].function(replace(fitting, features=fitting.features[:, 1:]), state)


@pytest.mark.parametrize("name", ["mahalanobis", "relative-mahalanobis", "temperature"])
def test_one_class_is_too_few(name):
    fitting, head = made(0)
    alone = rows(fitting, fitting.labels == 2)
    repeated = rows(alone, np.arange(50) % len(alone.labels))
    with pytest.raises(ParameterError, match="one class"):
        SCORES[name].fit(repeated, head)


def test_one_predicted_class_is_too_few():
    with pytest.raises(ParameterError, match="taken for one class: got 'class 1'"):
        SCORES["kl-matching"].fit(Outputs(log_probabilities=np.log([[0.2, 0.8]] * 50)), None)


@pytest.mark.parametrize("name", ["mahalanobis", "relative-mahalanobis"])
def test_a_class_of_one_sample_is_too_small(name):
    fitting, head = made(0)
    kept = (fitting.labels != 3) | (np.arange(120) == 3)
    with pytest.raises(ParameterError, match="class 3 of the fitting data is too small: got 1"):
        SCORES[name].fit(rows(fitting, kept), head)


def test_fewer_samples_than_neighbours():
    with pytest.raises(ParameterError, match="fewer fitting samples than neighbours: got 49; allowed: 50 and more"):
        SCORES["knn"].fit(made(0, 49)[0], None)


@pytest.mark.parametrize("name", ["react", "dice", "kl-matching"])
def test_fewer_than_fifty_samples(name):
    with pytest.raises(ParameterError, match=r"too few fitting samples: got 49; allowed: 50 and more. Give more data"):
        SCORES[name].fit(*made(0, 49))
    assert SCORES[name].fit(*made(0, 50)) is not None


@pytest.mark.parametrize("name", ["mahalanobis", "relative-mahalanobis"])
def test_no_more_samples_than_features_and_classes(name):
    # 9 features and 4 classes.
    message = "for a covariance of 9 features within 4 classes: got 13; allowed: 14 and more. Give more data"
    with pytest.raises(ParameterError, match=message):
        SCORES[name].fit(*made(0, 13))
    assert SCORES[name].fit(*made(0, 14)) is not None


def test_a_class_without_a_correct_sample():
    fitting, head = made(0)
    wrong = replace(fitting, labels=np.where(fitting.labels == 1, 2, fitting.labels))
    with pytest.raises(ParameterError, match=r"classified correctly for some classes: got \[1\]"):
        SCORES["she"].fit(wrong, head)


def test_no_residual_space():
    fitting, head = made(0)
    with pytest.raises(ParameterError, match="too few fitting samples for a principal space of 4"):
        SCORES["vim"].fit(rows(fitting, slice(4)), head)
    with pytest.raises(ParameterError, match="no space is left"):
        fit_virtual_logit(fitting, head, dimension=D)
    flat = replace(fitting, features=np.outer(np.arange(120.0), np.ones(D)))
    level = Head(weight=head.weight, bias=np.zeros(K))
    with pytest.raises(ParameterError, match="within its principal space"):
        SCORES["vim"].fit(flat, level)


@pytest.mark.parametrize("name", FITTED)
def test_labels_and_numbers_that_cannot_be(name):
    fitting, head = made(0)
    broken = {need: getattr(fitting, need).copy() for need in SCORES[name].fits_on}
    for array in broken.values():
        array[1, 0] = math.nan
    with pytest.raises(ParameterError, match="first at index 1"):
        SCORES[name].fit(replace(fitting, **broken), head)
    if name in {"she", "temperature"}:
        with pytest.raises(ParameterError, match="labels"):
            SCORES[name].fit(replace(fitting, labels=fitting.labels + 1), head)
    if name in {"she", "temperature", "mahalanobis"}:
        with pytest.raises(ParameterError, match="as many as the samples"):
            SCORES[name].fit(replace(fitting, labels=fitting.labels[1:]), head)
        with pytest.raises(ParameterError, match="needs labels"):
            SCORES[name].fit(replace(fitting, labels=None), head)


def test_every_score_says_what_it_is():
    for name, score in SCORES.items():
        assert score.paper, name
        assert (score.function is None) == ("gradients" in score.needs), name
        assert bool(score.fits_on) <= (score.fit is not None), name
