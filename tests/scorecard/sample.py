"""A realistic scorecard: two models on two data sets, every family, every verdict, all kinds of pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pytest_robustness.scorecard import BoundRow, DataCard, ModelCard, PartRow, Row, Scorecard

if TYPE_CHECKING:
    from collections.abc import Iterable

LENET = ModelCard(
    name="lenet5",
    source="example_models.lenet5:load",
    fingerprint="3f9c" * 16,
    kind="torch",
    num_classes=10,
    input_shape=(1, 28, 28),
)
PERCEPTRON = ModelCard(
    name="mlp-784-100-10",
    source="example_models/mlp/weights.skops",
    fingerprint="a07b" * 16,
    kind="scikit-learn",
    num_classes=10,
    input_shape=(1, 28, 28),
)
SAMPLE = DataCard(name="mnist-5k", fingerprint="77d1" * 16, n=1000, population=5000)
WHOLE = DataCard(name="mnist", fingerprint="5be0" * 16, n=10_000, population=10_000)

CORRUPTIONS = {
    "brightness": 0.981, "canny_edges": 0.742, "dotted_line": 0.962, "fog": 0.893, "glass_blur": 0.951,
    "impulse_noise": 0.888, "motion_blur": 0.940, "rotate": 0.921, "scale": 0.951, "shear": 0.978, "shot_noise": 0.977,
    "spatter": 0.974, "stripe": 0.911, "translate": 0.412, "zigzag": 0.872,
}  # fmt: skip


def make_row(family: str, metric: str = "accuracy", value: float = 0.9, **changes: Any) -> Row:
    """Make a row of LENET on SAMPLE with a plausible interval."""
    spread = 0.02 if metric not in ("ece", "brier", "nll", "ace", "rms", "mce") else value / 5
    settings: dict[str, Any] = {
        "id": f"{family}-{metric}-{changes.get('parameters', {})}",
        "family": family,
        "parameters": {},
        "metric": metric,
        "value": value,
        "low": max(0.0, value - spread),
        "high": min(1.0, value + spread) if metric not in ("nll", "mce") else value + spread,
        "confidence": 0.95,
        "n": 1000,
        "higher_is_better": metric not in ("ece", "brier", "nll", "ace", "rms", "mce", "fpr95", "max_drop"),
        "seconds": 1.234,
        "forwards": 1000,
        "model": LENET.key,
        "data": SAMPLE.key,
        "test": f"tests/test_robustness.py::test_{family}",
    }
    return Row(**(settings | changes))


def at_least(bound: float) -> BoundRow:
    return BoundRow(op=">=", bound=bound)


def at_most(bound: float) -> BoundRow:
    return BoundRow(op="<=", bound=bound)


def surface(level: float | None = 0.9) -> dict[str, Any]:
    gamma = [0.3 * 10 ** (index / 20) for index in range(21)]
    brightness = [-0.5 + index / 20 for index in range(21)]
    accuracy = [[max(0.1, 0.985 - 0.45 * math.log(g) ** 2 - 2.4 * (b + 0.05) ** 2) for b in brightness] for g in gamma]
    return {"gamma": gamma, "brightness": brightness, "accuracy": accuracy, "level": level}


def reliability() -> dict[str, Any]:
    bins = []
    for index in range(15):
        low, high = index / 15, (index + 1) / 15
        middle = (low + high) / 2
        bins.append({"low": low, "high": high, "confidence": middle, "accuracy": middle**1.25, "n": 2 + index**3 // 4})
    return {"bins": [bins[0], {**bins[1], "confidence": None, "accuracy": None, "n": 0}, *bins[2:]]}


def confusion() -> dict[str, Any]:
    matrix = [[0] * 10 for _ in range(10)]
    for digit in range(10):
        matrix[digit][digit] = 97 - digit
        matrix[digit][(digit * 7 + 3) % 10] += 1 + digit % 4
    matrix[4][9], matrix[9][4], matrix[7][2], matrix[3][5] = 9, 6, 7, 5
    return {"confusion": matrix}


def histograms() -> dict[str, Any]:
    edges = [-1 + index / 40 for index in range(37)]
    inlier = [int(400 * math.exp(-((edge + 1) ** 2) * 40)) for edge in edges[:-1]]
    outlier = [int(60 * math.exp(-((edge + 0.55) ** 2) * 18)) for edge in edges[:-1]]
    return {"edges": edges, "inlier": inlier, "outlier": outlier}


def roc(*names: str) -> dict[str, Any]:
    """Curves of the given sets, or of one without a name."""
    fpr = [index / 20 for index in range(21)]
    curves = {name: {"roc": {"fpr": fpr, "tpr": [x ** (0.1 * i + 0.1) for x in fpr]}} for i, name in enumerate(names)}
    return {"sets": curves} if names else {"roc": {"fpr": fpr, "tpr": [x**0.2 for x in fpr]}}


def contact_sheet() -> dict[str, Any]:
    """Two rows of one pixel of 2 x 2 images."""
    png = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAAECAAAAACBhLHlAAAAFElEQVR4nGNg+M/wn4ExioGB6wQAFJ4DLDpEFxkAAAAASUVORK5CYII="
    return {"sheet": {"names": ["as it is", "<fog>"], "width": 2, "height": 2, "columns": 1, "png": png}}


def _lenet_rows() -> list[Row]:
    parts = tuple(
        PartRow(name=name, value=value, low=value - 0.018, high=min(1.0, value + 0.015), n=1000)
        for name, value in CORRUPTIONS.items()
    )
    suite = {"suite": "mnist-c", "corruptions": list(CORRUPTIONS)}
    rectangle = {"gamma": [0.3, 3.0], "brightness": [-0.5, 0.5], "points": 400}
    pgd = {"attack": "pgd", "norm": "linf", "steps": 40, "restarts": 1, "random_start": True}
    worst_part = "translate 41.2 % (39.4 to 42.7), 18.8 points below the bound of 60 %"
    return [
        make_row("accuracy", value=0.989, threshold=at_least(0.98), verdict="passed", details=confusion()),
        make_row(
            "adversarial", value=0.8996, parameters=pgd | {"eps": 0.1}, threshold=at_least(0.85), verdict="passed",
            reason="the interval 88.0 to 92.0 lies above 85 %", backwards=40_000, forwards=41_000, seconds=12.9,
        ),
        make_row(
            "adversarial", value=0.8496, parameters={"attack": "autoattack", "norm": "linf", "eps": 0.1},
            threshold=at_least(0.85), verdict="inconclusive",
            reason="the interval 83.0 to 87.0 holds the bound of 85 %; 4,100 more images would settle it",
            warnings=("Square found no example where gradients failed on 12 images: gradients may be masked",),
            parts=(
                PartRow(name="apgd-ce", value=0.871, low=0.85, high=0.89, n=1000),
                PartRow(name="apgd-t", value=0.852, low=0.83, high=0.872, n=1000),
                PartRow(name="fab-t", value=0.851, low=0.829, high=0.871, n=1000),
                PartRow(name="square", value=0.8496, low=0.828, high=0.87, n=1000),
            ),
            backwards=400_000, forwards=910_000, seconds=512.0,
        ),
        make_row("corruption", value=0.8903, parameters=suite, parts=parts, threshold=at_least(0.85), verdict="passed"),
        make_row(
            "corruption", "worst", 0.412, parameters=suite, parts=parts, threshold=at_least(0.6), verdict="failed",
            reason=worst_part, headline=False,
        ),
        make_row("corruption", "mce", 1.0834, parameters=suite, headline=False),
        make_row(
            "ood", "auroc", 0.9871, parameters={"outliers": "kmnist", "score": "msp"}, threshold=at_least(0.95),
            verdict="passed", details=histograms(),
        ),
        make_row("ood", "fpr95", 0.0712, parameters={"outliers": "kmnist", "score": "msp"}, headline=False),
        make_row(
            "calibration", "ece", 0.0093, parameters={"bins": 15}, threshold=at_most(0.02), verdict="passed",
            details=reliability(),
        ),
        make_row("calibration", "nll", 0.0412, parameters={"bins": 15}, headline=False, details=reliability()),
        make_row("sensitivity", "mean", 0.7871, parameters=rectangle, details=surface(), warnings=(
            "the surface was still changing at its edge when the budget of 400 points was spent",
        )),
        make_row(
            "sensitivity", "worst", 0.1, parameters=rectangle, headline=False, cached=True, low=math.nan, high=math.nan,
            details=surface(),
        ),
    ]  # fmt: skip


def _perceptron_rows() -> list[Row]:
    other = {"model": PERCEPTRON.key, "data": WHOLE.key, "n": 10_000, "cached": True}
    return [
        make_row("accuracy", value=0.9996, threshold=at_least(0.97), verdict="passed", **other),
        make_row("certified", value=0.631, parameters={"norm": "l0", "radius": 3, "samples": 10_000, "alpha": 0.001},
                 threshold=at_least(0.6), verdict="passed", **other),
        make_row("saliency", value=0.3412, parameters={"fraction": 0.15}, **other),
        make_row("calibration", "nll", math.inf, parameters={"bins": 15}, threshold=at_most(0.1), verdict="failed",
                 reason="3 images have probability 0 for their own class", **other),
        make_row("sensitivity", "area", math.nan, parameters={"gamma": [0.5, 2.0]}, threshold=at_least(0.9),
                 verdict="failed", reason="no value: the model gave NaN on image 17", **other),
        make_row("accuracy", value=0.9712, parameters={"subset": "thick"}, test=None, **other),
    ]  # fmt: skip


CARDS = {card.key: card.to_dict() for card in (LENET, PERCEPTRON, SAMPLE, WHOLE)}


def payload(row: Row) -> dict[str, Any]:
    return {"row": row.to_dict(), "model": CARDS[row.model], "data": CARDS[row.data]}


def make_card(rows: list[Row] | None = None, unevaluated: Iterable[str] = ()) -> Scorecard:
    """Make a scorecard, of the sample rows by default."""
    rows = _lenet_rows() + _perceptron_rows() if rows is None else rows
    return Scorecard.from_rows(
        [payload(row) for row in rows],
        seed=0,
        unevaluated=unevaluated,
        created="2026-02-03T12:30:00+00:00",
        environment={"python": "3.12.9", "torch": "2.13.0", "pytest-robustness": "0.1.0", "commit": "0123abcd" * 5},
    )
