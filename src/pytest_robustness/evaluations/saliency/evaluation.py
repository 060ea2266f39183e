"""Accuracy with the most salient pixels masked, beside what it means nothing without: random pixels and random ink."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pytest_robustness.errors import ParameterError, unknown_name
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, gather, to_plain
from pytest_robustness.evaluations.measurement import Part
from pytest_robustness.evaluations.saliency.curves import CURVES, Masking, area, area_difference, deletion_pairs
from pytest_robustness.evaluations.saliency.details import curve_details, curves_of, examples
from pytest_robustness.evaluations.saliency.options import check_flag, check_fraction, check_signs, given_map, is_option
from pytest_robustness.evaluations.saliency.summary import SILENT, control_parts, difference, doubts, faults
from pytest_robustness.evaluations.sheets import EXAMPLES
from pytest_robustness.evaluations.summaries import measured, share_correct
from pytest_robustness.saliency import (
    SaliencyMap,
    as_mask,
    ink_first,
    map_for,
    most_salient_first,
    number_of_pixels,
    pixel_saliency,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.evaluations.measurement import Measurement

NEEDS_CURVES = ("deletion_area", "insertion_area")
"""Metrics that there are only with curves."""


@dataclass(frozen=True, init=False)
class Saliency(Evaluation):
    """Accuracy with a fraction of the pixels of each image masked, the most salient ones first.

    Samek et al. 2017, arXiv:1509.06321 (region perturbation); Petsiuk, Das and Saenko 2018, arXiv:1806.07421 (deletion
    and insertion; theirs are of the probability of the class, and insert into a blurred image).

    Parameters
    ----------
    fraction : float
        Share of the pixels, above 0 and up to 1; whole pixels, rounded down.
    map : str or SaliencyMap
        A name of `pytest_robustness.saliency.SALIENCY`, or a map with options of its own. ``"auto"`` is integrated
        gradients of eight steps from the mask to the image, or occlusion by the mask for a classifier without
        gradients. It explains the class that the clean image is taken for. A pixel counts as the sum over its channels
        of the attributions; among equals the upper row comes first, and in a row the left pixel.
    mask : float or {"zero", "mean", "invert"}
        What pixels are replaced by, in all channels: a value; the mean of the image, channel by channel; or 1 minus
        the pixel.
    signed : bool, optional
        Whether attributions are summed with their sign, so that what speaks against the class comes last, or by their
        sizes; by default with their sign where the map has one.
    curves : bool
        Whether to measure the deletion and insertion curves as well.
    **options
        The options of the named map: ``map="integrated-gradients", steps=64``.

    Raises
    ------
    ParameterError
        For an unknown name, a value out of its range, and options without the map that has them.

    Notes
    -----
    Metrics: ``accuracy``; ``random`` and ``random_ink`` (the same with as many random pixels, and with random ink as
    far as there is any: pixels that masking changes, see `ink_of`); ``excess_drop`` (``random_ink`` minus ``accuracy``:
    what is lost because the pixels are salient, and not because they are ink); ``deletion_area`` and
    ``insertion_area`` (mean accuracy over all fractions masked, and over all fractions shown with the others masked).

    All but ``excess_drop`` are better where they are higher: the map is the instrument, and the model is judged, which
    should not hang on a few pixels. Papers that judge maps read the deletion area the other way round.

    An instrument that finds no more than chance lets every model pass: where random ink costs accuracy and the map is
    not shown to cost more, a passed bound on ``accuracy``, ``excess_drop`` or ``deletion_area`` is inconclusive. The
    insertion area is exempt: a better map could only raise it.
    """

    family = "saliency"

    fraction: float
    map: SaliencyMap | None
    mask: float | str
    signed: bool | None = field(default=None, metadata={"quiet": True})
    curves: bool = field(default=True, metadata={"quiet": True})

    def __init__(
        self,
        fraction: float = 0.15,
        map: str | SaliencyMap | None = "auto",  # noqa: A002  the name of the parameter in markers and tables
        mask: float | str = 0.0,
        *,
        signed: bool | None = None,
        curves: bool = True,
        **options: Any,
    ) -> None:
        check_fraction(fraction)
        for name in options:
            if not is_option(name):
                own = [f.name for f in dataclasses.fields(self)]
                raise unknown_name(f"parameter of the family {self.family!r}", name, [*own, "the options of the map"])
        chosen = given_map(map, options)
        check_signs(signed, chosen)
        check_flag("curves", curves)
        for name, value in (("fraction", fraction), ("map", chosen), ("mask", as_mask(mask))):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "signed", signed)
        object.__setattr__(self, "curves", curves)

    @classmethod
    def build(cls, **parameters: Any) -> Self:
        """Make the evaluation; the map itself refuses the options that it does not have."""
        return cls(**parameters)

    @classmethod
    def knows(cls, name: str) -> bool:
        """Return whether there is a parameter of this name, here or in any map."""
        return super().knows(name) or is_option(name)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters as builtin values, a map with its options."""
        own = "auto" if self.map is None else self.map.label()
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
        if self.map is None:
            return map_for(classifier, self.mask)
        self.map.check_fits(classifier)
        return self.map

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Plan all blocks at once, where the classifier and the images allow it."""
        self.map_of(subject.classifier)
        pixels = _pixels(subject)
        if number_of_pixels(self.fraction, pixels) == 0:
            raise ParameterError(
                f"the fraction is less than one of {pixels} pixels", got=self.fraction, allowed=f"from {1 / pixels:.3g}"
            )
        return super().plan(subject, outcomes)

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Classify the samples of a block as they are, and with pixels masked in the order of their saliency."""
        samples, classifier = subject.samples(block), subject.classifier
        clean = classifier.predict(samples.images, batch_size=subject.batch_size)
        used = self.map_of(classifier)
        attributions = used.attributions(
            classifier, samples.images, clean, ids=samples.ids, seed=subject.seed, batch_size=subject.batch_size
        )
        masking = Masking(classifier, samples, samples.pixels(), self.mask, subject.batch_size)
        saliency = pixel_saliency(attributions, signed=used.signed if self.signed is None else self.signed)
        salient = most_salient_first(saliency)
        random, ink = ink_first(masking.pixels, self.mask, ids=samples.ids, seed=subject.seed)
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
        used = self.map_of(subject.classifier)
        cost = difference(hits["prediction"], hits["random_ink"], confidence)
        unsure = {"accuracy": doubts(estimates["excess_drop"], cost, used, self.mask, n=len(labels))}
        unsure["excess_drop"] = unsure["accuracy"]
        details: dict[str, Any] = {"saliency_examples": examples(self, subject, outcomes)}
        if self.curves:
            curves = curves_of(subject, outcomes)
            areas = {name: area(curve, _pixels(subject), confidence) for name, curve in curves.items()}
            for metric, control in (("deletion", "random_ink"), ("insertion", "random_ink_insertion")):
                estimates[f"{metric}_area"] = areas[metric]
                parts[f"{metric}_area"] = [Part("random_ink", *areas[control], n=len(labels))]
            beyond, cost = (area_difference(*pair, _pixels(subject), confidence) for pair in deletion_pairs(curves))
            unsure["deletion_area"] = doubts(beyond, cost, used, self.mask, n=len(labels), whole=True)
            details["saliency_curves"] = curve_details(self, subject, used, curves)
        silent = gather(outcomes, "silent")
        warnings = self._warnings(subject, silent)
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
                faults=() if metric.startswith("random") else faults(silent, used.needs),
                doubts=unsure.get(metric, ()),
                samples={"index": subject.dataset.ids, "correct": hits["masked"]} if metric == "accuracy" else None,
            )
            for metric, estimate in estimates.items()
        )

    def _warnings(self, subject: Subject, silent: NDArray[np.bool_]) -> list[str]:
        used, found = self.map_of(subject.classifier), []
        if self.map is None and used.needs != "gradients":
            found.append(f"no gradients: saliency by {used.name}")
        elif used.needs == "gradients" and getattr(subject.classifier.backend, "surrogate", None) is not None:
            found.append("the gradients are those of a smooth surrogate of the model")
        if 0 < silent.mean() <= SILENT:
            found.append(f"the saliency of {silent.sum()} of {len(silent)} images is zero in every pixel")
        return found


def _pixels(subject: Subject) -> int:
    _, height, width = subject.dataset.shape
    return height * width
