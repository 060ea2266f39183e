"""Whether what an estimator offers agrees, on random images: its twin with its methods, these with its predictions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.classifiers.outputs import LINKS
from pytest_robustness.classifiers.preprocessing import Preprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_robustness.classifiers.estimators import EstimatorBackend
    from pytest_robustness.classifiers.twins import Twin

_TRIALS = 16


def deviation_of(twin: Twin, backend: EstimatorBackend) -> float:
    """Return the largest difference between a twin and its estimator on random images.

    Compared are the methods that the twin reproduces, and by how much the score of the predicted class falls short of
    the largest. A surrogate only has to give finite scores.
    """
    pixels = _trial_inputs(backend)
    if pixels is None:
        return math.inf
    from pytest_robustness.classifiers.pytorch import TorchBackend

    logits = TorchBackend(module=twin.module, device="cpu", outputs="logits").scores(pixels)
    if logits.shape != (len(pixels), len(backend.columns)) or not np.isfinite(logits).all():
        return math.inf
    if not twin.exact:
        return 0.0
    plain = replace(backend, prepare=Preprocessing())
    labels = replace(plain, method="predict").scores(pixels)
    predicted = np.arange(len(labels)), labels
    pairs: list[tuple[Any, Any]] = [(logits[predicted], logits.max(axis=1))]
    for method in twin.methods:
        if hasattr(twin.oracle, method):
            theirs = replace(plain, estimator=twin.oracle, method=method).scores(pixels)
            ours = logits if method == "decision_function" else np.exp(LINKS[twin.link or "softmax"](logits))
            if ours.shape != theirs.shape:
                return math.inf
            # Where its own scores say something else than predict, the twin is with predict.
            followed = theirs[predicted] == theirs.max(axis=1)
            pairs.append((ours[followed], theirs[followed]) if followed.any() else (np.inf, 0.0))
    # np.max, not max, because it hands NaN on.
    return float(np.max([np.max(np.abs(ours - theirs) / np.maximum(1, np.abs(theirs))) for ours, theirs in pairs]))


def disagreement_in(backend: EstimatorBackend) -> str:
    """Say where the largest score of random images is not the estimator's own prediction; empty where it is."""
    pixels = _trial_inputs(backend)
    if pixels is None or backend.method == "predict":
        return ""
    backend = replace(backend, prepare=Preprocessing())
    scores = backend.scores(pixels)
    labels = replace(backend, method="predict").scores(pixels)
    if scores.shape != (len(pixels), len(backend.columns)):
        return f"{backend.method} was not used: it gives {scores.shape[1:]} scores for {len(backend.columns)} classes"
    wrong = int((scores.argmax(axis=1) != labels).sum())
    if not wrong:
        return ""
    return f"predict and {backend.method} disagree on {wrong} of {len(pixels)} random images"


def _trial_inputs(backend: EstimatorBackend) -> NDArray[np.float32] | None:
    """Return seeded random images in the range that the estimator was fitted on, flat as it takes them."""
    count = getattr(backend.estimator, "n_features_in_", None)
    if count is None:
        return None
    low, high = backend.prepare.bounds
    return np.float32(low) + np.float32(high - low) * np.random.default_rng(0).random((_TRIALS, 1, 1, int(count)), "f4")
