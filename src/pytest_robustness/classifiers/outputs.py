"""What comes out of a model: checked, and turned into probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import ClassifierError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pytest_robustness.classifiers.base import Classifier

OUTPUTS = ("logits", "probabilities", "labels")

# How far a row of probabilities may be from 1: float16 softmax reaches 1e-3.
_SUM_TOLERANCE = 5e-3


def check_images(images: NDArray[Any]) -> None:
    """Raise ClassifierError unless `images` are (N, C, H, W), N > 0, uint8 or finite floats in [0, 1]."""
    if images.ndim != 4 or len(images) == 0:
        raise ClassifierError("images have the wrong shape", got=images.shape, allowed="(N, C, H, W) with N > 0")
    if images.dtype == np.uint8:
        return
    if images.dtype.kind != "f":
        raise ClassifierError("images have the wrong type", got=str(images.dtype), allowed="uint8 or floats in [0, 1]")
    low, high = float(images.min()), float(images.max())
    # The room for rounding; written so that NaN fails.
    if not (low >= -1e-6 and high <= 1 + 1e-6):
        raise ClassifierError("pixel values are out of range", got=(low, high), allowed="floats in [0, 1], or uint8")


def to_unit_floats(images: NDArray[Any]) -> NDArray[np.float32]:
    """Return float32 images in memory of their own, so that a model that works in place cannot harm the caller's."""
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(255)
    return np.array(images, dtype=np.float32, order="C")


def checked(raw: Any, count: int, outputs: str, *, offset: int = 0) -> NDArray[np.float64]:
    """Return one batch of raw outputs as float64 scores (N, K), or as labels (N,) where `outputs` says so.

    Parameters
    ----------
    raw : object
        What the model returned.
    count : int
        N, the number of images that went in.
    outputs : {"logits", "probabilities", "labels"}
    offset : int
        Position of the first image of the batch, for error messages.

    Raises
    ------
    ClassifierError
        For another shape, less than two classes, NaN or infinity, and rows that are not probabilities but should be.
    """
    array = np.asarray(raw)
    if outputs == "labels":
        if array.shape != (count,):
            raise wrong_shape(array.shape, count, outputs)
        return array
    if array.ndim != 2 or len(array) != count or array.shape[1] < 2:
        raise wrong_shape(array.shape, count, outputs)
    if array.dtype.kind not in "fiu":
        raise ClassifierError(f"the model's {outputs} are not numbers", got=str(array.dtype))
    scores = array.astype(np.float64)
    finite = np.isfinite(scores).all(axis=1)
    if not finite.all():
        raise not_finite(offset + int(finite.argmin()))
    if outputs == "probabilities":
        good = (scores >= 0).all(axis=1) & (np.abs(scores.sum(axis=1) - 1) <= _SUM_TOLERANCE)
        if not good.all():
            first = int(good.argmin())
            raise ClassifierError(
                f"the model's outputs are not probabilities, first for image {offset + first}",
                got=scores[first].tolist(),
                allowed="rows that are not negative and sum to 1",
                mend="Load the model with outputs='logits' if these are scores.",
            )
    return scores


def checked_labels(raw: NDArray[Any], num_classes: int | None) -> NDArray[np.int64]:
    """Return labels (N,) as int64; raise ClassifierError unless they are whole numbers from 0 to K - 1."""
    labels = np.asarray(raw)
    whole = labels.dtype.kind in "iu" or (labels.dtype.kind == "f" and bool((labels == np.floor(labels)).all()))
    if not whole or labels.min() < 0 or (num_classes is not None and labels.max() >= num_classes):
        raise ClassifierError(
            "the model's labels cannot be used",
            got=labels[:8].tolist(),
            allowed=f"whole numbers from 0 to {'K' if num_classes is None else num_classes} - 1",
        )
    return labels.astype(np.int64)


def wrong_shape(shape: tuple[int, ...], count: int, outputs: str) -> ClassifierError:
    """Build the error for outputs of a shape that cannot be used."""
    mends = {
        1: "If the model returns labels, load it with outputs='labels'.",
        2: "A model with one output for two classes should return two scores, for instance (0, d).",
    }
    wanted = "(N,)" if outputs == "labels" else "(N, K) with K >= 2 classes"
    return ClassifierError(
        f"the model's outputs for {count} images have the wrong shape",
        got=shape,
        allowed=wanted,
        mend="" if outputs == "labels" else mends.get(len(shape), ""),
    )


def not_finite(index: int) -> ClassifierError:
    """Build the error for NaN or infinity among the outputs."""
    return ClassifierError(
        f"the model's outputs are not finite, first for image {index}",
        got="NaN or infinity",
        mend="Look for a division by zero, a logarithm of zero or an overflow in the model or its preprocessing.",
    )


def model_failed(classifier: Classifier, shape: tuple[int, ...], error: Exception) -> ClassifierError:
    """Build the error for a model that raised on images of `shape`."""
    told = str(error).strip().splitlines()
    expected = classifier.backend.first_layer
    if classifier.input_shape is not None:
        expected = f"images of (C, H, W) = {classifier.input_shape}" + (f", {expected}" if expected else "")
    return ClassifierError(
        f"{classifier.name} failed on images of (C, H, W) = {shape[1:]}",
        got=f"{type(error).__name__}: {told[0] if told else ''}",
        allowed=expected,
        mend="If the shape is right, the error lies in the model: call it on such images to see where.",
    )


def is_whole(value: object, *, least: int) -> bool:
    """Tell whether `value` is a whole number, no bool, of at least `least`."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= least)


def check_outputs_name(outputs: str | None) -> None:
    """Raise ParameterError unless `outputs` is None or one of the known names."""
    if outputs is not None and outputs not in OUTPUTS:
        raise ParameterError("unknown outputs", got=outputs, allowed=OUTPUTS)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import log_softmax

    return np.asarray(log_softmax(logits, axis=1), dtype=np.float64)


def _one_vs_rest(decisions: NDArray[np.float64]) -> NDArray[np.float64]:
    # Zadrozny and Elkan 2002 (doi:10.1145/775047.775151): a sigmoid for each class, divided by their sum.
    from scipy.special import log_expit, logsumexp

    sigmoids = log_expit(decisions)
    return np.asarray(sigmoids - logsumexp(sigmoids, axis=1, keepdims=True), dtype=np.float64)


def _modified_huber(decisions: NDArray[np.float64]) -> NDArray[np.float64]:
    # Zhang 2004, appendix B (doi:10.1214/aos/1079120130): (clip(d, -1, 1) + 1) / 2; uniform where all are zero.
    if decisions.shape[1] == 2:
        margin = (np.clip(decisions[:, 1] - decisions[:, 0], -1, 1) + 1) / 2
        shares = np.stack([1 - margin, margin], axis=1)
    else:
        shares = (np.clip(decisions, -1, 1) + 1) / 2
        shares[shares.sum(axis=1) == 0] = 1
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(shares / shares.sum(axis=1, keepdims=True)), dtype=np.float64)


#: From logits (N, K) to logarithms of probabilities (N, K), by the name of the rule.
LINKS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "softmax": _softmax,
    "one-vs-rest": _one_vs_rest,
    "modified-huber": _modified_huber,
}
