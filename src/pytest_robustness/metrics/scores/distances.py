"""Distances between features and those of fitting data: Mahalanobis, nearest neighbours, class patterns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics._validation import Floats, checked_classes, checked_count
from pytest_robustness.metrics.scores.base import Outputs, check_width, taken, taken_features, taken_labels
from pytest_robustness.metrics.scores.reference import check_enough, too_few

NEIGHBOURS = 50
RIDGE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussians:
    """Gaussians with a shared covariance.

    Parameters
    ----------
    means : array of shape (C, D)
    whitening : array of shape (D, D)
        W with W W^T = inverse covariance: distances are Euclidean after multiplication by it.
    background : Gaussians, optional
        One Gaussian of all samples, whatever their class.
    """

    means: Floats
    whitening: Floats
    background: Gaussians | None = None


def fit_mahalanobis(outputs: Outputs) -> Gaussians:
    """Return the mean of each class and the covariance that they share.

    The sum of outer products gets 1e-6 on its diagonal, as in pytorch-ood, or D eps times its largest eigenvalue
    where that is more. So a feature that never varies in the fitting data, as that of a dead unit, does not make the
    covariance singular, and a sample in which it does vary is far away.

    Raises
    ------
    ParameterError
        Where there is one class only, a class with one sample, or no more samples than features and classes
        together: within the classes they would then lie in a space of fewer dimensions, and all else be far away.
    """
    features = taken(outputs, "features")
    labels = taken_labels(outputs, len(features))
    classes, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise too_few("the fitting data has one class only", got=f"class {classes[0]}", allowed="two and more")
    if counts.min() < 2:
        alone = int(classes[counts.argmin()])
        raise too_few(f"class {alone} of the fitting data is too small", got=1, allowed="two samples and more")
    width = features.shape[1]
    why = f" for a covariance of {width} features within {len(classes)} classes"
    check_enough(len(features), width + len(classes) + 1, why)
    means = np.stack([features[labels == one].mean(axis=0) for one in classes])
    return Gaussians(means=means, whitening=_whitening(features - means[places]))


def mahalanobis_score(outputs: Outputs, state: Gaussians) -> Floats:
    """Return the squared distance to the nearest class, min_k (x - m_k)^T S^-1 (x - m_k).

    Lee et al. 2018 (arXiv:1807.03888), without the noise that they add to the image. pytorch-ood returns a
    multiple of this.

    Parameters
    ----------
    outputs : Outputs
        With features (N, D).
    state : Gaussians
        From `fit_mahalanobis`.

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    features = taken_features(outputs, state.means.shape[1])
    return np.asarray(_squared(features, state).min(axis=1))


def fit_relative_mahalanobis(outputs: Outputs) -> Gaussians:
    """Return what `fit_mahalanobis` does, and one Gaussian of all fitting samples.

    Raises
    ------
    ParameterError
        As `fit_mahalanobis` does: the samples must be more than features and classes together.
    """
    classes = fit_mahalanobis(outputs)
    features = taken(outputs, "features")
    mean = features.mean(axis=0)
    background = Gaussians(means=mean[None], whitening=_whitening(features - mean))
    return Gaussians(means=classes.means, whitening=classes.whitening, background=background)


