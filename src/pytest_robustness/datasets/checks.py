"""What the arrays of a Dataset must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def is_integer(value: object) -> bool:
    """Tell whether a value is an integer, of Python or of numpy, and not a truth value."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_array(values: object, what: str) -> None:
    """Raise a `DatasetError` unless the value is a numpy array."""
    if not isinstance(values, np.ndarray):
        raise DatasetError(
            f"{what} are not a numpy array", got=type(values).__name__, mend="Use as_dataset, which takes other kinds."
        )


def check_positions(positions: Any, size: int) -> NDArray[np.int64]:
    """Return positions in a set of some size, or a mask over it, as an array of integers."""
    chosen = np.asarray(positions)
    if chosen.dtype == bool and chosen.shape == (size,):
        chosen = np.flatnonzero(chosen)
    if chosen.ndim != 1 or len(chosen) == 0 or chosen.dtype.kind not in "iu":
        raise DatasetError("positions select no rows", got=positions, allowed=f"integers from 0 to {size - 1}")
    if chosen.min() < -size or chosen.max() >= size:
        raise DatasetError("a position is outside the data set", got=positions, allowed=f"0 to {size - 1}")
    return chosen.astype(np.int64)


def check_images(images: NDArray[Any]) -> None:
    """Raise a `DatasetError` unless images are ``uint8`` or ``float32`` in [0, 1], of shape (N, C, H, W), N > 0."""
    if images.ndim != 4 or 0 in images.shape:
        raise DatasetError(
            "images have an unusable shape", got=images.shape, allowed="(N, C, H, W) with at least one image"
        )
    if images.dtype not in (np.uint8, np.float32):
        raise DatasetError("images have an unusable dtype", got=str(images.dtype), allowed=("uint8", "float32"))
    if images.dtype == np.float32:
        check_unit_range(images)


def check_unit_range(images: NDArray[Any]) -> None:
    """Raise a `DatasetError` unless all pixels of a float array (N, ...) are numbers in [0, 1]."""
    low, high = images.min(), images.max()
    if low >= 0 and high <= 1:
        return
    finite = np.isfinite(images.reshape(len(images), -1)).all(axis=1)
    if not finite.all():
        raise DatasetError(
            "pixel values are not finite (NaN or infinity)",
            got=f"first in image {int(np.argmin(finite))}",
            allowed="numbers in [0, 1]",
        )
    mend = "This looks like 0..255: pass uint8, or divide by 255." if high > 1.5 and low >= 0 else ""
    if low < 0:
        mend = "This looks like normalised data: pass the pixels before mean and std are applied."
    raise DatasetError(
        "pixel values are out of range", got=f"{low:.4g} to {high:.4g}", allowed="floats in [0, 1]", mend=mend
    )


def check_labels(labels: NDArray[Any], size: int, *, labelled: bool) -> None:
    """Raise a `DatasetError` unless labels are ``int64`` (N,), from 0 up, or all -1 where there are none."""
    if labels.shape != (size,) or labels.dtype != np.int64:
        raise DatasetError(
            "labels do not fit the images",
            got=f"{labels.dtype} of shape {labels.shape}",
            allowed=f"int64 of shape ({size},)",
        )
    if labelled and labels.min() < 0:
        first = int(np.argmax(labels < 0))
        raise DatasetError("a label is negative", got=f"{labels[first]} at index {first}", allowed="0 to K-1")
    if not labelled and not (labels == -1).all():
        raise DatasetError("a set with labelled=False has labels", got=labels, allowed="-1 everywhere")


def check_ids(ids: NDArray[Any], size: int, population: int) -> None:
    """Raise a `DatasetError` unless ids are ``int64`` (N,), all different, and less than the population."""
    if ids.shape != (size,) or ids.dtype != np.int64:
        raise DatasetError(
            "ids do not fit the images", got=f"{ids.dtype} of shape {ids.shape}", allowed=f"int64 of shape ({size},)"
        )
    if ids.min() < 0 or ids.max() >= population:
        raise DatasetError(
            "ids are out of range", got=f"{ids.min()} to {ids.max()}", allowed=f"0 to {population - 1} (the population)"
        )
    if len(np.unique(ids)) != size:
        raise DatasetError("an id occurs more than once", got=ids, allowed="different ids")
