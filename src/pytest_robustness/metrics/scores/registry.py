"""The anomaly scores by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_robustness.metrics.scores import confidence, distances, reference, shaping
from pytest_robustness.metrics.scores.base import Head, Need, Outputs, Score, checked_head, missing, taken

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_robustness.metrics._validation import Floats

_PROBABILITIES: frozenset[Need] = frozenset({"log_probabilities"})
_LOGITS: frozenset[Need] = frozenset({"logits"})
_FEATURES: frozenset[Need] = frozenset({"features"})
_BOTH: frozenset[Need] = frozenset({"features", "logits"})
_HEAD: frozenset[Need] = frozenset({"features", "head"})


def _of_probabilities(function: Callable[[Any], Floats]) -> Callable[[Outputs, Any], Floats]:
    return lambda outputs, _: function(taken(outputs, "log_probabilities"))


def _of_logits(function: Callable[[Any], Floats]) -> Callable[[Outputs, Any], Floats]:
    return lambda outputs, _: function(taken(outputs, "logits"))


def _without_head(fit: Callable[[Outputs], Any]) -> Callable[[Outputs, Head | None], Any]:
    return lambda outputs, _: fit(outputs)


def _gradient_norm(outputs: Outputs, _: Any) -> Floats:
    return confidence.gradient_norm_score(taken(outputs, "features"), taken(outputs, "logits"))


def _disagreement(outputs: Outputs, _: Any) -> Floats:
    if outputs.members is None:
        raise missing("members", outputs)
    return confidence.disagreement_score(outputs.members)


SCORES: dict[str, Score] = {
    "msp": Score(
        needs=_PROBABILITIES,
        function=_of_probabilities(confidence.maximum_softmax_score),
        paper="Hendrycks & Gimpel 2017, arXiv:1610.02136",
    ),
    "max-logit": Score(
        needs=_LOGITS,
        function=_of_logits(confidence.max_logit_score),
        paper="Hendrycks et al. 2022, arXiv:1911.11132",
    ),
    "energy": Score(
        needs=_LOGITS,
        function=_of_logits(confidence.energy_score),
        paper="Liu et al. 2020, arXiv:2010.03759",
    ),
    "entropy": Score(
        needs=_PROBABILITIES,
        function=_of_probabilities(confidence.entropy_score),
        paper="Shannon 1948; Hendrycks & Gimpel 2017, arXiv:1610.02136",
    ),
    "outlier-exposure": Score(
        needs=_PROBABILITIES,
        function=_of_probabilities(confidence.outlier_exposure_score),
        paper="Hendrycks, Mazeika & Dietterich 2019, arXiv:1812.04606",
    ),
    "gen": Score(
        needs=_PROBABILITIES,
        function=_of_probabilities(confidence.generalised_entropy_score),
        paper="Liu, Lochman & Zach, CVPR 2023",
    ),
    "kl-matching": Score(
        needs=_PROBABILITIES,
        function=reference.kl_matching_score,
        fit=_without_head(reference.fit_kl_matching),
        fits_on=_PROBABILITIES,
        paper="Hendrycks et al. 2022, arXiv:1911.11132",
    ),
    "temperature": Score(
        needs=_LOGITS,
        function=reference.temperature_score,
        fit=_without_head(reference.fit_score_temperature),
        fits_on=_LOGITS,
        paper="Guo et al. 2017, arXiv:1706.04599",
    ),
    "odin": Score(
        needs=frozenset({"gradients"}),
        function=None,
        paper="Liang, Li & Srikant 2018, arXiv:1706.02690",
    ),
    "gradnorm": Score(
        needs=_BOTH,
        function=_gradient_norm,
        paper="Huang, Geng & Li 2021, arXiv:2110.00218",
    ),
    "mahalanobis": Score(
        needs=_FEATURES,
        function=distances.mahalanobis_score,
        fit=_without_head(distances.fit_mahalanobis),
        fits_on=_FEATURES,
        paper="Lee et al. 2018, arXiv:1807.03888",
    ),
    "relative-mahalanobis": Score(
        needs=_FEATURES,
        function=distances.relative_mahalanobis_score,
        fit=_without_head(distances.fit_relative_mahalanobis),
        fits_on=_FEATURES,
        paper="Ren et al. 2021, arXiv:2106.09022",
    ),
    "knn": Score(
        needs=_FEATURES,
        function=distances.neighbours_score,
        fit=_without_head(distances.fit_neighbours),
        fits_on=_FEATURES,
        paper="Sun et al. 2022, arXiv:2204.06507",
    ),
    "vim": Score(
        needs=_HEAD,
        function=shaping.virtual_logit_score,
        fit=shaping.fit_virtual_logit,
        fits_on=_FEATURES,
        paper="Wang et al. 2022, arXiv:2203.10807",
    ),
    "react": Score(
        needs=_HEAD,
        function=shaping.rectified_score,
        fit=shaping.fit_rectified,
        fits_on=_FEATURES,
        paper="Sun, Guo & Li 2021, arXiv:2111.12797",
    ),
    "ash": Score(
        needs=_HEAD,
        function=shaping.shaped_score,
        fit=lambda _, head: checked_head(head),
        paper="Djurisic et al. 2023, arXiv:2209.09858",
    ),
    "she": Score(
        needs=_BOTH,
        function=distances.patterns_score,
        fit=_without_head(distances.fit_patterns),
        fits_on=_BOTH,
        paper="Zhang et al., ICLR 2023",
    ),
    "dice": Score(
        needs=_HEAD,
        function=shaping.sparse_score,
        fit=shaping.fit_sparse,
        fits_on=_FEATURES,
        paper="Sun & Li 2022, arXiv:2111.09805",
    ),
    "ensemble": Score(
        needs=frozenset({"members"}),
        function=_disagreement,
        paper="Lakshminarayanan, Pritzel & Blundell 2017, arXiv:1612.01474",
    ),
}
"""The anomaly scores by name."""
