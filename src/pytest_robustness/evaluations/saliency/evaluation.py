"""Accuracy with the most salient pixels masked, beside what it means nothing without: random pixels and random ink."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, gather, to_plain
from pytest_robustness.evaluations.measurement import Part
from pytest_robustness.evaluations.saliency.curves import CURVES, FRACTIONS, Masking, area, shares, whole_curve
from pytest_robustness.evaluations.saliency.summary import SILENT, control_parts, difference, doubts, faults
from pytest_robustness.evaluations.sheets import EXAMPLES, saliency_sheet, sheet_picture
from pytest_robustness.evaluations.summaries import measured, share_correct
from pytest_robustness.saliency import (
    SALIENCY,
    SaliencyMap,
    as_mask,
    ink_first,
    make_map,
    map_for,
    masked,
    most_salient_first,
    number_of_pixels,
    pixel_saliency,
)
from pytest_robustness.saliency.base import check_share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.evaluations.measurement import Measurement

NEEDS_CURVES = ("deletion_area", "insertion_area")
"""Metrics that there are only with curves."""


@dataclass(frozen=True)
class Saliency(Evaluation):
    """Accuracy with a fraction of the pixels of each image masked, the most salient ones first.

    Samek et al. 2017, arXiv:1509.06321 (region perturbation); Petsiuk, Das and Saenko 2018, arXiv:1806.07421 (deletion
    and insertion; theirs are of the probability of the class, and insert into a blurred image).

    Parameters
    ----------
    fraction : float
        Share of the pixels, 0 to 1; whole pixels, rounded down.
    map : str or SaliencyMap
        A name of `pytest_robustness.saliency.SALIENCY`, or a map with options of its own. ``"auto"`` is the gradient,
        or occlusion for a classifier without gradients. It explains the class that the clean image is taken for. A
        pixel counts as the sum over its channels of the sizes of the attributions; among equals the upper row comes
        first, and in a row the left pixel.
    mask : float or {"zero", "mean", "invert"}
        What pixels are replaced by, in all channels: a value; the mean of the image, channel by channel; or 1 minus
        the pixel.
    signed : bool
        Whether attributions are summed with their sign, so that what speaks against the class comes last.
    curves : bool
        Whether to measure the deletion and insertion curves as well.

    Notes
    -----
    Metrics: ``accuracy``; ``random`` and ``random_ink`` (the same with as many random pixels, and with random ones
    above 0 as far as there are any); ``excess_drop`` (``random_ink`` minus ``accuracy``: what is lost because the
    pixels are salient, and not because they are ink); ``deletion_area`` and ``insertion_area`` (mean accuracy over all
    fractions masked, and over all fractions shown with the others masked).

    All but ``excess_drop`` are better where they are higher: the map is the instrument, and the model is judged, which
    should not hang on a few pixels. Papers that judge maps read the deletion area the other way round.
    """

    family = "saliency"

    fraction: float = 0.15
    map: str | SaliencyMap = "auto"
    mask: float | str = 0.0
    signed: bool = field(default=False, metadata={"quiet": True})
    curves: bool = field(default=True, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        check_share("fraction", self.fraction)
        object.__setattr__(self, "mask", as_mask(self.mask))
        for name in ("signed", "curves"):
            if not isinstance(getattr(self, name), bool):
                raise ParameterError(f"{name} must be true or false", got=getattr(self, name))
        chosen = None if self.map == "auto" else _known_map(self.map)
        if self.signed and chosen is not None and not chosen.signed:
            allowed = [name for name, kind in SALIENCY.items() if kind.signed]
            raise ParameterError(f"the saliency map {chosen.name!r} has no sign", got="signed=True", allowed=allowed)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters as builtin values, a map with its options."""
        own = self.map if isinstance(self.map, str) else self.map.label()
        return {key: own if key == "map" else to_plain(value) for key, value in super().parameters().items()}

    def check_bounds(self, metrics: Sequence[str]) -> None:
        """Raise ParameterError for a bound on an area without curves."""
        for metric in metrics:
            if metric in NEEDS_CURVES and not self.curves:
                raise ParameterError(f"min_{metric} needs the curves", got="curves=False", mend="Leave curves out.")

    def map_of(self, classifier: Classifier) -> SaliencyMap:
        """Return the map that is used for a classifier.

        Raises
        ------
        CapabilityError
            Where the classifier lacks what it needs.
        """
        if self.map == "auto":
            chosen = map_for(classifier)
            if self.signed and not chosen.signed:
                raise ParameterError("signed needs a map that has a sign", got="map='auto', which is the gradient here")
            return chosen
        named = _known_map(self.map)
        named.check_fits(classifier)
        return named

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Plan all blocks at once, where the classifier and the images allow it."""
        self.map_of(subject.classifier)
        pixels = _pixels(subject)
        if self.fraction > 0 and number_of_pixels(self.fraction, pixels) == 0:
            raise ParameterError(
                f"the fraction is less than one of {pixels} pixels", got=self.fraction, allowed=f"from {1 / pixels:.3g}"
            )
        return super().plan(subject, outcomes)

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Classify the samples of a block as they are, and with pixels masked in the order of their saliency."""
        samples, classifier = subject.samples(block), subject.classifier
        clean = classifier.predict(samples.images, batch_size=subject.batch_size)
        attributions = self.map_of(classifier).attributions(
            classifier, samples.images, clean, ids=samples.ids, seed=subject.seed, batch_size=subject.batch_size
        )
        masking = Masking(classifier, samples, samples.pixels(), self.mask, subject.batch_size)
        saliency = pixel_saliency(attributions, signed=self.signed)
        salient = most_salient_first(saliency)
        random, ink = ink_first(masking.pixels, ids=samples.ids, seed=subject.seed)
        arrays = {
            "prediction": clean,
            "masked": masking.predictions(salient, self.fraction),
            "random": masking.predictions(random, self.fraction),
            "random_ink": masking.predictions(ink, self.fraction),
            "silent": (attributions == 0).all(axis=(1, 2, 3)),
        }
        if self.curves:
            arrays["blank"] = masking.predictions(salient, 1.0)
            found = [masking.hits(order, shown=shown) for order in (salient, ink) for shown in (False, True)]
            arrays |= {f"curve {name}": hits for name, hits in zip(CURVES, found, strict=True)}
        return arrays | ({"examples": saliency[:EXAMPLES]} if block.start == 0 else {})

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce to the accuracy with salient pixels masked, to its controls, and to the areas under the curves."""
        labels = subject.dataset.labels
        names = ("prediction", "masked", "random", "random_ink")
        hits = {name: gather(outcomes, name) == labels for name in names}
        estimates = {
            "accuracy": share_correct(hits["masked"], confidence),
            "random_ink": share_correct(hits["random_ink"], confidence),
            "random": share_correct(hits["random"], confidence),
            "excess_drop": difference(hits["random_ink"], hits["masked"], confidence),
        }
        parts = {"accuracy": control_parts(hits, labels, confidence)}
        details: dict[str, Any] = {"saliency_examples": self._examples(subject, outcomes)}
        if self.curves:
            curves = self._curves(subject, outcomes)
            areas = {name: area(curve, _pixels(subject), confidence) for name, curve in curves.items()}
            for metric, control in (("deletion", "random_ink"), ("insertion", "random_ink_insertion")):
                estimates[f"{metric}_area"] = areas[metric]
                parts[f"{metric}_area"] = [Part("random_ink", *areas[control], n=len(labels))]
            details["saliency_curves"] = self._curve_details(subject, curves)
        silent, needs = gather(outcomes, "silent"), self.map_of(subject.classifier).needs
        warnings = [*self._warnings(subject, silent), *doubts(estimates)]
        return tuple(
            measured(
                self,
                subject,
                outcomes,
                metric,
                estimate,
                confidence=confidence,
                parts=parts.get(metric, ()),
                details=details if metric == "accuracy" else None,
                warnings=warnings if metric == "accuracy" else (),
                faults=() if metric.startswith("random") else faults(silent, needs),
            )
            for metric, estimate in estimates.items()
        )

    def _curves(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> dict[str, NDArray[np.bool_]]:
        labels = subject.dataset.labels
        clean, blank = (gather(outcomes, name) == labels for name in ("prediction", "blank"))
        found = {name: gather(outcomes, f"curve {name}", axis=1) for name in CURVES}
        return {name: whole_curve(f, clean, blank, shown=name.endswith("insertion")) for name, f in found.items()}

    def _curve_details(self, subject: Subject, curves: Mapping[str, NDArray[np.bool_]]) -> dict[str, Any]:
        return {
            "map": self.map_of(subject.classifier).label(),
            "mask": self.mask,
            "fraction": float(self.fraction),
            "fractions": list(FRACTIONS),
            "shares": list(shares(_pixels(subject))),
            **{name: curve.mean(axis=1).tolist() for name, curve in curves.items()},
        }

    def _examples(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> dict[str, Any]:
        """Return a few images, their saliency, and what they are taken for with it masked."""
        arrays = next(outcome.arrays for block, outcome in outcomes.items() if block.start == 0)
        saliency = arrays["examples"]
        n, pixels = len(saliency), subject.dataset.pixels(slice(len(saliency)))
        where = most_salient_first(saliency) < number_of_pixels(self.fraction, _pixels(subject))
        rows = saliency_sheet(pixels, saliency, masked(pixels, where, self.mask))
        told = zip(arrays["prediction"][:n], arrays["masked"][:n], strict=True)
        return sheet_picture(rows, [f"{before} \N{RIGHTWARDS ARROW} {after}" for before, after in told])

    def _warnings(self, subject: Subject, silent: NDArray[np.bool_]) -> list[str]:
        used, found = self.map_of(subject.classifier), []
        if self.map == "auto" and used.needs != "gradients":
            found.append(f"no gradients: saliency by {used.name}")
        elif used.needs == "gradients" and getattr(subject.classifier.backend, "surrogate", None) is not None:
            found.append("the gradients are those of a smooth surrogate of the model")
        if 0 < silent.mean() <= SILENT:
            found.append(f"the saliency of {silent.sum()} of {len(silent)} images is zero in every pixel")
        return found


def _known_map(value: str | SaliencyMap) -> SaliencyMap:
    try:
        return make_map(value)
    except ParameterError as error:
        raise ParameterError(str(error), mend="By default, map='auto'.") from None


def _pixels(subject: Subject) -> int:
    _, height, width = subject.dataset.shape
    return height * width
