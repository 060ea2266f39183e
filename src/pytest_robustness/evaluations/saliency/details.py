"""What a row of the saliency family shows: its curves, and a few images with their saliency and with it masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_robustness.evaluations.base import gather
from pytest_robustness.evaluations.saliency.curves import CURVES, FRACTIONS, shares, whole_curve
from pytest_robustness.evaluations.sheets import saliency_sheet, sheet_picture
from pytest_robustness.saliency import masked, most_salient_first, number_of_pixels

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from pytest_robustness.evaluations.base import Block, Outcome, Subject
    from pytest_robustness.evaluations.saliency.evaluation import Saliency
    from pytest_robustness.saliency import SaliencyMap


def curves_of(subject: Subject, outcomes: Mapping[Block, Outcome]) -> dict[str, NDArray[np.bool_]]:
    """Return which samples are classified correctly along each curve, (len(FRACTIONS), N) by name."""
    labels = subject.dataset.labels
    clean, blank = (gather(outcomes, name) == labels for name in ("prediction", "blank"))
    found = {name: gather(outcomes, f"curve {name}", axis=1) for name in CURVES}
    return {name: whole_curve(f, clean, blank, shown=name.endswith("insertion")) for name, f in found.items()}


def curve_details(
    evaluation: Saliency, subject: Subject, used: SaliencyMap, curves: Mapping[str, NDArray[np.bool_]]
) -> dict[str, Any]:
    """Return the curves as builtin values, with what they were made by."""
    _, height, width = subject.dataset.shape
    return {
        "map": used.label(),
        "mask": evaluation.mask,
        "fraction": float(evaluation.fraction),
        "fractions": list(FRACTIONS),
        "shares": list(shares(height * width)),
        **{name: curve.mean(axis=1).tolist() for name, curve in curves.items()},
    }


def examples(evaluation: Saliency, subject: Subject, outcomes: Mapping[Block, Outcome]) -> dict[str, Any]:
    """Return a few images, their saliency, and what they are taken for with it masked."""
    arrays = next(outcome.arrays for block, outcome in outcomes.items() if block.start == 0)
    saliency = arrays["examples"]
    n, pixels = len(saliency), subject.dataset.pixels(slice(len(saliency)))
    where = most_salient_first(saliency) < number_of_pixels(evaluation.fraction, saliency[0].size)
    rows = saliency_sheet(pixels, saliency, masked(pixels, where, evaluation.mask))
    told = zip(arrays["prediction"][:n], arrays["masked"][:n], strict=True)
    return sheet_picture(rows, [f"{before} \N{RIGHTWARDS ARROW} {after}" for before, after in told])
