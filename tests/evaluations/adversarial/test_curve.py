"""Curves of accuracy over the radius: what is no curve is refused, what is one can be asked, tabulated and drawn."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.errors import ConfigurationError, ParameterError
from pytest_robustness.evaluations.adversarial.curve import Curve
from pytest_robustness.evaluations.pictures import PICTURE_FORMATS
from pytest_robustness.metrics import binomial_interval

if TYPE_CHECKING:
    from pathlib import Path


def make_curve(**changes: Any) -> Curve:
    """Make a curve of three radii, unless told otherwise."""
    usual = {
        "eps": (0.1, 0.2, 0.4),
        "accuracy": (0.8, 0.5, 0.1),
        "low": (0.7, 0.4, 0.0),
        "high": (0.9, 0.6, 0.2),
        "n": 1000,
        "confidence": 0.95,
        "norm": "linf",
        "attack": "pgd",
        "clean": 1.0,
    }
    return Curve(**(usual | changes))


def one_point(eps: float = 0.1, accuracy: float = 0.5, **changes: Any) -> Curve:
    """Make a curve of one radius, with an interval from 0 to 1."""
    return make_curve(eps=(eps,), accuracy=(accuracy,), low=(0,), high=(1,), **changes)


@st.composite
def curves(draw) -> Curve:
    n = draw(st.integers(1, 500))
    radii = draw(st.lists(st.floats(0, 10), min_size=1, max_size=8, unique=True).map(sorted))
    counts = draw(st.lists(st.integers(0, n), min_size=len(radii), max_size=len(radii)).map(sorted))[::-1]
    clean = counts[0] if radii[0] == 0 else draw(st.integers(counts[0], n))
    intervals = [binomial_interval(count, n) for count in counts]
    return make_curve(
        eps=radii,
        accuracy=[count / n for count in counts],
        low=[i.low for i in intervals],
        high=[i.high for i in intervals],
        n=n,
        clean=clean / n,
    )


def test_numbers_become_builtin_and_hashable():
    curve = make_curve(eps=np.array([0.1, 0.2, 0.4]), accuracy=[1, 0.5, np.float32(0.25)], n=np.int64(9), high=[1] * 3)
    assert [type(value) for value in (*curve.eps, *curve.accuracy, *curve.high, curve.clean)] == [float] * 10
    assert (type(curve.eps), type(curve.n), type(curve.confidence)) == (tuple, int, float)
    assert hash(make_curve()) == hash(make_curve(eps=[0.1, 0.2, 0.4]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        curve.n = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eps": (0.1, 0.4, 0.2)}, "radii must ascend"),
        ({"eps": (0.1, 0.1, 0.2)}, "radii must ascend"),
        ({"eps": (0.1, 0.2)}, "as many values as radii.*'eps': 2"),
        ({"low": (0.1,)}, "as many values as radii.*'low': 1"),
        ({"eps": (), "accuracy": (), "low": (), "high": ()}, "at least one"),
        ({"eps": (-0.1, 0.2, 0.4)}, "eps is out of range: got -0.1"),
        ({"eps": (0.1, 0.2, float("inf"))}, "eps is out of range: got inf"),
        ({"eps": "123"}, "eps must be a sequence of numbers: got '123'"),
        ({"eps": 0.1}, "eps must be a sequence of numbers"),
        ({"eps": ("0.1", 0.2, 0.4)}, "eps is out of range: got '0.1'"),
        ({"accuracy": (0.8, 0.81, 0.1)}, r"rises with the radius: got \(1.0, 0.8, 0.81, 0.1\)"),
        ({"clean": 0.79}, "rises with the radius"),
        ({"accuracy": (0.8, 0.5, float("nan"))}, "accuracy is out of range: got nan"),
        ({"high": (0.9, 0.6, 1.2)}, "high is out of range: got 1.2; allowed: 0 to 1"),
        ({"low": (0.81, 0.4, 0.0)}, "interval at radius 0.1 does not hold 0.8"),
        ({"high": (0.9, 0.4, 0.2)}, "interval at radius 0.2 does not hold 0.5"),
        ({"eps": (0.0, 0.2, 0.4)}, "radius 0 must be the clean one: got 0.8"),
        ({"clean": 98.0}, "clean is out of range: got 98.0; allowed: 0 to 1"),
        ({"n": 0}, "n is out of range"),
        ({"confidence": 95}, "confidence is out of range"),
        ({"norm": ""}, "norm must be a name"),
        ({"attack": None}, "attack must be a name: got None"),
    ],
)
def test_what_is_no_curve_is_refused(changes, message):
    with pytest.raises(ParameterError, match=message):
        make_curve(**changes)


def test_at_a_measured_radius():
    curve = make_curve()
    assert [curve.at(eps) for eps in (0, 0.1, 0.2, 0.4)] == [1.0, 0.8, 0.5, 0.1]
    assert one_point(3 * 0.1).at(0.3) == 0.5
    assert one_point(8 / 255).at(0.03137254902) == 0.5


@pytest.mark.parametrize("eps", [0.15, 0.1001, 1e-9, 0.41])
def test_between_the_radii_nothing_is_known(eps):
    with pytest.raises(ParameterError, match=rf"not? .*measured.*: got {eps}; allowed: 0, 0.1, 0.2, 0.4"):
        make_curve().at(eps)


@pytest.mark.parametrize("eps", [float("nan"), -0.1, "0.1"])
def test_what_is_no_radius(eps):
    with pytest.raises(ParameterError, match="eps is out of range"):
        make_curve().at(eps)


def test_area_by_hand():
    # 0.1 (1 + 0.8) / 2 + 0.1 (0.8 + 0.5) / 2 + 0.2 (0.5 + 0.1) / 2 = 0.09 + 0.065 + 0.06, over 0.4.
    assert make_curve().area() == pytest.approx(0.215 / 0.4)
    # Radius 0 adds nothing where it is among the radii.
    with_zero = make_curve(eps=(0.0, 0.2, 0.4), accuracy=(1, 0.5, 0.1), low=(0.9, 0.4, 0.0), high=(1, 0.6, 0.2))
    assert with_zero.area() == pytest.approx((0.15 + 0.06) / 0.4)
    assert one_point(0.0, 0.7, clean=0.7).area() == 0.7


def test_area_of_a_flat_curve_is_its_height():
    # Summed as they are, these trapezoids give 0.9100000000000001.
    flat = make_curve(eps=(0.32, 0.73), accuracy=(0.91, 0.91), low=(0.9, 0.9), high=(0.92, 0.92), clean=0.91)
    assert flat.area() == 0.91


@given(curves())
def test_area_is_a_mean(curve):
    assert curve.accuracy[-1] <= curve.area() <= curve.clean
    radii, values = np.array([0.0, *curve.eps]), np.array([curve.clean, *curve.accuracy])
    if curve.eps[-1] > 1e-200:
        mean = np.sum(np.diff(radii) / radii[-1] * (values[1:] + values[:-1]) / 2)
        assert curve.area() == pytest.approx(mean)


@given(curves(), st.floats(0.1, 3))
def test_area_does_not_depend_on_the_unit_of_the_radius(curve, scale):
    radii = [scale * eps for eps in curve.eps]
    if all(a < b for a, b in pairwise(radii)) and radii[-1] > 1e-200:
        assert dataclasses.replace(curve, eps=radii).area() == pytest.approx(curve.area())


def test_to_dataframe():
    frame = make_curve().to_dataframe()
    assert list(frame.columns) == ["attack", "norm", "eps", "accuracy", "low", "high", "n", "confidence"]
    assert frame.iloc[1].tolist() == ["pgd", "linf", 0.2, 0.5, 0.4, 0.6, 1000, 0.95]
    assert len(frame) == 3


def test_text():
    # The mean: 0.0313725 * 0.9 + 0.1686275 * 0.65 + 0.2 * 0.3 = 0.197843, over 0.4.
    assert str(make_curve(eps=(8 / 255, 0.2, 0.4))).splitlines() == [
        "pgd linf, 1,000 images: clean 1.0000, mean 0.4946 up to eps 0.4",
        "      eps    accuracy  95 % interval",
        "0.0313725      0.8000  [0.7000, 0.9000]",
        "0.2            0.5000  [0.4000, 0.6000]",
        "0.4            0.1000  [0.0000, 0.2000]",
    ]


@given(curves(), st.sampled_from(["pgd", "a very long name of an attack that somebody made up for a paper " * 2]))
def test_text_fits(curve, attack):
    lines = str(dataclasses.replace(curve, attack=attack)).splitlines()
    assert max(map(len, lines)) <= 80
    columns = {line.index("[") for line in lines[-len(curve.eps) :]}
    assert len(columns) == 1


def test_the_picture_shows_what_was_measured():
    (axes,) = make_curve().plot().axes
    (line,) = axes.lines
    assert line.get_xydata().tolist() == [[0, 1], [0.1, 0.8], [0.2, 0.5], [0.4, 0.1]]
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 0.4), (0, 1))
    assert axes.get_xlabel() == "eps (linf distance, pixels in [0, 1])"
    assert axes.get_legend().get_texts()[0].get_text() == "95 % interval"
    band, bars = axes.collections
    assert band.get_paths()[0].get_extents().bounds == pytest.approx((0.1, 0.0, 0.3, 0.9))
    assert [path.vertices.tolist() for path in bars.get_paths()] == [
        [[eps, low], [eps, high]] for eps, low, high in ((0.1, 0.7, 0.9), (0.2, 0.4, 0.6), (0.4, 0.0, 0.2))
    ]


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")]
)
def test_pictures_are_written_and_the_same_each_time(tmp_path: Path, suffix: str, start: bytes):
    paths = [tmp_path / "new" / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        make_curve().plot(str(path) if path == paths[0] else path)
    assert paths[0].read_bytes().startswith(start)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert b"Date" not in paths[0].read_bytes()


def test_every_format_is_tested():
    assert set(PICTURE_FORMATS) == {".png", ".svg", ".pdf"}


@pytest.mark.parametrize("name", ["curve.jpg", "curve", "curve.svgz", ""])
def test_an_unknown_suffix(tmp_path: Path, name: str):
    with pytest.raises(ParameterError, match=r"unknown format of a picture.*\.png, \.svg, \.pdf"):
        make_curve().plot(tmp_path / name if name else "")
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="a picture that cannot be written"):
        make_curve().plot(tmp_path / "file" / "curve.png")


@pytest.mark.parametrize("eps", [0.0, 5.0])
def test_one_radius_can_be_drawn(tmp_path: Path, eps: float):
    one_point(eps, 1.0).plot(tmp_path / "curve.png")


def test_names_are_text(tmp_path: Path):
    name = "$a^2$ <b>& \N{HANGUL SYLLABLE GA}"
    make_curve(attack=name).plot(tmp_path / "curve.svg")
    texts = [
        "".join(node.itertext()) for node in ET.parse(tmp_path / "curve.svg").iter("{http://www.w3.org/2000/svg}text")
    ]
    assert f"{name} linf, 1,000 images" in texts
    make_curve(attack=name).plot(tmp_path / "curve.png")


def test_global_state_is_left_alone(tmp_path: Path):
    before = dict(mpl.rcParams)
    make_curve().plot(tmp_path / "curve.svg")
    assert dict(mpl.rcParams) == before


LIGHT = """
import sys
from pytest_robustness.evaluations.adversarial.curve import Curve
assert "matplotlib" not in sys.modules
Curve(eps=(0.1,), accuracy=(0.5,), low=(0.4,), high=(0.6,), n=9, confidence=0.95, norm="l2", attack="x", clean=1).plot()
print("matplotlib.pyplot" in sys.modules)
"""


def test_matplotlib_comes_late_and_pyplot_never():
    run = subprocess.run([sys.executable, "-c", LIGHT], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "False"
