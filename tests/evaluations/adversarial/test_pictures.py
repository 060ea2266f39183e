from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from pytest_robustness.evaluations import Accuracy, AdversarialAccuracy, EarlyStop, Outcome, Subject, Threshold


def picture(sheet):
    return np.asarray(Image.open(BytesIO(base64.b64decode(sheet["png"]))).convert("RGB"))


def test_confusion_before_and_after(run, dataset):
    (found,) = run(AdversarialAccuracy("fgsm", eps=0.1))
    clean = run(Accuracy())[0].details["confusion"]
    assert found.details["confusion_clean"] == clean == [[5, 1], [0, 4]]
    # The two images at .45 and .55 are taken for each other's class.
    assert found.details["confusion"] == [[4, 2], [1, 3]]
    assert np.trace(found.details["confusion"]) == found.value * 10


@pytest.mark.parametrize("eps", [(0.02, 0.1), (0.1, 0.2)])
def test_a_curve_shows_its_largest_radius(run, eps):
    (curve,), (single,) = run(AdversarialAccuracy("pgd", eps=eps)), run(AdversarialAccuracy("pgd", eps=eps[-1]))
    assert curve.details["confusion"] == single.details["confusion"]


def test_examples_are_the_fooled_samples(run, dataset):
    (found,) = run(AdversarialAccuracy("fgsm", eps=0.1))
    sheet = found.details["adversarial_examples"]
    assert sheet["names"] == ["original", "its saliency", "adversarial", "its saliency now", "difference"]
    assert sheet["captions"] == ["0 → 1", "1 → 0"]
    page = picture(sheet)
    assert page.shape == (15, 6, 3)
    # The flat images at .45 and .55, and the same a tenth brighter and darker.
    assert [set(page[:3, i : i + 3].ravel()) for i in (0, 3)] == [{115}, {140}]
    assert [set(page[6:9, i : i + 3].ravel()) for i in (0, 3)] == [{140}, {115}]
    assert [set(page[12:, i : i + 3].ravel()) for i in (0, 3)] == [{255}, {0}]


def test_an_attack_without_gradients_asks_for_none(run):
    (found,) = run(AdversarialAccuracy("square", eps=0.1, queries=50))
    assert found.details["adversarial_examples"]["names"] == ["original", "adversarial", "difference"]


def test_nobody_fooled_nothing_shown(run):
    (found,) = run(AdversarialAccuracy("fgsm", eps=0.01))
    assert "adversarial_examples" not in found.details
    assert found.details["confusion"] == found.details["confusion_clean"]


def test_no_confusion_of_some_samples(classifier, dataset):
    evaluation = AdversarialAccuracy("fgsm", eps=0.1)
    early = EarlyStop(threshold=Threshold("accuracy", ">=", 0.95), rule=None, confidence=0.95, alpha=None)
    subject, outcomes = Subject(classifier, dataset, 0, 4, early=early), {}
    while blocks := evaluation.plan(subject, outcomes):
        outcomes |= {block: Outcome(evaluation.run_block(subject, block)) for block in blocks}
    (found,) = evaluation.summarise(subject, outcomes, confidence=0.95)
    assert found.settled is not None
    assert not {"confusion", "confusion_clean"} & found.details.keys()


def test_saved_samples_are_the_same_with_pictures(run, dataset):
    (kept,), (plain,) = (run(AdversarialAccuracy("fgsm", eps=0.1, save=save)) for save in ("out.npz", None))
    assert "images" in kept.samples
    assert "images" not in plain.samples
    assert kept.details["adversarial_examples"] == plain.details["adversarial_examples"]
