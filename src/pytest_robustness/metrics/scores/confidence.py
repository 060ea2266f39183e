"""Scores of logits and probabilities that need no fitting: (N, K) to (N,)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pytest_robustness.errors import ParameterError, check_number
from pytest_robustness.metrics._validation import Floats, checked_count, checked_floats
from pytest_robustness.metrics.scores.base import LOWEST_LOG, checked_log_probabilities, logsumexp


def maximum_softmax_score(log_probabilities: npt.ArrayLike) -> Floats:
    """Return -max_k p_k (Hendrycks & Gimpel 2017, arXiv:1610.02136).

    Parameters
    ----------
    log_probabilities : array of floats, shape (N, K)

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    likeliest: Floats = checked_log_probabilities(log_probabilities).max(axis=1)
    return -np.exp(likeliest)


def max_logit_score(logits: npt.ArrayLike) -> Floats:
    """Return -max_k z_k (Hendrycks et al. 2022, arXiv:1911.11132).

    Of normalised log-probabilities this has the order of `maximum_softmax_score`.

    Parameters
    ----------
    logits : array of floats, shape (N, K)

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    largest: Floats = checked_floats("logits", logits, ndim=2).max(axis=1)
    return -largest


def energy_score(logits: npt.ArrayLike) -> Floats:
    """Return -log sum_k exp z_k (Liu et al. 2020, arXiv:2010.03759, eq. 4 at temperature 1).

    Parameters
    ----------
    logits : array of floats, shape (N, K)

    Returns
    -------
    ndarray of float64, shape (N,)

    Raises
    ------
    ParameterError
        If all rows are normalised log-probabilities, or almost, as after rounding or with something added to the
        probabilities: the energy is then 0 for every input, and what is left of it is noise.
    """
    rows = checked_floats("logits", logits, ndim=2)
    sums = logsumexp(rows)
    if float(np.abs(sums).max()) <= _largest_noise(rows):
        raise ParameterError(
            "the energy of log-probabilities is 0 for every input",
            got="rows that are all normalised",
            allowed="logits, the outputs before the softmax",
            mend="Use the score 'msp' or 'entropy' instead.",
        )
    return -sums


def _largest_noise(rows: Floats) -> float:
    """Return up to which size logsumexp of all rows (N, K) may be the noise of normalised ones."""
    if (rows == 0).all(axis=0).any():
        # Logits relative to one class, as [0, z] of two: far below 0, z leaves a logsumexp that is small and means it.
        return 1e-6
    # bfloat16 rounds by up to 0.4 %, and of K log-probabilities those that count are of the size of log K.
    return max(1e-2, 1e-2 * float(np.log(rows.shape[1])), 1e-3 * float(np.ptp(rows, axis=1).mean()))


def entropy_score(log_probabilities: npt.ArrayLike) -> Floats:
    """Return the entropy -sum_k p_k log p_k, in nats.

    Parameters
    ----------
    log_probabilities : array of floats, shape (N, K)

    Returns
    -------
    ndarray of float64, shape (N,)
        In [0, log K].
    """
    # A probability of 0 adds nothing, but 0 * -inf would be NaN.
    logarithms = np.maximum(checked_log_probabilities(log_probabilities), LOWEST_LOG)
    entropies: Floats = -(np.exp(logarithms) * logarithms).sum(axis=1)
    return entropies


def outlier_exposure_score(log_probabilities: npt.ArrayLike) -> Floats:
    """Return (1 / K) sum_k log p_k, minus the cross-entropy to the uniform distribution.

    The score of models trained with outlier exposure (Hendrycks, Mazeika & Dietterich 2019, arXiv:1812.04606): largest
    where all classes are equally likely. Logarithms are cut at -708.4, the smallest of a normal float64: a model
    that gives probability 0, as trees and neighbours do, would else score -inf whatever the other classes say.

    Parameters
    ----------
    log_probabilities : array of floats, shape (N, K)

    Returns
    -------
    ndarray of float64, shape (N,)
        At most -log K.
    """
    means: Floats = np.maximum(checked_log_probabilities(log_probabilities), LOWEST_LOG).mean(axis=1)
    return means


def generalised_entropy_score(
    log_probabilities: npt.ArrayLike, *, gamma: float = 0.1, classes: int = 100, floor: float = 0.0
) -> Floats:
    """Return sum_k (p_k (1 - p_k))^gamma over the likeliest classes (GEN: Liu, Lochman & Zach, CVPR 2023).

    pytorch-ood takes the mean of the same terms, which has the same order, of probabilities that are cut to
    [1e-7, 1 - 1e-7]: give ``floor=1e-7`` for that.

    Parameters
    ----------
    log_probabilities : array of floats, shape (N, K)
    gamma : float
        0.1 in the paper.
    classes : int
        How many of the likeliest classes count: 100 in the paper, all where there are fewer.
    floor : float
        Probabilities are cut to [floor, 1 - floor].

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    check_number("gamma", gamma, minimum=0, above=True)
    check_number("floor", floor, minimum=0)
    checked_count("classes", classes)
    logs = -np.sort(-checked_log_probabilities(log_probabilities), axis=1)
    # The largest probability may round to 1; the sum of the others is then still known.
    others = np.log1p(-np.minimum(np.exp(logs), 1 - np.finfo(np.float64).epsneg))
    if logs.shape[1] > 1:
        others[:, 0] = logsumexp(np.maximum(logs[:, 1:], LOWEST_LOG))
    if floor > 0:
        logs, others = (np.clip(values, np.log(floor), np.log1p(-floor)) for values in (logs, others))
    terms: Floats = np.exp(gamma * (logs + np.minimum(others, 0.0)))[:, :classes]
    return np.asarray(terms.sum(axis=1), dtype=np.float64)


