"""Estimators of scikit-learn: files that do not change, and estimators that come back as they were."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from example_models import logistic_regression, random_forest, rbf_svm
from example_models.estimators import save_skops

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

IMAGES = np.random.default_rng(0).random((120, 784), dtype=np.float32)
LABELS = np.arange(120) % 10
ESTIMATORS = [
    (random_forest, RandomForestClassifier(5, random_state=0)),
    (rbf_svm, CalibratedClassifierCV(SVC(gamma=0.02), cv=2, ensemble=False)),
]


@pytest.mark.parametrize(("package", "estimator"), ESTIMATORS)
def test_a_file_is_the_same_each_time_and_gives_the_same_estimator(
    package: Any, estimator: Any, tmp_path: Path
) -> None:
    file, again = tmp_path / "first.skops", tmp_path / "second.skops"
    estimator.fit(IMAGES, LABELS)
    save_skops(estimator, file)
    reloaded = package.load(file)
    np.testing.assert_array_equal(reloaded.predict_proba(IMAGES), estimator.predict_proba(IMAGES))
    save_skops(reloaded, again)  # lies elsewhere in memory
    assert file.read_bytes() == again.read_bytes()


def test_nothing_stands_between_the_fields_of_a_node(tmp_path: Path) -> None:
    save_skops(RandomForestClassifier(1, random_state=0).fit(IMAGES, LABELS), tmp_path / "weights.skops")
    with zipfile.ZipFile(tmp_path / "weights.skops") as file:
        nodes = [file.read(name) for name in file.namelist() if b"missing_go_to_left" in file.read(name)]
    assert len(nodes) == 1
    # A node takes 64 bytes, of which the last field is the 57th.
    records = np.frombuffer(nodes[0][nodes[0].index(b"\n") + 1 :], dtype=np.uint8).reshape(-1, 64)
    assert records[:, :57].any(axis=0).sum() > 20
    assert not records[:, 57:].any()


def test_a_reloaded_regression_answers_as_the_trained_one(tmp_path: Path) -> None:
    trained = LogisticRegression().fit(IMAGES, LABELS)
    logistic_regression.save(trained, tmp_path / "weights.safetensors")
    reloaded = logistic_regression.load(tmp_path / "weights.safetensors")
    np.testing.assert_allclose(reloaded.predict_proba(IMAGES), trained.predict_proba(IMAGES), atol=1e-6)
    np.testing.assert_array_equal(reloaded.predict(IMAGES), trained.predict(IMAGES))
