from __future__ import annotations

import pytest
from scipy.stats import beta

from pytest_robustness.evaluations import Accuracy


def test_by_hand(run):
    (found,) = run(Accuracy())
    # Nine of ten right; the ninth image is called bright and labelled dark.
    assert (found.family, found.metric, found.value, found.n, found.population) == ("accuracy", "accuracy", 0.9, 10, 10)
    assert found.higher_is_better
    # Clopper and Pearson 1934 for 9 of 10.
    assert found.low == pytest.approx(beta.ppf(0.025, 9, 2))
    assert found.high == pytest.approx(beta.ppf(0.975, 10, 1))
    assert found.details["confusion"] == [[5, 1], [0, 4]]
    assert [(part.name, part.value, part.n) for part in found.parts] == [("class 0", 5 / 6, 6), ("class 1", 1.0, 4)]
    assert (found.seconds, found.forwards, found.backwards, found.cached) == (0.5, 2, 1, False)


def test_confidence_widens_the_interval(run):
    (usual,), (sure,) = run(Accuracy()), run(Accuracy(), confidence=0.999)
    assert sure.low < usual.low < usual.high < sure.high
    assert sure.confidence == 0.999
