"""From certificates to shares of images and radii, with their intervals."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.certificates import ABSTAIN, clopper_pearson_upper
from pytest_robustness.certificates.bounds import LOSS, certified_radii, largest_radius, plan_at
from pytest_robustness.certificates.noise import values_that_change
from pytest_robustness.certificates.thresholds import exact_share
from pytest_robustness.evaluations.certification.noise import counted, noise_text
from pytest_robustness.evaluations.summaries import Estimate, class_parts, correct_part, share_correct
from pytest_robustness.metrics import bounded_mean_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_robustness.evaluations.base import Block, Outcome, Subject
    from pytest_robustness.evaluations.certification.evaluation import CertifiedAccuracy
    from pytest_robustness.evaluations.measurement import Part

_LOST = 20
"""Binarisation may cost the base model one of so many images before a reader is told."""

_CHANCE = 0.05
"""How likely a loss of images may be by chance before a reader is told."""

Samples = dict[str, "NDArray[Any]"]


def join_samples(evaluation: CertifiedAccuracy, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Samples:
    """Return what is known of every image that was worked on, in their order.

    Of several radii the outcomes hold the votes alone: what they certify follows from them here.

    Returns
    -------
    dict of ndarray, shape (N,) each
        ``index`` in the data set; ``label``; ``prediction`` and ``radius``, -1 where nothing is certified; ``correct``,
        whether the prediction is the label; ``guess``, the class of the most votes; ``draws``; ``seconds``, those of
        the block shared out by draws; and what the summary needs besides: at several radii ``selected``, the class
        whose probability is bounded, ``successes``, its votes, and ``p_lower``.
    """
    blocks = sorted(outcomes, key=lambda block: block.start)
    rows = np.concatenate([block.positions for block in blocks])
    names = outcomes[blocks[0]].arrays
    found = {name: np.concatenate([outcomes[block].arrays[name] for block in blocks]) for name in names}
    if evaluation.only is not None:
        found["prediction"] = np.where(found["certified"], found["guess"], ABSTAIN)
        found["radius"] = np.where(found["certified"], evaluation.only, -1)
    else:
        n, confidence, shape = evaluation.noise_n, evaluation.noise_confidence, subject.dataset.images.shape[1:]
        p_lower, radii = certified_radii(evaluation.noise, found["successes"], n, confidence, shape)
        found |= {"p_lower": p_lower, "radius": radii}
        found["prediction"] = np.where(radii >= 0, found["selected"], ABSTAIN)
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


def longest_radius(evaluation: CertifiedAccuracy, shape: tuple[int, ...]) -> float:
    """Return the largest radius that any image (C, H, W) can be certified at with so many draws."""
    largest = largest_radius(evaluation.noise, evaluation.noise_n, evaluation.noise_confidence)
    most = values_that_change(evaluation.noise, shape)
    return largest if most is None else min(largest, most)


def mean_radius(radii: NDArray[np.float64], largest: float, confidence: float) -> Estimate:
    """Return the mean of radii in [0, largest] with an interval over the images, see `bounded_mean_interval`."""
    if largest <= 0:
        return Estimate(0.0, 0.0, 0.0)
    low, high = bounded_mean_interval(np.minimum(radii / largest, 1.0), confidence=confidence)
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
    evaluation: CertifiedAccuracy,
    samples: Samples,
    estimates: Mapping[str, Estimate],
    *,
    channels: int,
    confidence: float,
) -> dict[str, Any]:
    """Return the curve over the radii and what the certificates rest on, as builtin values.

    The curve is the lists ``radii``, ``accuracy``, ``low`` and ``high``. ``draws`` is the mean number of draws for an
    image and ``most_draws`` the largest, those of the selection among them; ``guessed`` is the share of the images
    whose class of the most votes is right. ``undecided`` counts the images that abstain, or at one radius those of
    which the draws do not tell. ``error`` bounds the chance of a false certificate of an image, at one radius as the
    plan of looks says; and ``loss`` that a certificate was lost because one gave up early, which only happens there.
    """
    shares = [share_correct(certified_at(samples, radius), confidence) for radius in evaluation.shown]
    error = float(1 - exact_share(evaluation.noise_confidence, "noise_confidence"))
    return {
        "norm": evaluation.norm,
        "channels": channels,
        "noise": noise_text(evaluation.noise, channels),
        "noise_confidence": evaluation.noise_confidence,
        "statement": (
            f"for each image, a false certificate has a chance of at most {error:.10g}; the intervals do not include"
            " this"
        ),
        "error": _planned_error(evaluation, error),
        "loss": 0.0 if evaluation.only is None else LOSS,
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


def doubts(evaluation: CertifiedAccuracy, samples: Samples, channels: int) -> list[str]:
    """Return what a reader should know of the radius, of the base model, and of images that need more draws."""
    found = []
    if evaluation.norm == "l0" and channels > 1:
        found.append(
            f"the radius counts {counted(channels)}, of which a pixel has {channels}: a change of r pixels changes up"
            f" to {channels} r of them"
        )
    largest = largest_radius(evaluation.noise, evaluation.noise_n, evaluation.noise_confidence)
    if evaluation.radii[-1] > largest:
        found.append(f"{evaluation.noise_n} draws certify no image beyond radius {largest:.6g}")
    found += _doubts_of_base(samples, noise_text(evaluation.noise, channels))
    if evaluation.only is not None and (count := _undecided(evaluation, samples)):
        what = "1 image is" if count == 1 else f"{count:,} images are"
        found.append(f"{what} not certified, but might be with more draws than noise_n={evaluation.noise_n}")
    return found


def _doubts_of_base(samples: Samples, noise: str) -> list[str]:
    """Return what the base model loses on black and white images and under the noise, where it is no matter of luck."""
    grey, clean, guess = (samples[name] == samples["label"] for name in ("grey", "clean", "guess"))
    found = []
    if _LOST * (int(grey.sum()) - int(clean.sum())) > len(grey) and _is_loss(grey, clean):
        found.append(
            f"levels=1 makes images black and white (x > 0.5): the base model gets {clean.mean():.0%} of them right,"
            f" of the grey ones {grey.mean():.0%}; train it on black and white images, or take levels=255"
        )
    if 2 * int(guess.sum()) <= int(clean.sum()) and _is_loss(clean, guess):
        found.append(
            f"under the noise ({noise}) the base model gets {guess.mean():.0%} of the images right, without it"
            f" {clean.mean():.0%}: train it on images with this noise, or take less noise"
        )
    return found


def _is_loss(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> bool:
    """Whether more images were lost than gained, by the exact test of McNemar, one-sided."""
    from scipy.stats import binom

    lost, gained = int((before & ~after).sum()), int((after & ~before).sum())
    return bool(lost) and float(binom.sf(lost - 1, lost + gained, 0.5)) <= _CHANCE


def _planned_error(evaluation: CertifiedAccuracy, error: float) -> float:
    if evaluation.only is None:
        return error
    plan = plan_at(evaluation.noise, evaluation.only, n=evaluation.noise_n, confidence=evaluation.noise_confidence)
    return error if plan is None else min(plan.error, error)


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
