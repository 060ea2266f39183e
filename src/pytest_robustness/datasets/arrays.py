"""Arrays as people have them -> a Dataset."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pytest_robustness.datasets.checks import check_unit_range
from pytest_robustness.datasets.dataset import Dataset
from pytest_robustness.errors import DatasetError

_CHANNELS = (1, 3)
_LAYOUTS = "(N, H, W), (N, C, H, W) or (N, H, W, C) with 1 or 3 channels, or (N, D) with D a square"


def dataset_from_arrays(images: Any, labels: Any, *, name: str = "arrays") -> Dataset:
    """Make a Dataset from arrays.

    Parameters
    ----------
    images : array-like or torch.Tensor
        (N, H, W), (N, C, H, W), (N, H, W, C) with C 1 or 3, or (N, D) with D a square number (one channel).
        Where both readings of four axes are possible, channels come first.
        Floats lie in [0, 1]; integers of any width are grey levels 0..255; booleans are black and white.
    labels : array-like or torch.Tensor of shape (N,), or None
        Integers from 0. None: a set without labels.
    name : str
        What to call the set.

    Returns
    -------
    Dataset
        Whose ids are 0..N-1. Its pixels are ``uint8`` where integers were given, else ``float32``.

    Raises
    ------
    DatasetError
        If the arrays cannot be read as images and labels.
    """
    pixels = _levels(_channels_first(to_numpy(images, "images")))
    classes = np.full(len(pixels), -1, dtype=np.int64) if labels is None else _classes(to_numpy(labels, "labels"))
    if len(pixels) != len(classes):
        raise DatasetError("images and labels differ in number", got=f"{len(pixels)} images and {len(classes)} labels")
    return Dataset(
        images=pixels,
        labels=classes,
        name=name,
        ids=np.arange(len(pixels), dtype=np.int64),
        population=len(pixels),
        labelled=labels is not None,
    )


def to_numpy(values: Any, what: str) -> np.ndarray[Any, Any]:
    """Return an array-like or a torch tensor as a numpy array."""
    try:
        if hasattr(values, "detach"):
            values = values.detach().cpu()
            # numpy has no bfloat16; float32 holds every value of it.
            values = values.float() if values.is_floating_point() else values
            values = values.numpy()
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DatasetError(f"{what} cannot be read as an array", got=type(values).__name__, mend=str(error)) from error
    if array.dtype.kind not in "biuf":
        raise DatasetError(f"{what} are not numbers", got=f"dtype {array.dtype}", allowed="integers or floats")
    return array


def _levels(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Bring pixel values to uint8 or float32."""
    if images.dtype.kind == "f":
        check_unit_range(images)
        return images.astype(np.float32, copy=False)
    if images.dtype.kind == "b":
        return images.astype(np.uint8) * np.uint8(255)
    low, high = int(images.min()), int(images.max())
    if low < 0 or high > 255:
        raise DatasetError("integer pixel values are out of range", got=f"{low} to {high}", allowed="0 to 255")
    if high == 1:
        raise DatasetError(
            "integer pixel values are only 0 and 1, which as grey levels are all black",
            allowed="integers 0 to 255, floats in [0, 1], or booleans",
            mend="Pass images.astype('float32') if 1 is white.",
        )
    return images.astype(np.uint8, copy=False)


def _channels_first(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Bring any accepted layout to (N, C, H, W)."""
    if images.size == 0:
        raise DatasetError("there are no images", got=f"an array of shape {images.shape}", allowed=_LAYOUTS)
    if images.ndim == 2:
        side = math.isqrt(images.shape[1])
        if side * side == images.shape[1]:
            return images.reshape(-1, 1, side, side)
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[1] in _CHANNELS:
        return images
    if images.ndim == 4 and images.shape[3] in _CHANNELS:
        return images.transpose(0, 3, 1, 2)
    raise DatasetError("images have a shape that cannot be read", got=images.shape, allowed=_LAYOUTS)


def _classes(labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if labels.ndim != 1:
        mend = "Pass labels.argmax(axis=1)." if labels.ndim == 2 and labels.shape[1] > 1 else "Pass labels.ravel()."
        raise DatasetError("labels have an unusable shape", got=labels.shape, allowed="(N,)", mend=mend)
    if labels.dtype.kind not in "iu":
        raise DatasetError(
            "labels are not integers", got=f"dtype {labels.dtype}", allowed="integers from 0", mend="Convert them."
        )
    return labels.astype(np.int64)
