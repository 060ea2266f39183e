"""Scores of logits that are computed anew, from features or weights that were shaped: ReAct, ASH, DICE, ViM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_robustness.metrics._validation import Floats, checked_share
from pytest_robustness.metrics.scores.base import Head, Outputs, checked_head, logsumexp, taken, taken_features
from pytest_robustness.metrics.scores.reference import check_enough, too_few

RECTIFIED = 0.9
PRUNED = 0.65
SPARSITY = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectified:
    """The last layer, and the value above which features are cut."""

    head: Head
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualLogit:
    """What ViM needs.

    Parameters
    ----------
    head : Head
    origin : array of shape (D,)
        The features at which the logits are closest to zero.
    basis : array of shape (D, R)
        Orthonormal: of the residual space, or of the principal space where `principal`, whichever is smaller.
    principal : bool
    scale : float
        What makes the residual as large as the largest logit.
    """

    head: Head
    origin: Floats
    basis: Floats
    principal: bool
    scale: float


def fit_rectified(outputs: Outputs, head: Head | None, *, share: float = RECTIFIED) -> Rectified:
    """Return the `share` quantile of all features of the fitting data, 0.9 as in the paper.

    Raises
    ------
    ParameterError
        Where there are fewer than 50 fitting samples.
    """
    checked_share("share", share)
    features = taken(outputs, "features")
    check_enough(len(features))
    layer = checked_head(head, features.shape[1])
    return Rectified(head=layer, threshold=float(np.quantile(features, share)))


def rectified_score(outputs: Outputs, state: Rectified) -> Floats:
    """Return the energy of the logits of features that are cut at a threshold, -logsumexp(W min(x, c) + b).

    ReAct: Sun, Guo & Li 2021 (arXiv:2111.12797).

    Parameters
    ----------
    outputs : Outputs
        With features (N, D).
    state : Rectified
        From `fit_rectified`.

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    features = taken_features(outputs, state.head.weight.shape[1])
    return -logsumexp(state.head.logits(np.minimum(features, state.threshold)))


def shaped_score(outputs: Outputs, state: Head, *, pruned: float = PRUNED) -> Floats:
    """Return the energy of the logits of features, the lowest 65 % set to 0 and the others scaled by exp(s1 / s2).

    ASH-S: Djurisic et al. 2023 (arXiv:2209.09858), on the input of the last layer; s1 and s2 are the
    sums of the features before and after. The share is the default of pytorch-ood and the lowest of OpenOOD's sweep;
    what is best depends on the network. The rule is meant for features that are not negative,
    where s1 / s2 is at most 1 / (1 - pruned); it is cut there, and is 1 where all features are 0.

    Parameters
    ----------
    outputs : Outputs
        With features (N, D).
    state : Head
        The last layer: no data are needed.
    pruned : float

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    checked_share("pruned", pruned)
    features = taken_features(outputs, state.weight.shape[1])
    width = features.shape[1]
    # At least one is kept.
    dropped = min(int(np.round(width * pruned)), width - 1)
    kept = features.copy()
    if dropped:
        lowest = np.argpartition(features, dropped - 1, axis=1)[:, :dropped]
        np.put_along_axis(kept, lowest, 0.0, axis=1)
    before, after = features.sum(axis=1), kept.sum(axis=1)
    largest = width / (width - dropped)
    ratio = np.divide(before, after, out=np.ones_like(before), where=after != 0)
    return -logsumexp(state.logits(kept * np.exp(np.minimum(ratio, largest))[:, None]))


def fit_sparse(outputs: Outputs, head: Head | None, *, sparsity: float = SPARSITY) -> Head:
    """Return the last layer, without the weights that contribute least to the logits of the fitting data.

    The contribution of a weight is itself times the mean of its feature; those up to the `sparsity` quantile become 0.

    Raises
    ------
    ParameterError
        Where there are fewer than 50 fitting samples.
    """
    checked_share("sparsity", sparsity)
    features = taken(outputs, "features")
    check_enough(len(features))
    layer = checked_head(head, features.shape[1])
    contributions = features.mean(axis=0) * layer.weight
    kept = contributions > np.quantile(contributions, sparsity)
    return Head(weight=np.where(kept, layer.weight, 0.0), bias=layer.bias)


def sparse_score(outputs: Outputs, state: Head) -> Floats:
    """Return the energy of the logits of a last layer with few weights.

    DICE: Sun & Li 2022 (arXiv:2111.09805), sparsity p = 0.9.

    Parameters
    ----------
    outputs : Outputs
        With features (N, D).
    state : Head
        From `fit_sparse`.

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    return -logsumexp(state.logits(taken_features(outputs, state.weight.shape[1])))


def principal_dimension(width: int) -> int:
    """Return the dimension of ViM's principal space: 1000 from a width of 2048 on, 512 from 768 on, else half of it.

    The first two are those of the authors' code, whose narrowest networks have 768 features; the last is what
    pytorch-ood falls back on.
    """
    return 1000 if width >= 2048 else 512 if width >= 768 else width // 2


def fit_virtual_logit(outputs: Outputs, head: Head | None, *, dimension: int | None = None) -> VirtualLogit:
    """Return the residual space of the fitting data, and the scale of its virtual logit.

    Raises
    ------
    ParameterError
        Where the fitting data leaves nothing outside its principal space: with fewer than two features, or no more
        samples than its dimension.
    """
    from scipy.linalg import eigh

    features = taken(outputs, "features")
    count, width = features.shape
    layer = checked_head(head, width)
    size = principal_dimension(width) if dimension is None else dimension
    if not 0 < size < width:
        raise too_few("no space is left beside the principal one", got=size, allowed=f"1 to {width - 1}")
    if count <= size:
        raise too_few(f"too few fitting samples for a principal space of {size} dimensions", got=count)
    origin = -np.linalg.pinv(layer.weight) @ layer.bias
    moved = features - origin
    # Ascending: the residual space comes first. Only the smaller of the two is computed.
    principal = size <= width - size
    subset = (width - size, width - 1) if principal else (0, width - size - 1)
    basis = np.asarray(eigh(moved.T @ moved, subset_by_index=subset, check_finite=False)[1], dtype=np.float64)
    residual = float(_residual(moved, basis, principal=principal).mean())
    if not residual > np.finfo(np.float64).eps ** 0.5 * float(np.linalg.norm(moved, axis=1).mean()):
        raise too_few("the fitting data lies within its principal space", got=f"a mean residual of {residual:.1g}")
    scale = float(layer.logits(features).max(axis=1).mean()) / residual
    return VirtualLogit(head=layer, origin=origin, basis=basis, principal=principal, scale=scale)


def virtual_logit_score(outputs: Outputs, state: VirtualLogit) -> Floats:
    """Return alpha ||x^R|| - logsumexp(z): the residual of the features as a logit, less the energy's.

    ViM: Wang et al. 2022 (arXiv:2203.10807). The paper takes the softmax of the residual among the logits, which has
    the same order.

    Parameters
    ----------
    outputs : Outputs
        With features (N, D).
    state : VirtualLogit
        From `fit_virtual_logit`.

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    features = taken_features(outputs, len(state.origin))
    residual = _residual(features - state.origin, state.basis, principal=state.principal)
    return np.asarray(state.scale * residual - logsumexp(state.head.logits(features)))


def _residual(moved: Floats, basis: Floats, *, principal: bool) -> Floats:
    """Return the length (N,) of rows (N, D) outside the principal space."""
    inside = ((moved @ basis) ** 2).sum(axis=1)
    squared = (moved**2).sum(axis=1) - inside if principal else inside
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))
