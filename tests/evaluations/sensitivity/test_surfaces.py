"""Cells and their areas, the tensor sampler, the folded first layer, the surface as a table."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neural_network import MLPClassifier
from torch import nn

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset, load_dataset
from pytest_robustness.errors import ClassifierError, ConfigurationError, ParameterError
from pytest_robustness.evaluations import Accuracy, Sensitivity, Surface, surface_of
from pytest_robustness.evaluations.base import Outcome, Subject
from pytest_robustness.evaluations.sensitivity.box import Box, make_box
from pytest_robustness.evaluations.sensitivity.folding import fold, folded_block
from pytest_robustness.evaluations.sensitivity.mesh import grid_mesh, triangle_mesh
from pytest_robustness.evaluations.sensitivity.tensor import estimated_error, refined
from pytest_robustness.transforms import gamma_brightness_table
from pytest_robustness.transforms.parametric import PARAMETERS

AXES = st.lists(st.floats(0.01, 3), min_size=1, max_size=6).map(
    lambda widths: tuple(np.cumsum([0.0, *widths]).tolist())
)
UNIT = Box(("a", "b"), ((0.0, 1.0), (0.0, 1.0)), (0.0, 0.0), (False, False))


def above(mesh, surface, level, margin=0.0):
    values = np.asarray(surface, float).ravel()
    return mesh.area_above(values, values - margin, values + margin, level)


@given(AXES, AXES, st.floats(-2, 2), st.floats(-2, 2), st.floats(-2, 2))
def test_weights_give_the_exact_mean_of_a_bilinear_surface(x, y, a, b, c):
    weights = grid_mesh((x, y)).weights(len(x) * len(y)).reshape(len(x), len(y))
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0).all()
    first, second = np.array(x)[:, None], np.array(y)[None, :]
    exact = a * x[-1] / 2 + b * y[-1] / 2 + c * x[-1] * y[-1] / 4
    assert (weights * (a * first + b * second + c * first * second)).sum() == pytest.approx(exact, abs=1e-9)


@given(st.integers(0, 40), st.integers(0, 10_000), st.floats(-2, 2), st.floats(-2, 2))
def test_triangles_give_the_exact_mean_of_a_plane(inner, seed, a, b):
    points = np.vstack([list(product((0.0, 1.0), repeat=2)), np.random.default_rng(seed).random((inner, 2))])
    mesh = triangle_mesh(points, UNIT)
    assert mesh.sizes.sum() == pytest.approx(1)
    assert mesh.weights(len(points)) @ (points @ [a, b]) == pytest.approx((a + b) / 2, abs=1e-9)
    share = above(mesh, points[:, 0], 0.3)
    assert share.low <= share.value <= share.high
    assert share.value == pytest.approx(0.7, abs=0.06)


@given(st.integers(2, 9), st.integers(2, 9), st.floats(0.01, 0.99))
def test_area_of_a_slope(rows, columns, level):
    # The surface x over the unit square is at least `level` on 1 - level of it; 16 samples a cell resolve 1/32 cell.
    axes = tuple(np.linspace(0, 1, rows).tolist()), tuple(np.linspace(0, 1, columns).tolist())
    surface = np.repeat(np.linspace(0, 1, rows)[:, None], columns, axis=1)
    found = above(grid_mesh(axes), surface, level)
    assert found.value == pytest.approx(1 - level, abs=0.51 / 16 / (rows - 1))
    assert found.low <= found.value <= found.high
    assert found.high - found.low <= 1.001 / (rows - 1)


def test_area_below_a_diagonal_of_a_product():
    # x y >= 1/2 on the unit square: 1 - 1/2 - ln(2)/2, on a grid of unequal cells.
    axis = tuple((np.linspace(0, 1, 40) ** 1.5).tolist())
    found = above(grid_mesh((axis, axis)), np.outer(axis, axis), 0.5)
    assert found.value == pytest.approx(0.5 - np.log(2) / 2, abs=1e-3)


def test_the_bracket_allows_for_the_intervals():
    mesh, flat = grid_mesh(((0.0, 1.0, 2.0), (0.0, 3.0))), np.full(6, 0.9)
    assert mesh.area_above(flat, flat - 0.1, flat + 0.05, 0.85) == (1.0, 0.0, 1.0)
    assert mesh.area_above(flat, flat - 0.01, flat + 0.05, 0.85) == (1.0, 1.0, 1.0)
    assert mesh.area_above(flat, flat - 0.1, flat + 0.01, 0.95) == (0.0, 0.0, 0.0)


def cliff(x, y):
    """Steep along the second axis, nearly even along the first."""
    return 0.1 + 0.85 / (1 + np.exp(40 * (y - 0.3 - 0.1 * x)))


def test_the_tensor_grid_puts_its_points_where_the_surface_bends():
    axes, sizes = UNIT.start(), []
    for _ in range(60):
        values = cliff(np.array(axes[0])[:, None], np.array(axes[1])[None, :])
        wanted = refined(UNIT, axes, values, 200)
        assert all(set(old) <= set(new) for old, new in zip(axes, wanted, strict=True))
        sizes.append(values.size)
        if wanted == axes:
            break
        axes = wanted
    assert sizes[-1] <= 200 < 1.3 * sizes[-1]
    assert len(axes[1]) >= 4 * len(axes[0])
    near = np.abs(np.array(axes[1]) - 0.35) < 0.15
    assert near.mean() > 0.5
    x, y = np.meshgrid(np.linspace(0, 1, 201), np.linspace(0, 1, 201), indexing="ij")
    from scipy.interpolate import RegularGridInterpolator

    error = np.abs(RegularGridInterpolator(axes, values)(np.stack([x, y], axis=-1)) - cliff(x, y)).mean()
    even = [tuple(np.linspace(0, 1, 14).tolist())] * 2
    on_even = cliff(np.array(even[0])[:, None], np.array(even[1])[None, :])
    plain = np.abs(RegularGridInterpolator(even, on_even)(np.stack([x, y], axis=-1)) - cliff(x, y)).mean()
    assert error < plain / 8
    assert error / 3 < estimated_error(UNIT, axes, values) < 3 * error


def test_a_jump_is_never_refined():
    box = make_box([("gamma", (0.0, 4.0)), ("brightness", (-1.0, 1.0))], [PARAMETERS["gamma"]])
    axes = box.start()
    for _ in range(10):
        gammas, shifts = (np.array(axis) for axis in axes)
        values = np.where(gammas[:, None] == 0, 0.1, 0.9) * np.ones(len(shifts))
        axes = refined(box, axes, values, 300)
    assert axes[0][0] == 0
    assert axes[0][1] == pytest.approx(4e-6)
    assert axes[0][2] > 0.05


@pytest.fixture(scope="module")
def digits():
    data = load_dataset("digits")
    # On a black frame, so that most pixels are black as they are in MNIST.
    images = np.pad(data.images, ((0, 0), (0, 0), (4, 4), (4, 4)))
    return as_dataset((images, data.labels))


@pytest.fixture(scope="module")
def models(digits):
    flat = digits.pixels().reshape(len(digits), -1)
    fitted = MLPClassifier((20, 10), max_iter=400, random_state=0, tol=1e-3).fit(flat, digits.labels)
    generator = torch.Generator().manual_seed(0)
    layers = [nn.Flatten(), nn.Linear(256, 30), nn.BatchNorm1d(30), nn.GELU(), nn.Dropout(0.5), nn.Linear(30, 10)]
    network = nn.Sequential(*layers)
    for parameter in network.parameters():
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    return {
        "estimator": load_classifier(fitted),
        "network": load_classifier(network, num_classes=10),
        "normalised": load_classifier(network, num_classes=10, mean=0.13, std=0.3),
        "only one layer": load_classifier(nn.Sequential(nn.Flatten(), layers[1]), num_classes=30),
    }


TABLES = [(1.0, 0.0), (0.4, -0.2), (3.0, 0.6), (0.0, -0.3), (10.0, 0.01), (0.7, 0.999), (1e-5, 0.0)]


@pytest.mark.parametrize("name", ["estimator", "network", "normalised", "only one layer"])
def test_the_folded_model_predicts_the_same(models, digits, name):
    model = models[name]
    folded = fold(model, digits.images)
    assert folded is not None
    for gamma, brightness in TABLES:
        table = gamma_brightness_table(gamma, brightness)
        before = model.passes.forwards
        found = folded.predict(table)
        # Where all images become the same one, that one is enough, once.
        assert model.passes.forwards >= before + (len(digits) if np.ptp(table) else 0)
        assert (found == model.predict(table[digits.images])).all()


@pytest.mark.parametrize("name", ["estimator", "network", "only one layer"])
def test_many_tables_at_once_are_the_same_as_one_by_one(models, digits, name):
    folded = fold(models[name], digits.images[:300])
    tables = np.stack([gamma_brightness_table(*point) for point in [*TABLES, (1.0, 1.0), (2.0, -1.0), TABLES[1]]])
    np.testing.assert_array_equal(folded.predict_each(tables), np.stack([folded.predict(table) for table in tables]))
    # Rows do not depend on what else is folded with them.
    part = fold(models[name], digits.images[100:300])
    np.testing.assert_array_equal(part.predict_each(tables), folded.predict_each(tables)[:, 100:])


def test_folding_leaves_the_model_and_the_global_random_state_alone(models, digits):
    module = nn.Sequential(nn.Flatten(), nn.Linear(256, 12), nn.ReLU(), nn.Linear(12, 10))
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    classifier = load_classifier(module, num_classes=10)
    state = torch.random.get_rng_state()
    folded = fold(classifier, digits.images)
    table = gamma_brightness_table(2.0, 0.1)
    found = folded.predict(table)
    assert torch.equal(state, torch.random.get_rng_state())
    with torch.no_grad():
        for parameter in module.parameters():
            assert parameter.requires_grad
            parameter.zero_()
    # It has weights of its own; only what is too close to call goes to the model.
    assert (folded.predict(table) == found).mean() > 0.99


def test_scores_that_are_not_finite_are_left_to_the_model(models, digits):
    module = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))
    with torch.no_grad():
        module[1].weight[3] = float("inf")
    folded = fold(load_classifier(module, num_classes=10), digits.images[:20])
    with pytest.raises(ClassifierError, match="not finite"):
        folded.predict(gamma_brightness_table(1.0, 0.0))


class Doubling(nn.Sequential):
    """A chain by its class, but none in truth."""

    def forward(self, images):
        return super().forward(images.flatten(1) ** 2)


def test_what_cannot_be_folded_goes_the_plain_way(models, digits):
    hooked = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))
    hooked.register_forward_pre_hook(lambda module, given: (given[0] * 2,))
    convolution = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 14 * 14, 10))
    half = nn.Sequential(nn.Flatten(), nn.Linear(256, 10)).to(torch.bfloat16)
    for module in (hooked, convolution, half, Doubling(nn.Linear(256, 10))):
        assert fold(load_classifier(module, num_classes=10), digits.images) is None
    assert fold(load_classifier(lambda images: np.eye(10)[:, : len(images)].T, num_classes=10), digits.images) is None
    assert fold(models["network"], digits.pixels()) is None
    noise = np.random.default_rng(0).integers(0, 256, (9, 1, 16, 16), dtype=np.uint8)
    assert fold(models["network"], noise) is None


@pytest.fixture(scope="module")
def measured(models, digits):
    def measure(evaluation, data=digits):
        subject, outcomes = Subject(models["estimator"], data, 0, 500), {}
        while blocks := evaluation.plan(subject, outcomes):
            outcomes |= {block: Outcome(evaluation.run_block(subject, block)) for block in blocks}
        return evaluation.summarise(subject, outcomes, confidence=0.95)

    return measure


@pytest.fixture(scope="module")
def mean(measured):
    return measured(Sensitivity(gamma=(0.2, 4.0), brightness=(-0.8, 0.8), points=200, level=0.8))


def test_the_area_bracket_holds_the_truth(mean, models, digits):
    fine = [np.linspace(0.2, 4.0, 31), np.linspace(-0.8, 0.8, 31)]
    folded = fold(models["estimator"], digits.images)
    truth = np.array(
        [[(folded.predict(gamma_brightness_table(g, b)) == digits.labels).mean() for b in fine[1]] for g in fine[0]]
    )
    area = next(m for m in mean if m.metric == "area")
    assert area.low <= (truth >= 0.8).mean() <= area.high
    surface = surface_of(mean[0])
    assert np.abs(surface.interpolated(*np.meshgrid(*fine, indexing="ij")) - truth).mean() < 0.008


def test_both_paths_see_the_same_surface(measured, digits):
    evaluation = Sensitivity(gamma=(0.0, 3.0), brightness=(-1.0, 1.0), points=49, sampler="grid")
    folded, *_ = measured(evaluation)
    # Images of floats go through neither table nor folding.
    plain, *_ = measured(evaluation, data=as_dataset((digits.pixels(), digits.labels)))
    np.testing.assert_allclose(folded.details["accuracy"], plain.details["accuracy"], atol=2.1 / len(digits))
    (clean,) = measured(Accuracy())
    assert folded.details["clean"] == clean.value


def test_a_surface_is_a_table(mean, tmp_path):
    surface = surface_of(mean[0])
    table = surface.to_dataframe()
    assert list(table.columns) == ["gamma", "brightness", "accuracy", "low", "high", "n"]
    assert len(table) == len(surface.points) == len(mean[0].parts)
    assert ((table.low <= table.accuracy) & (table.accuracy <= table.high)).all()
    surface.save(tmp_path / "new" / "surface.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "new" / "surface.csv"), table)
    surface.save(tmp_path / "surface.npz")
    with np.load(tmp_path / "surface.npz") as file:
        np.testing.assert_array_equal(file["points"], surface.points)
        np.testing.assert_array_equal(file["accuracy"], surface.accuracies)
        assert file["names"].tolist() == ["gamma", "brightness"]
    np.testing.assert_allclose(surface.interpolated(*surface.points.T), surface.accuracies)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_pictures_are_written_the_same_each_time(mean, tmp_path, suffix):
    surface = surface_of(mean[0])
    for name in ("one", "two"):
        figure = surface.plot(tmp_path / "folder" / f"{name}{suffix}")
    assert len(figure.axes) == 4  # three panels and the bar of colours
    assert (tmp_path / "folder" / f"one{suffix}").read_bytes() == (tmp_path / "folder" / f"two{suffix}").read_bytes()


@pytest.mark.parametrize("options", [{"contrast": (0.5, 2.0)}, {"rotation": (-0.3, 0.3), "scale": (0.8, 1.2)}], ids=str)
@pytest.mark.parametrize("sampler", ["tensor", "grid"])
def test_other_parameters_are_drawn(measured, options, sampler):
    found, *_ = measured(Sensitivity(**options, points=12, sampler=sampler))
    assert surface_of(found).plot() is not None


def test_scattered_points_are_drawn(measured):
    found, *_ = measured(Sensitivity(points=30, sampler="learner2d"))
    surface = surface_of(found)
    assert surface.axes is None
    assert len(surface.points) == 30
    assert surface.plot() is not None


def test_errors_of_a_surface(mean, tmp_path):
    surface = surface_of(mean[0])
    with pytest.raises(ParameterError, match="a value is needed for each parameter: got 1; allowed: gamma, brightness"):
        surface.interpolated(1.0)
    with pytest.raises(ParameterError, match=r"gamma lies outside the box: got 9.0; allowed: 0.2 to 4"):
        surface.interpolated(9.0, 0.0)
    with pytest.raises(ParameterError, match="unknown format of a surface"):
        surface.save(tmp_path / "surface.txt")
    with pytest.raises(ParameterError, match="unknown format of a picture"):
        surface.plot(tmp_path / "surface.gif")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        surface.save(tmp_path / "file" / "surface.csv")
    with pytest.raises(ParameterError, match="holds no surface"):
        surface_of(mean[1])


def test_smooth_interpolation_follows_curves_and_stays_between_neighbours():
    x, y = (tuple(np.linspace(0, 1, n).tolist()) for n in (6, 25))
    values = cliff(np.array(x)[:, None], np.array(y)[None, :])
    numbers = {"n": 100, "confidence": 0.95, "level": 0.9, "clean": 0.9}
    points = np.array(list(product(x, y)))
    surface = Surface(
        names=("a", "b"), ranges=((0, 1), (0, 1)), points=points, accuracies=values.ravel(), axes=(x, y), **numbers
    )
    places = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, 1, 101), indexing="ij")
    smooth, linear = (surface.interpolated(*places, smooth=choice) for choice in (True, False))
    truth = cliff(*places)
    assert np.abs(smooth - truth).mean() < 0.6 * np.abs(linear - truth).mean()
    assert values.min() - 1e-12 <= smooth.min()
    assert smooth.max() <= values.max() + 1e-12
    np.testing.assert_allclose(surface.interpolated(*points.T), values.ravel(), atol=1e-12)
    # Lines agree with scipy's own interpolant of one axis.
    row = Surface(
        names=("b",), ranges=((0, 1),), points=points[:25, 1:], accuracies=values[0], axes=(y,), **numbers
    ).interpolated(places[1][0])
    np.testing.assert_allclose(row, smooth[0], atol=1e-12)


def test_a_block_is_folded_once(models, digits):
    one = folded_block(models["estimator"], digits, 0, 500)
    assert folded_block(models["estimator"], digits, 0, 500) is one
    assert folded_block(models["estimator"], digits, 500, 1000) is not one
    assert folded_block(models["network"], digits, 0, 500) is not one
    assert one.images.shape == (500, 1, 16, 16)


def test_gamma_is_joined_by_its_ratios():
    """An accuracy that falls evenly with the logarithm of gamma is followed from three lines, and 0 has its place."""
    gammas, shifts = (0.1, 1.0, 10.0), (-1.0, 0.0, 1.0)
    values = np.broadcast_to(0.9 - 0.2 * np.log10(gammas)[:, None], (3, 3))
    numbers = {"n": 100, "confidence": 0.95, "level": 0.9, "clean": 0.9}
    points = np.array(list(product(gammas, shifts)))

    def error(names):
        surface = Surface(
            names=names,
            ranges=((0.1, 10.0), (-1.0, 1.0)),
            points=points,
            accuracies=values.ravel(),
            axes=(gammas, shifts),
            **numbers,
        )
        np.testing.assert_allclose(surface.interpolated(*points.T), values.ravel(), atol=1e-12)
        places = np.linspace(0.1, 10, 100)
        return np.abs(surface.interpolated(places, 0.3) - (0.9 - 0.2 * np.log10(places))).mean()

    assert error(("gamma", "brightness")) < 0.5 * error(("other", "brightness"))
    at_jump = (0.0, 1e-5, 1.0, 2.0)
    row = Surface(
        names=("gamma",),
        ranges=((0.0, 2.0),),
        points=np.array(at_jump)[:, None],
        accuracies=np.array([0.1, 0.8, 0.9, 0.7]),
        axes=(at_jump,),
        **numbers,
    )
    between = row.interpolated(np.linspace(1e-5, 2, 50))
    assert np.isfinite(between).all()
    assert 0.7 <= between.min() <= between.max() <= 0.9 + 1e-12
