from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from pytest_robustness.engine import Evaluator
from pytest_robustness.errors import ConfigurationError, ParameterError
from pytest_robustness.evaluations import Accuracy, CertifiedAccuracy
from pytest_robustness.evaluations.certification.files import (
    certificates_table,
    check_certificates_file,
    save_certificates,
)

COLUMNS = ["idx", "label", "predict", "radius", "correct", "time"]
NOISE = {"alpha": 0.9, "noise_n": 500}


@pytest.fixture(scope="module")
def evaluator(net, digits):
    return Evaluator(net, digits.take(np.arange(40)))


@pytest.fixture(scope="module")
def curve(evaluator):
    return evaluator.measure(CertifiedAccuracy(radius="0..2", **NOISE))


@pytest.fixture(scope="module")
def one(evaluator):
    return evaluator.measure(CertifiedAccuracy(radius=1, **NOISE))


def test_a_line_for_each_image_in_the_order_of_the_data_set(curve, evaluator):
    table = certificates_table(curve)
    assert list(table.columns) == COLUMNS
    assert table["idx"].tolist() == list(range(40))
    assert curve.samples["index"].tolist() != list(range(40))  # worked on in the order of the seed
    assert table["label"].tolist() == evaluator.dataset.labels.tolist()
    assert set(table["correct"]) == {0, 1}
    assert (table["correct"] == (table["predict"] == table["label"])).all()
    assert (table["time"] >= 0).all()
    assert table["time"].sum() == pytest.approx(curve.seconds, rel=0.05, abs=0.01)


def test_the_table_has_what_the_measurement_says(curve, one):
    table = certificates_table(curve)
    for part in curve.parts:
        radius = int(part.name.removeprefix("radius="))
        assert ((table["radius"] >= radius) & (table["correct"] == 1)).mean() == pytest.approx(part.value)
    assert (table["radius"] * table["correct"]).mean() == pytest.approx(curve["mean_radius"].value)
    at = certificates_table(one)
    assert set(at["radius"]) == {0, 1}
    assert ((at["radius"] == 1) & (at["correct"] == 1)).mean() == pytest.approx(one.value)


def test_what_abstains_has_radius_0_and_is_not_correct(curve, one):
    """As in the published files: there, too, -1 is the prediction that is none."""
    for measurement in (curve, one):
        table = certificates_table(measurement)
        none = table["predict"] == -1
        assert (measurement.samples["radius"] == -1).sum() == none.sum()
        assert (table.loc[none, ["radius", "correct"]] == 0).all().all()
    assert (certificates_table(one)["predict"] == -1).any()


def test_radii_in_l2_keep_their_decimals(evaluator, tmp_path):
    found = evaluator.measure(CertifiedAccuracy("l2", [0.0, 0.1], sigma=0.25, noise_n=200))
    save_certificates(found, tmp_path / "l2.tsv")
    lines = (tmp_path / "l2.tsv").read_text().splitlines()[1:]
    radii = [float(line.split("\t")[COLUMNS.index("radius")]) for line in lines]
    order = found.samples["index"].argsort()
    assert radii == np.maximum(found.samples["radius"][order], 0).tolist()
    assert len(set(radii)) > 3


@pytest.mark.parametrize(("name", "separator"), [("new/folder/out.tsv", "\t"), ("OUT.CSV", ",")])
def test_a_file(curve, tmp_path, name, separator):
    path = tmp_path / name
    save_certificates(curve, str(path))
    lines = path.read_bytes().split(b"\n")
    assert lines[0].decode() == separator.join(COLUMNS)
    assert len(lines) == 42
    assert lines[-1] == b""
    pd.testing.assert_frame_equal(pd.read_csv(path, sep=separator), certificates_table(curve))


@pytest.mark.parametrize("name", ["out.txt", "out", "out.csv.gz", ""])
def test_other_suffixes_are_refused(curve, name):
    for refuses in (check_certificates_file, lambda path: save_certificates(curve, path)):
        with pytest.raises(ParameterError, match=f"unknown format of certificates: got '{name}'; allowed: .tsv, .csv"):
            refuses(name)


def test_what_is_in_the_way_is_told(curve, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"the table of certificates that cannot be written: got .*out\.csv"):
        save_certificates(curve, tmp_path / "file" / "out.csv")


def test_another_measurement_holds_no_certificates(curve, evaluator, tmp_path):
    others = {
        "accuracy(": evaluator.measure(Accuracy()),
        "mean_radius": curve["mean_radius"],
        "certified(": dataclasses.replace(curve, samples={}),
    }
    for name, measurement in others.items():
        with pytest.raises(ParameterError, match="the measurement holds no certificates: got ") as caught:
            save_certificates(measurement, tmp_path / "out.csv")
        assert name in str(caught.value)
    assert not (tmp_path / "out.csv").exists()
