"""Temperature scaling in the calibration family: given or fitted, never on the data measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset
from pytest_robustness.engine import Evaluator
from pytest_robustness.errors import CapabilityError, DatasetError, ParameterError
from pytest_robustness.evaluations import Calibration
from pytest_robustness.metrics import expected_calibration_error, fit_temperature, scaled_log_probabilities


def model_of(factor: float):
    """Logits `factor` times the log odds of the first pixel: too sure of itself by that factor."""

    def outputs(images):
        bright = np.clip(images[:, 0, 0, 0].astype(np.float64), 0.01, 0.99)
        score = factor * np.log(bright / (1 - bright))
        return np.stack([np.zeros_like(score), score], axis=1)

    return load_classifier(outputs, outputs="logits", num_classes=2)


def data_of(n: int, seed: int):
    """Images whose first pixel is the probability of class 1."""
    generator = np.random.default_rng(seed)
    images = generator.random((n, 1, 3, 3)).astype(np.float32)
    labels = (generator.random(n) < images[:, 0, 0, 0]).astype(np.int64)
    return as_dataset((images, labels), name=f"made-{seed}")


@pytest.fixture(scope="module")
def measured():
    return data_of(800, 0)


@pytest.fixture(scope="module")
def held_out():
    return data_of(600, 1)


def test_a_temperature_that_is_given(run, measured):
    model = model_of(3.0)
    found = run(Calibration(temperature=3.0), model=model, data=measured)
    plain = run(Calibration(), model=model_of(1.0), data=measured)
    assert [m.value for m in found] == pytest.approx([m.value for m in plain])
    assert all(m.details["temperature"] == 3.0 for m in found)
    assert "temperature" not in plain[0].details
    assert found[0].name == "calibration(temperature=3).ece"


def test_a_temperature_that_is_fitted(run, measured, held_out):
    model = model_of(3.0)
    found = run(Calibration(temperature=held_out), model=model, data=measured)
    expected = fit_temperature(model.logits(held_out.images), held_out.labels)
    assert expected == pytest.approx(3, rel=0.2)
    assert found[0].details["temperature"] == pytest.approx(expected)
    probabilities = np.exp(scaled_log_probabilities(model.logits(measured.images), expected))
    assert found[0].value == pytest.approx(expected_calibration_error(probabilities, measured.labels))
    assert found[0].n == len(measured)
    plain = {m.metric: m.value for m in run(Calibration(), model=model, data=measured)}
    scaled = {m.metric: m.value for m in found}
    assert all(scaled[name] < plain[name] for name in ("ece", "ace", "smooth_ece", "brier", "nll", "classwise_ece"))


def test_arrays_files_and_names(run, measured, held_out, tmp_path):
    path = tmp_path / "held_out.npz"
    np.savez(path, images=held_out.images, labels=held_out.labels)
    arrays = (np.array(held_out.images), np.array(held_out.labels))
    values = [
        run(Calibration(temperature=source), model=model_of(2.0), data=measured)[0].details["temperature"]
        for source in (held_out, path, str(path), arrays)
    ]
    assert values == pytest.approx([values[0]] * 4)
    assert hash(Calibration(temperature=arrays)) == hash(Calibration(temperature=arrays))
    assert Calibration(temperature="MNIST 5k").temperature == "mnist-5k"
    assert Calibration(temperature=arrays).parameters() == {"temperature": f"arrays:{held_out_print(arrays)}"}


def held_out_print(arrays) -> str:
    return as_dataset(arrays).fingerprint[:12]


def test_probabilities_are_as_good_as_logits(run, measured, held_out):
    logits = model_of(3.0)
    model = load_classifier(logits.probabilities, outputs="probabilities", num_classes=2)
    for temperature in (2.0, held_out):
        found, expected = (
            run(Calibration(temperature=temperature), model=m, data=measured)[0] for m in (model, logits)
        )
        assert found.value == pytest.approx(expected.value, abs=1e-6)


def test_the_engine_fits_once_and_measures_the_same(measured, held_out):
    evaluator = Evaluator(model_of(2.0), measured)
    first = evaluator.measure(Calibration(temperature=held_out))
    assert first.forwards == len(measured) + len(held_out)
    assert first["nll"].value < evaluator.measure(Calibration())["nll"].value
    assert evaluator.measure(Calibration(temperature=held_out)).value == first.value


def test_never_fitted_on_what_is_measured(run, measured, held_out):
    for same in (measured, measured.sample(200, seed=1)):
        with pytest.raises(DatasetError, match="cannot serve as fitting data"):
            run(Calibration(temperature=same), model=model_of(2.0), data=measured)
    both = np.concatenate([measured.images[:100], held_out.images])
    labels = np.concatenate([measured.labels[:100], held_out.labels])
    with pytest.raises(DatasetError, match=r"got '14\.3%"):
        run(Calibration(temperature=(both, labels)), model=model_of(2.0), data=measured)
    # A small part of the data, all of it in the fitting data.
    with pytest.raises(DatasetError, match="cannot serve as fitting data"):
        run(Calibration(temperature=measured), model=model_of(2.0), data=measured.sample(10, seed=0))


def test_fitting_data_must_fit(run, measured, held_out):
    wide = as_dataset((np.zeros((4, 1, 5, 5), np.float32), np.array([0, 1, 0, 1])))
    with pytest.raises(DatasetError, match="another shape"):
        run(Calibration(temperature=wide), model=model_of(2.0), data=measured)
    bare = dataclasses.replace(held_out, labels=np.full(600, -1), labelled=False)
    with pytest.raises(DatasetError, match="has no labels"):
        run(Calibration(temperature=bare), model=model_of(2.0), data=measured)
    one_class = held_out.take(np.flatnonzero(held_out.labels == 1))
    with pytest.raises(ParameterError, match="labels of one class"):
        run(Calibration(temperature=one_class), model=model_of(2.0), data=measured)
    easy = held_out.take(np.flatnonzero((held_out.images[:, 0, 0, 0] > 0.5) == held_out.labels))
    with pytest.raises(ParameterError, match="too few mistakes"):
        run(Calibration(temperature=easy), model=model_of(2.0), data=measured)
    beyond = dataclasses.replace(held_out, labels=held_out.labels + 1)
    with pytest.raises(ParameterError, match="labels are out of range"):
        run(Calibration(temperature=beyond), model=model_of(2.0), data=measured)


def test_labels_alone_cannot_be_scaled(run, measured):
    model = load_classifier(lambda images: np.zeros(len(images), np.int64), outputs="labels", num_classes=2)
    with pytest.raises(CapabilityError, match="offers no probabilities"):
        run(Calibration(temperature=2.0), model=model, data=measured)


@pytest.mark.parametrize(
    ("temperature", "error", "message"),
    [
        (0, ParameterError, "temperature is out of range"),
        (-1.0, ParameterError, "temperature is out of range"),
        (float("nan"), ParameterError, "temperature is out of range"),
        (float("inf"), ParameterError, "temperature is out of range"),
        (True, ParameterError, "temperature is out of range"),
        ("mnist-5", ParameterError, "unknown data set.*Did you mean 'mnist-5k'"),
        ((np.zeros((2, 3, 3)), None), DatasetError, "no labels"),
        ({"a": 1}, DatasetError, "not a data set"),
    ],
)
def test_impossible_temperatures(temperature, error, message):
    with pytest.raises(error, match=message):
        Calibration(temperature=temperature)
