from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pytest_robustness import Evaluator, Scorecard
from pytest_robustness.errors import ConfigurationError, EvaluationError, ParameterError
from pytest_robustness.evaluations import Accuracy, CorruptionAccuracy
from pytest_robustness.evaluations.corruption.baselines import BASELINES
from pytest_robustness.evaluations.corruption.references import load_reference
from pytest_robustness.evaluations.corruption.suites import SUITES
from pytest_robustness.scorecard.record import make_payload

NAMES = ("fog", "brightness")


@pytest.fixture
def images():
    generator = np.random.default_rng(0)
    levels = np.repeat(np.linspace(20, 235, 12), 784).reshape(12, 1, 28, 28)
    noise = generator.normal(0, 20, levels.shape)
    return np.clip(levels + noise, 0, 255).astype(np.uint8), (np.arange(12) > 5).astype(np.int64)


@pytest.fixture
def card(classifier, images, tmp_path):
    """Write a scorecard of a model, with its clean accuracy and the suite ``common`` at two severities."""
    evaluator = Evaluator(classifier, images)
    path = tmp_path / "reference.json"

    def write(*evaluations, **changes):
        evaluations = evaluations or (Accuracy(), CorruptionAccuracy("common", NAMES, severities=(3, 5)))
        rows = [
            make_payload(metric, evaluator)
            for main in map(evaluator.measure, evaluations)
            for metric in (main, *main.others)
        ]
        document = Scorecard.from_rows(rows, seed=0).to_dict() | changes
        path.write_text(json.dumps(document), encoding="utf-8")
        return str(path)

    return write


def test_a_scorecard_gives_the_errors_of_its_model(card, classifier, images):
    path = card()
    evaluator = Evaluator(classifier, images)
    under = evaluator.measure(CorruptionAccuracy("common", NAMES, severities=(3, 5)))
    found = load_reference(path, "common", NAMES, (3, 5))
    assert found.errors == pytest.approx([1 - part.value for part in under.parts])
    assert found.clean == pytest.approx(1 - evaluator.measure(Accuracy()).value)
    assert (found.name, found.data) == (evaluator.classifier.name, evaluator.dataset.name)
    assert load_reference(path, "common", NAMES[1:], (3, 5)).errors == pytest.approx(found.errors[1:])


def test_a_model_beside_its_own_scorecard_is_one(card, classifier, images):
    found = Evaluator(classifier, images).measure(
        CorruptionAccuracy("common", NAMES, severities=(3, 5), reference=card())
    )
    assert found["mce"].value == pytest.approx(1)
    assert found["relative_mce"].value == pytest.approx(1)


def test_without_a_clean_accuracy_there_is_no_relative_error(card, classifier, images):
    path = card(CorruptionAccuracy("common", NAMES, severities=(3, 5)))
    assert load_reference(path, "common", NAMES, (3, 5)).clean is None
    found = Evaluator(classifier, images).measure(
        CorruptionAccuracy("common", NAMES, severities=(3, 5), reference=path)
    )
    assert found["mce"].value == pytest.approx(1)
    assert found["relative_mce"].faults


@pytest.mark.parametrize(
    ("suite", "names", "levels", "wanted"),
    [
        ("common", NAMES, (3,), "at the severities 3"),
        ("common", ("fog", "snow"), (3, 5), "corruptions fog, snow at the severities 3, 5"),
        ("mnist-c-generated", ("fog",), (), "row of the suite 'mnist-c-generated' with the corruptions fog"),
    ],
)
def test_other_levels_corruptions_and_suites_are_not_there(card, suite, names, levels, wanted):
    with pytest.raises(ConfigurationError, match=wanted) as caught:
        load_reference(card(), suite, names, levels)
    assert "corruption(suite=common" in str(caught.value)


def test_generated_images_are_not_the_published_ones(card):
    path = card(CorruptionAccuracy("mnist-c-generated", NAMES))
    assert load_reference(path, "mnist-c-generated", NAMES, ()).errors.shape == (2,)
    with pytest.raises(ConfigurationError, match="no row of the suite 'mnist-c' with"):
        load_reference(path, "mnist-c", NAMES, ())


def test_the_clean_accuracy_of_another_model_is_not_taken(card, tmp_path):
    document = json.loads(Path(card()).read_text(encoding="utf-8"))
    for row in document["rows"]:
        if row["family"] == "accuracy":
            row["model_fingerprint"] = "other"
    path = tmp_path / "other.json"
    path.write_text(json.dumps(document))
    assert load_reference(str(path), "common", NAMES, (3, 5)).clean is None


def test_the_default_levels_are_all(card):
    for evaluation in (
        CorruptionAccuracy("common", ("fog",)),
        CorruptionAccuracy("common", ("fog",), severities=(1, 2, 3, 4, 5)),
    ):
        assert load_reference(card(evaluation), "common", ("fog",), (1, 2, 3, 4, 5)).errors.shape == (1,)


def test_a_reference_without_an_error_is_refused(card):
    path = card(CorruptionAccuracy("common", ("contrast", "pixelate", "fog"), severities=(1, 5)))
    with pytest.raises(EvaluationError, match=r"no error under contrast, pixelate, so.*more images, or leave these"):
        load_reference(path, "common", ("contrast", "pixelate", "fog"), (1, 5))


