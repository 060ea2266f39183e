"""Certified accuracy: the share of images that no change within a radius can turn into another class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.certificates import SmoothedClassifier
from pytest_robustness.certificates.binomial import check_draws
from pytest_robustness.certificates.noise import check_radius_fits
from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations.adversarial.course import Course
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, blocks_of_rows
from pytest_robustness.evaluations.certification.noise import (
    DEFAULTS,
    checked_confidence,
    noise_of,
    noise_parameters,
)
from pytest_robustness.evaluations.certification.radii import check_reach, radii_of
from pytest_robustness.evaluations.certification.summary import (
    certified_at,
    details_of,
    doubts,
    join_samples,
    longest_radius,
    mean_radius,
    median_radius,
    parts_of,
    radii_that_count,
)
from pytest_robustness.evaluations.summaries import measured, share_correct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    from pytest_robustness.certificates import Noise
    from pytest_robustness.evaluations.early import EarlyStop
    from pytest_robustness.evaluations.measurement import Measurement

BLOCK_SIZE = 8
"""Images in a block: few, since each takes many passes. A run that stops early plans by 64, and so has the same ones.
"""

CURVE_BLOCK_SIZE = 2
"""Images in a block where there are several radii, each with all draws: half a minute for a small network."""


@dataclass(frozen=True)
class CertifiedAccuracy(Evaluation):
    """Share of the samples that are certified: right, and the same whatever changes within a radius.

    What is certified is the model smoothed by noise: the class that the base model most likely gives an image under
    the noise, see `pytest_robustness.certificates.SmoothedClassifier`. One radius is decided image by image with as
    few draws as that takes. For several radii each image gets `noise_n` draws, and its own largest radius; the value is
    then that at the largest radius asked for.

    Parameters
    ----------
    norm : {"l0", "l2"}
        ``"l0"`` counts changed values, under noise that changes values (Lee et al., NeurIPS 2019); ``"l2"`` is the
        Euclidean distance of images in [0, 1], under Gaussian noise (Cohen et al., ICML 2019). A pixel of a grey image
        is one value; in images of C channels a change of r pixels changes up to C r values.
    radius : float, sequence of float, or str
        One or several; text as in ``"0..10"`` and ``"0,2,5"``. In L0 at most 100, and no more than images have values.
    alpha : float, str or Fraction, optional
        For ``"l0"``: probability that a value is kept, 0.8 by default.
    levels : int, optional
        For ``"l0"``: values are multiples of ``1 / levels``. With 1, the default, images are made black and white
        (greater than 1/2) before they meet the noise, and the certificate is that of the model with this in front of
        it; a change of r grey pixels changes at most r of these. Grey images of 8 bits have ``levels=255``.
    sigma : float, optional
        For ``"l2"``: standard deviation of the noise, 0.25 by default; from 1e-4 to 1e4.
    noise_n : int
        Noisy copies of an image that bound the probability of its class; for one radius, at most so many. Up to ten
        million.
    noise_n0 : int
        Noisy copies that select the class before.
    noise_confidence : float
        For each image, a false certificate has a chance of at most one minus this. The interval over the images does
        not include it.

    Notes
    -----
    Metrics: ``accuracy``; for several radii also ``mean_radius`` and ``median_radius``. Images that abstain are not
    certified at any radius, and count in the denominator (as in both papers). An image that abstains or is wrong has
    the radius 0 in the mean and the median; so the mean in L0 is the sum of the certified accuracy over all radii from
    1 on, known as the average certified radius (Zhai et al., ICLR 2020). The median is the largest radius at which at
    least half of the images are certified. Parts of several radii begin with radius 0, at which an image is certified
    where it is shown to have a majority at all.
    """

    family = "certified"
    stops_early = True

    norm: str = "l0"
    radius: float | str | Sequence[float] = 1
    alpha: Fraction | float | str | None = None
    levels: int | None = None
    sigma: float | None = None
    noise_n: int = 100_000
    noise_n0: int = 100
    noise_confidence: float = 0.999

    def __post_init__(self) -> None:
        """Refuse parameters out of their range, and a radius that so many draws cannot certify."""
        given = {"alpha": self.alpha, "levels": self.levels, "sigma": self.sigma}
        parameters = noise_parameters(self.norm, given)
        radii = radii_of(self.radius, self.norm)
        for name in ("noise_n", "noise_n0"):
            check_draws(name, getattr(self, name))
            object.__setattr__(self, name, int(getattr(self, name)))
        confidence = checked_confidence(self.noise_confidence)
        # A curve may go on where nothing can be certified: there it is 0, and says so.
        check_reach(noise_of(self.norm, parameters), radii[0], self.noise_n, confidence)
        plain = {**parameters, "radius": radii if len(radii) > 1 else radii[0], "noise_confidence": confidence}
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    @property
    def noise(self) -> Noise:
        """The noise that images meet."""
        return noise_of(self.norm, {name: getattr(self, name) for name in DEFAULTS[self.norm]})

    @property
    def radii(self) -> tuple[float, ...]:
        """The radii that were asked for, ascending."""
        return radii_of(self.radius, self.norm)

    @property
    def only(self) -> float | None:
        """The radius where there is one, None where there are several."""
        return self.radii[0] if len(self.radii) == 1 else None

    @property
    def shown(self) -> tuple[float, ...]:
        """The radii of the curve: of several, 0 is always one, since it is known all the same."""
        return self.radii if self.only is not None else tuple(sorted({0, *self.radii}))

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that name the evaluation, without those of the draws that are at their default."""
        values = super().parameters()
        usual = {"levels": 1, "noise_n": 100_000, "noise_n0": 100, "noise_confidence": 0.999}
        return {k: v for k, v in values.items() if v is not None and usual.get(k) != v}

    def outcome_parameters(self) -> dict[str, Any]:
        """Return those that the draws depend on; of several radii neither these nor the confidence are among them."""
        if self.only is not None:
            return self.parameters()
        names = ("norm", *DEFAULTS[self.norm], "noise_n", "noise_n0")
        return {**{name: getattr(self, name) for name in names}, "several": True}

    def check_bounds(self, metrics: Sequence[str]) -> None:
        """Raise ParameterError for a bound that could not be met: beyond all draws, or on a mean of one radius."""
        for metric in metrics:
            if metric == "accuracy":
                check_reach(self.noise, self.radii[-1], self.noise_n, self.noise_confidence)
            if metric != "accuracy" and self.only is not None:
                mend = "Give radius=[0, 1, 2], for instance: then each image gets its largest radius."
                raise ParameterError(f"min_{metric} needs several radii", got=f"radius={self.radius}", mend=mend)

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Plan blocks of a few images: all at once, or slice after slice until the verdict is known."""
        if not outcomes:
            self._check_images(subject)
        early = self._early(subject)
        if early is None:
            size = CURVE_BLOCK_SIZE if self.only is None else BLOCK_SIZE
            return [] if outcomes else blocks_of_rows(np.arange(len(subject.dataset)), "", size=size)
        course = self._course(subject, outcomes)
        if outcomes and early.settled(course, subject.dataset.population) is not None:
            return []
        ahead = early.next_rows(course)
        return [] if ahead is None else blocks_of_rows(ahead[1], "", size=BLOCK_SIZE)

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Certify the samples of a block, and classify them without noise."""
        samples, classifier, noise = subject.samples(block), subject.classifier, self.noise
        arrays = {"grey": classifier.predict(samples.images, batch_size=subject.batch_size)}
        arrays["clean"] = arrays["grey"]
        if getattr(noise, "levels", None) == 1:
            black_and_white = noise.prepared(samples.images, binarise=True).astype(np.float32)
            arrays["clean"] = classifier.predict(black_and_white, batch_size=subject.batch_size)
        smoothed = SmoothedClassifier(classifier, noise)
        options: dict[str, Any] = {
            "n0": self.noise_n0,
            "n": self.noise_n,
            "confidence": self.noise_confidence,
            "seed": subject.seed,
            "ids": samples.ids,
            "batch_size": subject.batch_size,
        }
        if self.only is not None:
            at = smoothed.certify_at(samples.images, self.only, **options)
            return {
                **arrays,
                "guess": at.labels,
                "certified": at.certified,
                "draws": at.draws,
                "failures": at.failures,
            }
        whole = smoothed.certify(samples.images, **options)
        return {
            **arrays,
            "guess": whole.counts.argmax(axis=1),
            "selected": whole.selected,
            "successes": whole.successes,
            "draws": np.full(len(samples), self.noise_n0 + self.noise_n, np.int64),
        }

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce certificates to the share at the largest radius, and to the mean and median radius where known."""
        early = self._early(subject)
        settled = None
        if early is not None:
            settled = early.settled(self._course(subject, outcomes), subject.dataset.population)
        samples = join_samples(self, subject, outcomes)
        estimates = {"accuracy": share_correct(certified_at(samples, self.radii[-1]), confidence)}
        if self.only is None:
            radii, largest = radii_that_count(samples), longest_radius(self, subject.dataset.images.shape[1:])
            estimates["mean_radius"] = mean_radius(radii, largest, confidence)
            estimates["median_radius"] = median_radius(radii, largest, confidence)
        channels = int(subject.dataset.images.shape[1])
        main: dict[str, Any] = {
            "parts": parts_of(self, samples, confidence),
            "details": {"certificates": details_of(self, samples, estimates, channels=channels, confidence=confidence)},
            "warnings": doubts(self, samples, channels),
            "settled": settled,
            "samples": samples | {"correct": certified_at(samples, self.radii[-1])},
        }
        return tuple(
            measured(
                self,
                subject,
                outcomes,
                metric,
                estimate,
                confidence=confidence,
                **(main if metric == "accuracy" else {}),
            )
            for metric, estimate in estimates.items()
        )

    def _early(self, subject: Subject) -> EarlyStop | None:
        """Return the verdict to stop at; none for several radii, whose curve wants all samples."""
        return None if self.only is None else subject.early

    def _course(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Course:
        labels, fallen = subject.dataset.labels, []
        for block, outcome in outcomes.items():
            arrays = outcome.arrays
            fallen.append((block, ~arrays["certified"] | (arrays["guess"] != labels[block.positions])))
        return Course.of(len(labels), [""], fallen)

    def _check_images(self, subject: Subject) -> None:
        """Raise before the first pass where the model, the images or the radius do not fit the noise."""
        smoothed = SmoothedClassifier(subject.classifier, self.noise)
        check_radius_fits(self.noise, self.radii[-1], subject.dataset.images.shape[1:])
        if self.levels is not None and self.levels > 1:
            images = subject.dataset.images
            for start in range(0, len(images), 500):
                smoothed.noise.prepared(images[start : start + 500], binarise=False)
