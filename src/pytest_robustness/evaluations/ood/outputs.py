"""From images to anomaly scores: which outputs of the model a score takes, and what it is fitted on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.classifiers.outputs import LINKS
from pytest_robustness.metrics.scores import SCORES, Head, Outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from pytest_robustness.classifiers import Classifier

    Arrays = dict[str, NDArray[Any]]
    Floats = NDArray[np.float64]

OUTPUTS = ("logits", "log_probabilities", "features", "members")
"""What a model says about each sample; the other needs of scores are the model's last layer and its gradients."""

_OFFERED_AS = {"log_probabilities": "probabilities"}


def is_fitted(score: str) -> bool:
    """Return whether a score is fitted on data."""
    return bool(SCORES[score].fits_on)


def lacking(score: str, classifier: Classifier) -> list[str]:
    """Return what a score needs of a classifier and this does not offer."""
    needs = {_OFFERED_AS.get(need, need) for need in SCORES[score].needs | SCORES[score].fits_on}
    return sorted(needs - classifier.offers)


@dataclass(frozen=True)
class Passes:
    """What a classifier says about some images; each kind of output is computed once, when it is first asked for."""

    classifier: Classifier
    images: NDArray[Any]
    batch_size: int
    _known: Arrays = field(default_factory=dict)

    def arrays(self, names: Iterable[str]) -> Arrays:
        """Return outputs by name; features in float32, since they fill the store and most models compute in it."""
        wanted = [name for name in OUTPUTS if name in set(names)]
        for name in wanted:
            if name not in self._known:
                self._known[name] = self._computed(name)
        return {name: self._known[name] for name in wanted}

    def scores(self, score: str) -> Floats:
        """Return the anomaly scores (N,) of the images, for a score that is not fitted on data."""
        chosen = SCORES[score]
        if chosen.function is None:
            from pytest_robustness.evaluations.ood.gradient_scores import GRADIENT_SCORES

            return GRADIENT_SCORES[score](self.classifier, self.images, batch_size=self.batch_size)
        state = None if chosen.fit is None else chosen.fit(Outputs(), Head(**self.classifier.head()._asdict()))
        return chosen.function(Outputs(**self.arrays(chosen.needs)), state)

    def _computed(self, name: str) -> NDArray[Any]:
        backend = self.classifier.backend
        if name == "log_probabilities" and "logits" in self._known and backend.link is not None:
            return LINKS[backend.link](self._known["logits"])
        found: NDArray[Any] = getattr(self.classifier, name)(self.images, batch_size=self.batch_size)
        return found.astype(np.float32) if name == "features" else found


def head_arrays(classifier: Classifier) -> Arrays:
    """Return the last linear layer of a model."""
    head = classifier.head()
    return {"head_weight": head.weight, "head_bias": head.bias}


def fitted(score: str, arrays: Mapping[str, NDArray[Any]]) -> Callable[[Mapping[str, NDArray[Any]]], Floats]:
    """Fit a score on the outputs for the fitting data, their labels among them; return the map from outputs to scores.

    Raises
    ------
    ParameterError
        Where it cannot be fitted on these data: too few samples, for instance.
    """
    chosen = SCORES[score]
    function, state = chosen.function, None
    if chosen.fit is not None:
        head = Head(weight=arrays["head_weight"], bias=arrays["head_bias"]) if "head" in chosen.needs else None
        state = chosen.fit(_outputs(chosen.fits_on, arrays, labels=arrays["labels"]), head)
    return lambda outputs: function(_outputs(chosen.needs, outputs), state)  # type: ignore[misc]


def _outputs(names: Iterable[str], arrays: Mapping[str, NDArray[Any]], **more: Any) -> Outputs:
    return Outputs(**{name: arrays[name] for name in names if name in OUTPUTS}, **more)
