"""Accuracy and the confusion matrix against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix

from pytest_robustness.errors import ParameterError
from pytest_robustness.metrics import accuracy, confusion_matrix

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=50)


@given(PAIRS)
def test_equal_to_sklearn(pairs):
    predictions, labels = np.array(pairs).T
    assert accuracy(predictions, labels) == pytest.approx(accuracy_score(labels, predictions))
    expected = sklearn_confusion_matrix(labels, predictions, labels=range(5))
    np.testing.assert_array_equal(confusion_matrix(predictions, labels, num_classes=5), expected)


@given(PAIRS)
def test_accuracy_is_the_diagonal_of_the_confusion_matrix(pairs):
    predictions, labels = np.array(pairs).T
    counts = confusion_matrix(predictions, labels, num_classes=5)
    assert counts.sum() == len(pairs)
    assert accuracy(predictions, labels) == pytest.approx(np.trace(counts) / len(pairs))


def test_rows_are_the_true_classes():
    counts = confusion_matrix([2, 2, 0], [1, 1, 0], num_classes=3)
    assert counts.dtype == np.int64
    assert counts.tolist() == [[1, 0, 0], [0, 0, 2], [0, 0, 0]]


def test_types():
    assert type(accuracy(np.array([1], np.uint8), np.array([1]))) is float
    assert confusion_matrix(np.array([9], np.uint8), np.array([9], np.uint8), num_classes=200).sum() == 1


@pytest.mark.parametrize(
    ("predictions", "labels", "message"),
    [
        ([], [], "must be integers|not be empty"),
        ([0, 1], [0], "predictions must be as many as the samples: got 2; allowed: 1"),
        ([0.0], [0], "predictions must be integers: got 'type float64'"),
        ([0], [[0]], "labels must have the shape \\(N,\\)"),
        ([0, -1], [0, 0], "predictions are out of range, first at index 1: got -1"),
        ([0], [-1], "labels are out of range"),
    ],
)
def test_impossible_arrays(predictions, labels, message):
    for measure in (accuracy, lambda p, y: confusion_matrix(p, y, num_classes=3)):
        with pytest.raises(ParameterError, match=message):
            measure(predictions, labels)


def test_impossible_classes():
    with pytest.raises(ParameterError, match="first at index 1: got 3; allowed: 0 to 2"):
        confusion_matrix([0, 3], [0, 0], num_classes=3)
    for num_classes in (0, -1, 2.5, True):
        with pytest.raises(ParameterError, match="num_classes must be an integer"):
            confusion_matrix([0], [0], num_classes=num_classes)