def test_several_models_are_ambiguous(card, tmp_path):
    path = tmp_path / "two.json"
    document = json.loads(Path(card()).read_text(encoding="utf-8"))
    document["rows"] += [row | {"model_fingerprint": "other", "model": "Other"} for row in document["rows"]]
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match=r"more than one model or data set.*Other on.*alone"):
        load_reference(str(path), "common", NAMES, (3, 5))


@pytest.fixture
def changed(card, tmp_path):
    """Write the scorecard with rows of a family changed; ``add`` appends the changed ones to the others."""

    def write(family, change, *, add=False):
        document = json.loads(Path(card()).read_text(encoding="utf-8"))
        chosen = [row for row in document["rows"] if (row["family"], row["metric"]) == (family, "accuracy")]
        rows = [change(json.loads(json.dumps(row))) for row in chosen]
        kept = document["rows"] if add else [row for row in document["rows"] if row not in chosen]
        document["rows"] = kept + rows
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(document))
        return str(path)

    return write


@pytest.mark.parametrize(
    ("family", "what"), [("corruption", "rows of the suite 'common'"), ("accuracy", "clean accuracies")]
)
def test_rows_with_faults_are_refused(changed, family, what):
    path = changed(family, lambda row: row | {"faults": ["too few steps"]})
    with pytest.raises(ConfigurationError, match=rf"{what} of the reference .*cannot be relied on: got \['too few st"):
        load_reference(path, "common", NAMES, (3, 5))
    # One that was written without the key is read.
    path = changed(family, lambda row: {key: value for key, value in row.items() if key != "faults"})
    assert load_reference(path, "common", NAMES, (3, 5)).clean is not None


def other_part(row):
    row["parts"][0]["value"] /= 2
    return row


@pytest.mark.parametrize(
    ("family", "change", "what"),
    [
        ("corruption", other_part, "rows of the suite 'common'"),
        ("accuracy", lambda row: row | {"value": row["value"] / 2}, "clean accuracies"),
    ],
)
def test_two_rows_that_differ_are_ambiguous(changed, family, change, what):
    path = changed(family, change, add=True)
    with pytest.raises(ConfigurationError, match=rf"has two {what} of the same model and data that differ"):
        load_reference(path, "common", NAMES, (3, 5))
    same = changed(family, lambda row: row | {"confidence": 0.5, "test": "another"}, add=True)
    assert load_reference(same, "common", NAMES, (3, 5)).clean is not None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[]", "no scorecard"),
        ('{"schema": "other", "version": 1}', "no scorecard.*pytest-robustness/scorecard"),
        ('{"schema": "pytest-robustness/scorecard", "version": 2}', "no scorecard"),
        ('{"schema": "pytest-robustness/scorecard", "version": 1, "rows": [{}]}', "rows lack one of family"),
        ('{"schema": "pytest-robustness/scorecard", "version": 1, "rows": []}', "no row of the family corruption"),
        ('{"schema": "pytest-robustness/scorecard", "version": 1, "rows": 3}', "rows lack one of"),
    ],
)
def test_what_is_no_scorecard_is_refused(tmp_path, content, message):
    path = tmp_path / "reference.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=message):
        load_reference(str(path), "common", NAMES, (3, 5))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match=r"cannot be read.*nothing\.json.*No such file"):
        load_reference(str(tmp_path / "nothing.json"), "common", NAMES, (3, 5))
    with pytest.raises(ParameterError, match=r"unknown reference model.*lenet5.*suffix \.json"):
        load_reference("alexnet", "common", NAMES, (3, 5))


def test_an_accuracy_that_is_null_is_refused(card, tmp_path):
    document = json.loads(Path(card()).read_text(encoding="utf-8"))
    for row in document["rows"]:
        if row["family"] == "corruption":
            row["parts"][0]["value"] = None
    path = tmp_path / "null.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match="accuracy that is no share"):
        load_reference(str(path), "common", NAMES, (3, 5))


def test_the_bundled_baselines_are_whole():
    for baseline in BASELINES.values():
        assert 0 < baseline.clean < baseline.n
        for suite, errors in baseline.errors.items():
            assert set(errors) == set(SUITES[suite].names)
            for counts in errors.values():
                assert len(counts) == max(1, len(SUITES[suite].levels))
                assert all(0 < count < baseline.n for count in counts)


def test_a_bundled_baseline_takes_the_mean_over_the_levels():
    found = load_reference("lenet5", "common", ("contrast",), (1, 5))
    first, *_, last = BASELINES["lenet5"].errors["common"]["contrast"]
    assert found.errors == pytest.approx([(first + last) / 2 / 10_000])
    assert found.clean == 0.0088
    assert load_reference("lenet5", "mnist-c", ("fog",), ()).errors == pytest.approx([0.4838])


def test_a_baseline_that_lacks_a_suite_says_so(monkeypatch):
    lacking = {suite: errors for suite, errors in BASELINES["lenet5"].errors.items() if suite != "common"}
    monkeypatch.setitem(BASELINES, "lenet5", type(BASELINES["lenet5"])("mnist", 10_000, 88, lacking))
    with pytest.raises(EvaluationError, match=r"not measured on the suite 'common'.*path of a scorecard"):
        load_reference("lenet5", "common", ("fog",), (1,))
