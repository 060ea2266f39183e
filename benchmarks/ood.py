"""How well scores separate, beside other libraries: AUROC, AUPR and FPR of 10,000 inliers and 10,000 outliers."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tabulate import tabulate

from benchmarks.timing import race
from pytest_robustness.metrics import rank
from pytest_robustness.metrics.ranked_intervals import (
    auroc_interval_of,
    average_precision_interval_of,
    fpr_interval_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Measures = dict[str, Callable[[], Any]]

SAMPLES = 10_000

MEASURES = ("AUROC", "AUPR out", "AUPR in", "FPR at 95 % TPR", "all four", "the same with intervals")


def table() -> str:
    """Return milliseconds of each measure here and in the libraries that are installed, and how far these differ."""
    generator = np.random.Generator(np.random.Philox(1))
    inliers, outliers = generator.normal(size=SAMPLES), generator.normal(1.36, 1, SAMPLES)
    libraries, notes = {"ours": _ours(inliers, outliers), "scikit-learn": _sklearn(inliers, outliers)}, []
    for name, make in {"torchmetrics": _torchmetrics, "pytorch-ood": _pytorch_ood}.items():
        try:
            libraries[name] = make(inliers, outliers)
        except ImportError as error:
            notes.append(f"without {name}: {error}")
    rows = [row for measure in MEASURES for row in _rows(measure, libraries)]
    headers = ["measure", "library", "CPU ms", "CPU ratio", "largest difference"]
    text = tabulate(rows, headers=headers, floatfmt=("", "", ".2f", ".1f", ".1e"))
    notes.append(
        "Areas under precision-recall curves: pytorch-ood joins its points by straight lines, the others do not."
    )
    return "\n".join([text, *notes])


def _rows(measure: str, libraries: dict[str, Measures]) -> list[list[Any]]:
    timed = race({name: measures[measure] for name, measures in libraries.items() if measure in measures}, rounds=7)
    first = timed["ours"]
    return [
        [measure, name, 1e3 * each.seconds, each.seconds / first.seconds, _difference(first.result, each.result)]
        for name, each in timed.items()
    ]


def _difference(ours: Any, theirs: Any) -> float:
    return float(np.abs(np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)).max())


def _with_all_four(measures: Measures) -> Measures:
    return {**measures, "all four": lambda: [measures[name]() for name in MEASURES[:4]]}


def _ours(inliers: Any, outliers: Any) -> Measures:
    def values(ranked: Any) -> list[float]:
        precisions = [ranked.average_precision(positive=positive) for positive in ("outlier", "inlier")]
        return [ranked.auroc(), *precisions, ranked.fpr_at_tpr()]

    def with_intervals() -> list[float]:
        ranked = rank(inliers, outliers)
        intervals = [auroc_interval_of(ranked), average_precision_interval_of(ranked), fpr_interval_of(ranked)]
        intervals.append(average_precision_interval_of(ranked, positive="inlier"))
        return [*values(ranked), *(end for interval in intervals for end in interval)]

    return {
        "AUROC": lambda: rank(inliers, outliers).auroc(),
        "AUPR out": lambda: rank(inliers, outliers).average_precision(),
        "AUPR in": lambda: rank(inliers, outliers).average_precision(positive="inlier"),
        "FPR at 95 % TPR": lambda: rank(inliers, outliers).fpr_at_tpr(),
        "all four": lambda: values(rank(inliers, outliers)),
        "the same with intervals": with_intervals,
    }


def _sklearn(inliers: Any, outliers: Any) -> Measures:
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    truth, scores = np.repeat([0, 1], SAMPLES), np.concatenate([inliers, outliers])

    def fpr() -> float:
        false_positive, true_positive, _ = roc_curve(truth, scores, drop_intermediate=False)
        return float(false_positive[np.argmax(true_positive >= 0.95)])

    return _with_all_four(
        {
            "AUROC": lambda: roc_auc_score(truth, scores),
            "AUPR out": lambda: average_precision_score(truth, scores),
            "AUPR in": lambda: average_precision_score(1 - truth, -scores),
            "FPR at 95 % TPR": fpr,
        }
    )


def _torchmetrics(inliers: Any, outliers: Any) -> Measures:
    functional: Any = importlib.import_module("torchmetrics.functional.classification")
    truth = torch.repeat_interleave(torch.arange(2), SAMPLES)
    # What is not in [0, 1] it takes for logits: a sigmoid, and scores that tie in float32.
    scores = torch.from_numpy(np.concatenate([inliers, outliers]))
    scores = (scores - scores.min()) / (scores.max() - scores.min())

    def fpr() -> Any:
        false_positive, true_positive, _ = functional.binary_roc(scores, truth)
        return false_positive[int((true_positive >= 0.95).long().argmax())]

    return _with_all_four(
        {
            "AUROC": lambda: functional.binary_auroc(scores, truth),
            "AUPR out": lambda: functional.binary_average_precision(scores, truth),
            "AUPR in": lambda: functional.binary_average_precision(1 - scores, 1 - truth),
            "FPR at 95 % TPR": fpr,
        }
    )


def _pytorch_ood(inliers: Any, outliers: Any) -> Measures:
    metrics: Any = _pytorch_ood_metrics()
    scores = torch.from_numpy(np.concatenate([inliers, outliers]))
    # Outliers have a negative label.
    labels = torch.repeat_interleave(torch.tensor([0, -1]), SAMPLES)
    return _with_all_four(
        {
            "AUROC": lambda: metrics.auroc(scores, labels),
            "AUPR out": lambda: metrics.aupr(scores, labels, positive="ood"),
            "AUPR in": lambda: metrics.aupr(scores, labels, positive="id"),
            "FPR at 95 % TPR": lambda: metrics.fpr_at_tpr(scores, labels),
        }
    )


def _pytorch_ood_metrics() -> Any:
    """Import its metrics only: the package itself imports torchvision, which they do not need."""
    spec = importlib.util.find_spec("pytorch_ood")
    if spec is None or spec.submodule_search_locations is None:
        message = "it is not installed"
        raise ImportError(message)
    package = ModuleType("pytorch_ood")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules.setdefault("pytorch_ood", package)
    return importlib.import_module("pytorch_ood.metrics.functional")
