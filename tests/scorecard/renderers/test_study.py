"""The pictures of a study."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pytest

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import Dataset, as_dataset
from pytest_robustness.engine import Evaluator
from pytest_robustness.errors import ConfigurationError, ParameterError
from pytest_robustness.evaluations import Sensitivity, surface_of
from pytest_robustness.scorecard.renderers.study import check_files, draw_study

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure


@pytest.fixture
def colors() -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (12, 3, 6, 6), dtype=np.uint8)
    return as_dataset((images, np.arange(12) % 4))


def study(dataset: Dataset, path: Path | None = None, **options: object) -> Figure:
    evaluation = Sensitivity(points=12, **options)
    model = load_classifier(lambda pixels: pixels[:, 0, 0, :4], num_classes=4)
    surface = surface_of(Evaluator(model, dataset).measure(evaluation))
    return draw_study(surface, evaluation, dataset, path=path)


def test_two_parameters(colors: Dataset, tmp_path: Path) -> None:
    figure = study(colors, tmp_path / "one.png", gamma=(0.0, 2.0), brightness=(-1.0, 1.0))
    top, gammas, shifts, bottom = figure.subfigs
    assert len(top.axes) == 4
    assert len(gammas.axes) == len(shifts.axes) == 3 * 11
    assert len(bottom.axes) == 2
    # The examples of both parameters stand beside each other.
    assert gammas.bbox.y0 == pytest.approx(shifts.bbox.y0)
    assert gammas.bbox.x1 <= shifts.bbox.x0
    # The convention at 0 is said where it is seen.
    assert "0 ** 0 = 1" in gammas._suptitle.get_text()  # type: ignore[union-attr]
    white, *others = [axes.images[0].get_array() for axes in gammas.axes[:11]]
    assert (np.asarray(white) == 1).all()
    assert not (np.asarray(others[0]) == 1).all()
    study(colors, tmp_path / "two.png", gamma=(0.0, 2.0), brightness=(-1.0, 1.0))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_one_parameter_of_the_user(colors: Dataset) -> None:
    def darker(images: object, by: float) -> object:
        return np.clip(np.asarray(images) - by, 0, 1)

    figure = study(colors, transform=darker, by=(0.0, 0.5))
    assert len(figure.subfigs) == 3


def test_colours(colors: Dataset) -> None:
    assert len(study(colors, saturation=(0.0, 2.0), gaussian_noise=(0.0, 0.3)).subfigs) == 4


def test_global_state_is_left_alone(colors: Dataset) -> None:
    before, state = dict(mpl.rcParams), random.getstate()
    study(colors)
    assert dict(mpl.rcParams) == before
    assert random.getstate() == state


def test_files_are_checked_before_anything_is_measured(tmp_path: Path) -> None:
    check_files(plot=tmp_path / "new" / "a.png", save=tmp_path / "a.csv")
    with pytest.raises(ParameterError, match="unknown format of a picture"):
        check_files(plot=tmp_path / "a.bmp", save=None)
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be written there"):
        check_files(plot=None, save=tmp_path / "folder.npz")
