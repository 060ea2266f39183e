"""From the other side: a search for few pixels breaks images that are not certified so far, and none that is."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_robustness.attacks import SparseRS
from pytest_robustness.certificates import SmoothedClassifier, clopper_pearson_lower, clopper_pearson_upper
from pytest_robustness.engine import Evaluator
from pytest_robustness.evaluations import CertifiedAccuracy

COPIES = 4000
"""Fresh noisy copies that tell whether an image is broken: the search knows only its own copies, and may fit them."""

SURE = 1 - 1e-6

EVALUATION = CertifiedAccuracy(radius=[0, 1, 2], alpha=0.9, noise_n=10_000)


@pytest.fixture(scope="module")
def measured(net, digits):
    """The net on thirty images, and what is certified of them."""
    evaluator = Evaluator(net, digits.take(range(30)))
    return evaluator.classifier, evaluator.measure(EVALUATION).samples


@pytest.mark.parametrize("radius", [1, 2])
def test_no_certified_image_is_broken_within_its_radius(measured, digits, radius):
    base, samples = measured
    smoothed = SmoothedClassifier(base, EVALUATION.noise)
    right = samples["prediction"] == samples["label"]
    data, radii = digits.take(samples["index"][right]), samples["radius"][right]
    broken = SparseRS(eps=radius, queries=100).run(smoothed.as_classifier(n=100), data.images, data.labels)
    changed = ((broken > 0.5) != (data.pixels() > 0.5)).sum(axis=(1, 2, 3))
    assert (changed <= radius).all()
    assert changed.max() == radius
    votes = smoothed.votes(broken, COPIES, seed=1)[np.arange(len(data)), data.labels]
    most = np.array([clopper_pearson_upper(int(k), COPIES, confidence=SURE) for k in votes])
    least = np.array([clopper_pearson_lower(int(k), COPIES, confidence=SURE) for k in votes])
    assert (radii >= radius).sum() >= 2
    assert (most[radii >= radius] > 0.5).all()
    assert (least[radii >= radius] > 0.5).all()  # so little does the bound leave to chance here
    # The search is no straw man: it breaks several images that were certified at radius 0 and more, but not so far.
    assert (most[radii < radius] < 0.5).sum() >= 2
    assert (radii[most < 0.5] >= 0).all()
