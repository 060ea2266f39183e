"""From certificates to shares of images and radii, with their intervals."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.certificates import ABSTAIN, clopper_pearson_upper
from pytest_robustness.evaluations.certification.noise import noise_text
from pytest_robustness.evaluations.certification.radii import largest_radius
from pytest_robustness.evaluations.summaries import Estimate, class_parts, correct_part, share_correct
from pytest_robustness.metrics import clustered_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.base import Block, Outcome, Subject
    from pytest_robustness.evaluations.certification.evaluation import CertifiedAccuracy
    from pytest_robustness.evaluations.measurement import Part

_LOST = 0.05
"""Share of the images that binarisation may cost the base model before a reader is told."""

Samples = dict[str, "NDArray[Any]"]


def join_samples(subject: Subject, outcomes: Mapping[Block, Outcome], radius: float | None) -> Samples:
    """Return what is known of every image that was worked on, in their order.

    Parameters
    ----------
    radius : float, optional
        The one radius that images were certified at; without it each has its own.

    Returns
    -------
    dict of ndarray, shape (N,) each
        ``index`` in the data set; ``label``; ``prediction`` and ``radius``, -1 where nothing is certified; ``correct``,
        whether the prediction is the label; ``guess``, the class of the most votes; ``draws``; ``seconds``, those of
        the block shared out by draws; and what the summary needs besides.
    """
    blocks = sorted(outcomes, key=lambda block: block.start)
    rows = np.concatenate([block.positions for block in blocks])
    names = outcomes[blocks[0]].arrays
    found = {name: np.concatenate([outcomes[block].arrays[name] for block in blocks]) for name in names}
    if radius is not None:
        found["prediction"] = np.where(found["certified"], found["guess"], ABSTAIN)
        found["radius"] = np.where(found["certified"], radius, -1)
    seconds = [_shares(outcomes[block].arrays["draws"]) * outcomes[block].seconds for block in blocks]
    labels = subject.dataset.labels[rows]
    return {
        "index": subject.dataset.ids[rows],
        "label": labels,
        **found,
        "correct": found["prediction"] == labels,
        "seconds": np.concatenate(seconds),
    }


def certified_at(samples: Samples, radius: float) -> NDArray[np.bool_]:
    """Return which images are certified to be right at a radius; those that abstain are not."""
    return np.asarray(samples["correct"] & (samples["radius"] >= radius))


def radii_that_count(samples: Samples) -> NDArray[np.float64]:
    """Return the certified radius of each image, 0 where it abstains or is wrong."""
    return np.where(samples["correct"], samples["radius"], 0).astype(np.float64)


def mean_radius(radii: NDArray[np.float64], largest: float, confidence: float) -> Estimate:
    """Return the mean of radii in [0, largest] with an interval over the images, see `clustered_interval`."""
    low, high = clustered_interval(np.minimum(radii / largest, 1.0), confidence=confidence)
    return Estimate(float(radii.mean()), low * largest, high * largest)


def median_radius(radii: NDArray[np.float64], largest: float, confidence: float) -> Estimate:
    """Return the largest radius that at least half of the images reach, with the exact interval of order statistics.

    The ends are the k-th radii from below and from above, for the largest k for which fewer than k heads of n coins
    have a chance of at most ``(1 - confidence) / 2``; 0 and `largest` where there is no such k. This covers the median
    of any distribution, also of whole numbers, at least that often.
    """
    from scipy.stats import binom

    n, ascending = len(radii), np.sort(radii)
    k = int(np.searchsorted(binom.cdf(np.arange(n), n, 0.5), (1 - confidence) / 2, side="right"))
    low, high = (float(ascending[k - 1]), float(ascending[n - k])) if k else (0.0, float(largest))
    return Estimate(float(ascending[n // 2]), low, high)


def parts_of(evaluation: CertifiedAccuracy, samples: Samples, confidence: float) -> list[Part]:
    """Return the certified accuracy at each of several radii; of one, how often the class is right, and the classes."""
    if evaluation.only is None:
        return [correct_part(f"radius={r:g}", certified_at(samples, r), confidence) for r in evaluation.shown]
    guessed = correct_part("right guess", samples["guess"] == samples["label"], confidence)
    return [guessed, *class_parts(certified_at(samples, evaluation.only), samples["label"], confidence)]


def details_of(
    evaluation: CertifiedAccuracy, samples: Samples, estimates: Mapping[str, Estimate], confidence: float
) -> dict[str, Any]:
    """Return the curve over the radii and what the certificates rest on, as builtin values.

    The curve is the lists ``radii``, ``accuracy``, ``low`` and ``high``. ``draws`` is the mean number of draws for an
    image and ``most_draws`` the largest, those of the selection among them; ``guessed`` is the share of the images
    whose class of the most votes is right. ``undecided`` counts the images that abstain, or at one radius those of
    which the draws do not tell.
    """
    shares = [share_correct(certified_at(samples, radius), confidence) for radius in evaluation.shown]
    level = f"{evaluation.noise_confidence:.10g}"
    return {
        "norm": evaluation.norm,
        "noise": noise_text(evaluation.noise),
        "noise_confidence": evaluation.noise_confidence,
        "statement": f"each certificate holds with probability {level}; the intervals do not include this",
        "sequential": evaluation.only is not None,
        "noise_n": evaluation.noise_n,
        "noise_n0": evaluation.noise_n0,
        "radii": list(evaluation.shown),
        "accuracy": [float(share.value) for share in shares],
        "low": [float(share.low) for share in shares],
        "high": [float(share.high) for share in shares],
        **{name: estimates[name].value if name in estimates else None for name in ("mean_radius", "median_radius")},
        "draws": float(samples["draws"].mean()),
        "most_draws": int(samples["draws"].max()),
        "guessed": float((samples["guess"] == samples["label"]).mean()),
        "undecided": _undecided(evaluation, samples),
    }


def doubts(evaluation: CertifiedAccuracy, samples: Samples) -> list[str]:
    """Return what a reader should know of the base model, and of images that more draws might certify."""
    right = {name: float((samples[name] == samples["label"]).mean()) for name in ("grey", "clean", "guess")}
    found = []
    largest = largest_radius(evaluation.noise, evaluation.noise_n, evaluation.noise_confidence)
    if evaluation.radii[-1] > largest:
        found.append(f"{evaluation.noise_n} draws certify no image beyond radius {largest:.6g}")
    if right["grey"] - right["clean"] > _LOST:
        found.append(
            f"levels=1 makes images black and white (x > 0.5): the base model gets {right['clean']:.0%} of them right,"
            f" of the grey ones {right['grey']:.0%}; train it on black and white images, or take levels=255"
        )
    if right["guess"] <= right["clean"] / 2:
        found.append(
            f"under the noise ({noise_text(evaluation.noise)}) the base model gets {right['guess']:.0%} of the images"
            f" right, without it {right['clean']:.0%}: train it on images with this noise, or take less noise"
        )
    if evaluation.only is not None and (count := _undecided(evaluation, samples)):
        what = "1 image is" if count == 1 else f"{count:,} images are"
        found.append(f"{what} not certified, but might be with more draws than noise_n={evaluation.noise_n}")
    return found


def _undecided(evaluation: CertifiedAccuracy, samples: Samples) -> int:
    """Count the images that abstain; at one radius, those not certified though their draws do not refute it.

    Those are the ones that took all draws, and whose upper bound of Clopper & Pearson on the probability of the class
    exceeds the threshold. The others were given up, because more draws were hardly worth their while.
    """
    if evaluation.only is None:
        return int((samples["prediction"] == ABSTAIN).sum())
    n, confidence = evaluation.noise_n, evaluation.noise_confidence
    threshold = Fraction(evaluation.noise.least(evaluation.only))
    to_the_end = ~samples["certified"] & (samples["draws"] == evaluation.noise_n0 + n)
    failures = samples["failures"][to_the_end].tolist()
    return sum(clopper_pearson_upper(n - failed, n, confidence=confidence) > threshold for failed in failures)


def _shares(draws: NDArray[np.int64]) -> NDArray[np.float64]:
    return draws / max(int(draws.sum()), 1)
