"""Accuracy and the confusion matrix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pytest_robustness.metrics._validation import checked_classes, checked_count


def accuracy(predictions: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the share of the predictions that are the label.

    Parameters
    ----------
    predictions, labels : array of int, shape (N,)
        Numbers of classes, 0 and above.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ParameterError
        If an array is empty, is not of integers, or the lengths differ.
    """
    known = checked_classes("labels", labels)
    return float((checked_classes("predictions", predictions, n=len(known)) == known).mean())


def confusion_matrix(predictions: npt.ArrayLike, labels: npt.ArrayLike, *, num_classes: int) -> npt.NDArray[np.int64]:
    """Count how often each class was taken for each.

    Parameters
    ----------
    predictions, labels : array of int, shape (N,)
        Numbers of classes in [0, `num_classes`).
    num_classes : int
        K.

    Returns
    -------
    ndarray of int64, shape (K, K)
        Rows are the true classes, columns the predicted ones.

    Raises
    ------
    ParameterError
        If an array is empty, is not of integers, holds a class out of range, or the lengths differ.
    """
    classes = checked_count("num_classes", num_classes)
    known = checked_classes("labels", labels, num_classes=classes)
    predicted = checked_classes("predictions", predictions, n=len(known), num_classes=classes)
    counts = np.bincount(known * classes + predicted, minlength=classes**2)
    return counts.reshape(classes, classes).astype(np.int64, copy=False)
