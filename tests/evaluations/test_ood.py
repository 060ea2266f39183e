from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import CapabilityError, ParameterError
from pytest_robustness.evaluations import OutOfDistribution
from pytest_robustness.metrics import SCORES


@pytest.fixture
def outliers():
    """Eight flat images around 1/2, where the classifier is unsure."""
    levels = np.array([0.3, 0.38, 0.41, 0.46, 0.52, 0.57, 0.62, 0.9], np.float32)
    return np.repeat(levels, 9).reshape(8, 1, 3, 3)


def msp(classifier, images):
    return -np.exp(log_softmax(classifier.logits(images), axis=1).max(axis=1))


def test_metrics_are_those_of_scikit_learn(run, classifier, dataset, outliers):
    found = {m.metric: m for m in run(OutOfDistribution(outliers=outliers))}
    assert list(found) == ["auroc", "aupr_out", "aupr_in", "fpr95"]
    scores = np.concatenate([msp(classifier, dataset.images), msp(classifier, outliers)])
    truth = np.repeat([0, 1], [10, 8])
    assert found["auroc"].value == pytest.approx(roc_auc_score(truth, scores))
    assert found["aupr_out"].value == pytest.approx(average_precision_score(truth, scores))
    assert found["aupr_in"].value == pytest.approx(average_precision_score(1 - truth, -scores))
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    assert found["fpr95"].value == pytest.approx(false[true >= 0.95].min())
    assert [m.higher_is_better for m in found.values()] == [True, True, True, False]
    assert all(m.low <= m.value <= m.high for m in found.values())


def test_separated_sets(run):
    grey = np.full((5, 1, 3, 3), 0.5, np.float32)
    found = {m.metric: m.value for m in run(OutOfDistribution(outliers=grey))}
    assert found == {"auroc": 1.0, "aupr_out": 1.0, "aupr_in": 1.0, "fpr95": 0.0}


@pytest.mark.parametrize("score", sorted(SCORES))
def test_every_score_is_computed_from_what_it_needs(run, classifier, dataset, outliers, score):
    outputs = getattr(classifier, SCORES[score].needs)
    scores = np.concatenate([SCORES[score].function(outputs(images)) for images in (dataset.images, outliers)])
    expected = roc_auc_score(np.repeat([0, 1], [10, 8]), scores)
    assert run(OutOfDistribution(outliers=outliers, score=score))[0].value == pytest.approx(expected)


def test_a_score_that_needs_logits_is_refused_without_them(run, outliers):
    model = load_classifier(lambda images: np.full((len(images), 2), 0.5), outputs="probabilities")
    assert run(OutOfDistribution(outliers=outliers), model=model)[0].value == 0.5
    with pytest.raises(CapabilityError, match="offers no logits"):
        run(OutOfDistribution(outliers=outliers, score="energy"), model=model)


def test_the_histogram_counts_everything(run, outliers):
    details = run(OutOfDistribution(outliers=outliers))[0].details
    assert (sum(details["inlier"]), sum(details["outlier"])) == (10, 8)
    assert len(details["edges"]) == len(details["inlier"]) + 1


def test_names_are_spelt_one_way():
    assert OutOfDistribution("Fashion_MNIST", score="Max_Logit") == OutOfDistribution(
        "fashion-mnist", score="max-logit"
    )


def test_a_path(run, outliers, tmp_path):
    np.savez(tmp_path / "o.npz", images=outliers)
    from_path = run(OutOfDistribution(tmp_path / "o.npz"))[0]
    assert from_path.value == run(OutOfDistribution(outliers=outliers))[0].value
    assert from_path.parameters["outliers"] == str(tmp_path / "o.npz")


def test_unknown_names_are_refused():
    with pytest.raises(ParameterError, match="set of outliers"):
        OutOfDistribution("nothing")
    with pytest.raises(ParameterError, match="anomaly score"):
        OutOfDistribution(score="nothing")