def relative_mahalanobis_score(outputs: Outputs, state: Gaussians) -> Floats:
    """Return the squared distance to the nearest class, less that to the Gaussian of all samples.

    Ren et al. 2021 (arXiv:2106.09022).

    Parameters
    ----------
    outputs : Outputs
        With features (N, D).
    state : Gaussians
        From `fit_relative_mahalanobis`.

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    if state.background is None:
        raise ParameterError("the state has no background", allowed="what fit_relative_mahalanobis returns")
    features = taken_features(outputs, state.means.shape[1])
    return np.asarray(_squared(features, state).min(axis=1) - _squared(features, state.background)[:, 0])


def fit_neighbours(outputs: Outputs, *, neighbours: int = NEIGHBOURS) -> Floats:
    """Return the features of the fitting data, each of length 1.

    Raises
    ------
    ParameterError
        Where they are fewer than `neighbours`.
    """
    checked_count("neighbours", neighbours)
    features = taken(outputs, "features")
    if len(features) < neighbours:
        raise too_few("fewer fitting samples than neighbours", got=len(features), allowed=f"{neighbours} and more")
    return _unit(features)


def neighbours_score(outputs: Outputs, state: Floats, *, neighbours: int = NEIGHBOURS) -> Floats:
    """Return the distance to the 50th nearest of the fitting samples, features scaled to length 1.

    Sun et al. 2022 (arXiv:2204.06507), k = 50 as in pytorch-ood.

    Parameters
    ----------
    outputs : Outputs
        With features (N, D).
    state : array of shape (F, D)
        From `fit_neighbours`.
    neighbours : int
        k.

    Returns
    -------
    ndarray of float64, shape (N,)
        In [0, 2].
    """
    from sklearn.neighbors import NearestNeighbors

    units = _unit(taken_features(outputs, state.shape[1]))
    if neighbours > len(state):
        raise too_few("fewer fitting samples than neighbours", got=len(state), allowed=f"{neighbours} and more")
    index = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(state)
    distances, _ = index.kneighbors(units)
    return np.asarray(distances[:, -1])


def fit_patterns(outputs: Outputs) -> Floats:
    """Return the mean features of the correctly classified fitting samples of each class, shape (K, D).

    Raises
    ------
    ParameterError
        Where a class has no such sample.
    """
    features, logits = taken(outputs, "features"), taken(outputs, "logits")
    count = logits.shape[1]
    labels = checked_classes("labels", taken_labels(outputs, len(features)), num_classes=count)
    if len(logits) != len(features):
        raise ParameterError("logits and features are not of the same samples", got=(len(logits), len(features)))
    check_enough(len(features))
    right = logits.argmax(axis=1) == labels
    lacking = sorted(set(range(count)) - set(labels[right].tolist()))
    if lacking:
        raise too_few("no fitting sample is classified correctly for some classes", got=lacking)
    return np.stack([features[right & (labels == one)].mean(axis=0) for one in range(count)])


def patterns_score(outputs: Outputs, state: Floats) -> Floats:
    """Return minus the inner product of the features and the pattern of the predicted class.

    SHE: Zhang et al. 2023 (ICLR, "Out-of-Distribution Detection based on In-Distribution Data Patterns Memorization
    with Modern Hopfield Energy").

    Parameters
    ----------
    outputs : Outputs
        With features (N, D) and logits (N, K).
    state : array of shape (K, D)
        From `fit_patterns`.

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    features, logits = taken_features(outputs, state.shape[1]), taken(outputs, "logits")
    check_width(logits.shape[1], len(state))
    return np.asarray(-(features * state[logits.argmax(axis=1)]).sum(axis=1))


def _whitening(centred: Floats) -> Floats:
    """Return W with W W^T the inverse of the covariance of rows (N, D) with mean zero."""
    from scipy.linalg import cholesky, solve_triangular

    scatter = centred.T @ centred
    # The trace is no less than the largest eigenvalue.
    ridge = max(RIDGE, len(scatter) * np.finfo(np.float64).eps * float(np.trace(scatter)))
    scatter[np.diag_indices_from(scatter)] += ridge
    factor = cholesky(scatter / len(centred), lower=True, check_finite=False)
    inverse = solve_triangular(factor, np.eye(len(factor)), lower=True, check_finite=False)
    return np.asarray(inverse.T, dtype=np.float64)


def _squared(features: Floats, gaussians: Gaussians) -> Floats:
    """Return the squared Mahalanobis distances (N, C) to each mean."""
    # Centred first, which keeps the differences that follow small.
    centre = gaussians.means.mean(axis=0)
    rows, means = ((values - centre) @ gaussians.whitening for values in (features, gaussians.means))
    return np.stack([((rows - mean) ** 2).sum(axis=1) for mean in means], axis=1)


def _unit(features: Floats) -> Floats:
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(lengths, 1e-12))