def gradient_norm_score(features: Floats, logits: npt.ArrayLike) -> Floats:
    """Return -||x||_1 ||p - 1/K||_1 of features x (GradNorm: Huang, Geng & Li, NeurIPS 2021, arXiv:2110.00218).

    It is minus the L1 norm of the gradient, with respect to the weight of the last linear layer, of the cross-entropy
    between the uniform distribution and the softmax p: that gradient is the outer product of p - 1/K and x, so that no
    backward pass is needed. The paper's code sums over the classes where this takes the mean, K times as much.

    Parameters
    ----------
    features : array of floats, shape (N, D)
        What enters the last linear layer.
    logits : array of floats, shape (N, K)

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    rows = checked_floats("logits", logits, ndim=2)
    p = np.exp(rows - logsumexp(rows)[:, None])
    sizes: Floats = np.abs(features).sum(axis=1) * np.abs(p - 1 / p.shape[1]).sum(axis=1)
    return -sizes


def disagreement_score(members: npt.ArrayLike) -> Floats:
    """Return how much the members of an ensemble disagree: the mutual information of prediction and member.

    The entropy of the mean of the members' probabilities, less the mean of their entropies, in nats (Lakshminarayanan,
    Pritzel & Blundell 2017, arXiv:1612.01474; Depeweg et al. 2018, arXiv:1710.07283). 0 where all members say the same.

    Parameters
    ----------
    members : array of floats, shape (M, N, K)
        Probabilities of M members, at least two.

    Returns
    -------
    ndarray of float64, shape (N,)
        In [0, log min(M, K)].

    Raises
    ------
    ParameterError
        For another shape, less than two members, and rows that are no distributions.
    """
    array = np.asarray(members, dtype=np.float64)
    if array.ndim != 3 or len(array) < 2 or array.size == 0:
        raise ParameterError("members have the wrong shape", got=array.shape, allowed="(M, N, K) with M >= 2")
    bad = ~((array >= -1e-9).all(axis=2) & (np.abs(array.sum(axis=2) - 1) <= 1e-4))
    if bad.any():
        member, sample = (int(where) for where in np.argwhere(bad)[0])
        raise ParameterError(
            f"member {member} gives no distribution, first for sample {sample}",
            got=array[member, sample],
            allowed="numbers in [0, 1] that sum to 1 within 1e-4",
        )
    between = _entropy(array.mean(axis=0)) - _entropy(array).mean(axis=0)
    # It cannot be negative but by rounding.
    return np.asarray(np.maximum(between, 0.0))


def _entropy(p: Floats) -> Floats:
    return np.asarray(-(p * np.log(np.maximum(p, np.exp(LOWEST_LOG)))).sum(axis=-1))
