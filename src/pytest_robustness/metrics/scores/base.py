"""What anomaly scores have in common: what they are computed from, how each is described, and checks."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics._validation import Floats, Integers, checked_classes, checked_floats, first_row

if TYPE_CHECKING:
    from collections.abc import Callable

Need = Literal["log_probabilities", "logits", "features", "head", "members", "gradients"]

LOWEST_LOG = float(np.log(np.finfo(np.float64).tiny))
"""The logarithm of the smallest normal float64, -708.4: what stands for that of a probability of zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What a model says about N samples; None for what was not asked of it.

    Parameters
    ----------
    logits : array of shape (N, K), optional
    log_probabilities : array of shape (N, K), optional
    features : array of shape (N, D), optional
        What enters the last linear layer.
    members : array of shape (M, N, K), optional
        Probabilities of the M members of an ensemble.
    labels : array of integers, shape (N,), optional
        The true classes, of fitting data only.
    """

    logits: Floats | None = None
    log_probabilities: Floats | None = None
    features: Floats | None = None
    members: Floats | None = None
    labels: Integers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The last linear layer of a model: ``logits = features @ weight.T + bias``.

    Parameters
    ----------
    weight : array of shape (K, D)
    bias : array of shape (K,)
    """

    weight: Floats
    bias: Floats

    def logits(self, features: Floats) -> Floats:
        """Return the logits (N, K) of features (N, D)."""
        return np.asarray(features @ self.weight.T + self.bias)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """An anomaly score: larger is more anomalous.

    Parameters
    ----------
    needs : frozenset of str
        What it needs of every sample that is scored. ``"head"`` is needed by `fit` only.
    function : callable or None
        From `Outputs` of N samples and the state that `fit` returned, None without one, to scores (N,) in float64.
        None where the score needs gradients with respect to the images.
    fit : callable, optional
        From `Outputs` of fitting data, and the head where the score needs one, to the state. A score that needs a head
        but no data gets its state from ``fit(Outputs(), head)``.
    fits_on : frozenset of str
        What `fit` needs of the fitting data beside their labels; empty where it needs no data.
    paper : str
        Where the score is from.
    """

    needs: frozenset[Need]
    function: Callable[[Outputs, Any], Floats] | None
    fit: Callable[[Outputs, Head | None], Any] | None = None
    fits_on: frozenset[Need] = frozenset()
    paper: str


def taken(outputs: Outputs, name: Literal["logits", "log_probabilities", "features"]) -> Floats:
    """Return one of the outputs as float64 (N, K) or (N, D), checked.

    Raises
    ------
    ParameterError
        Where it was not given, is not finite, or log-probabilities do not belong to distributions.
    """
    given = getattr(outputs, name)
    if given is None:
        raise missing(name, outputs)
    if name == "log_probabilities":
        return checked_log_probabilities(given)
    return checked_floats(name, given, ndim=2)


def missing(name: str, outputs: Outputs) -> ParameterError:
    """Build the error for outputs that a score needs and was not given."""
    present = [field.name for field in fields(outputs) if getattr(outputs, field.name) is not None]
    return ParameterError(f"this score needs {name.replace('_', '-')}", got=present or "nothing", allowed=name)


def taken_labels(outputs: Outputs, count: int) -> Integers:
    """Return the labels (N,) of fitting data; raise ParameterError where they are not as many as the samples."""
    if outputs.labels is None:
        raise missing("labels", outputs)
    return checked_classes("labels of the fitting data", outputs.labels, n=count)


def checked_head(head: Head | None, width: int | None = None) -> Head:
    """Return a head of float64 whose parts fit together, and fit features of `width` numbers where that is given."""
    if head is None:
        raise ParameterError("this score needs the last linear layer of the model", got=None, allowed="a Head")
    weight = checked_floats("the weight of the last layer", head.weight, ndim=2)
    bias = checked_floats("the bias of the last layer", head.bias)
    if len(bias) != len(weight):
        raise ParameterError("weight and bias of the last layer do not fit", got=(weight.shape, bias.shape))
    found = Head(weight=weight, bias=bias)
    if width is not None:
        check_width(width, weight.shape[1])
    return found


def check_width(got: int, expected: int) -> None:
    """Raise ParameterError for features of another width than those of the head or the fitting data."""
    if got != expected:
        raise ParameterError("features have another width than the score was made for", got=got, allowed=str(expected))


def taken_features(outputs: Outputs, width: int) -> Floats:
    """Return the features (N, D), where D is `width`."""
    features = taken(outputs, "features")
    check_width(features.shape[1], width)
    return features


def logsumexp(rows: Floats) -> Floats:
    """Return log sum_k exp of each row (N, K), shape (N,)."""
    largest = rows.max(axis=1)
    sums: Floats = largest + np.log(np.exp(rows - largest[:, None]).sum(axis=1))
    return sums


def log_softmax(logits: Floats) -> Floats:
    """Return the logarithms of the softmax of logits (N, K)."""
    return np.asarray(logits - logsumexp(logits)[:, None])


def checked_log_probabilities(values: npt.ArrayLike) -> Floats:
    """Return log-probabilities (N, K) as float64; -inf is allowed, rows must sum to 1 within 1e-4."""
    array = checked_floats("log-probabilities", values, ndim=2, finite=False)
    with np.errstate(over="ignore"):
        bad = ~(np.abs(np.exp(array).sum(axis=1) - 1) <= 1e-4)
    if bad.any():
        where = first_row(bad)
        raise ParameterError(
            f"row {where} of the log-probabilities is no distribution",
            got=array[where],
            allowed="logarithms of numbers that sum to 1 within 1e-4",
            mend="Where these are logits, subtract their logsumexp first.",
        )
    return array
