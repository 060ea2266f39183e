"""Strategies for property tests with hypothesis: perturbations of images, and images of a data set.

::

    @given(sample=images("digits"), change=perturbations("rotation", "brightness", max_size=2))
    def test_small_changes_do_not_matter(sample, change):
        assume(change.magnitude < 0.1)
        assert model.predict(change(sample.images))[0] == sample.label
"""

from __future__ import annotations

from pytest_robustness.strategies.drawing import Sample, images, perturbations
from pytest_robustness.strategies.own import own_transform
from pytest_robustness.strategies.perturbation import Perturbation
from pytest_robustness.strategies.table import towards

__all__ = ["Perturbation", "Sample", "images", "own_transform", "perturbations", "towards"]
