"""A smoothed classifier as a Classifier, for whoever asks it from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.classifiers import Classifier
from pytest_robustness.classifiers.callables import CallableBackend
from pytest_robustness.classifiers.fingerprint import Digest
from pytest_robustness.errors import ClassifierError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_robustness.certificates.smoothing import SmoothedClassifier


@dataclass(frozen=True, slots=True)
class VoteShares:
    """The function from images (N, C, H, W) to the shares of the votes (N, K), with one noise for all images."""

    smoothed: SmoothedClassifier
    n: int
    seed: int
    batch_size: int

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the shares of the n votes of each image."""
        copies = self.smoothed.copies(
            images, seed=self.seed, ids=np.zeros(len(images), dtype=np.int64), batch_size=self.batch_size
        )
        return np.stack([each.votes("common", 0, self.n) for each in copies]) / self.n


def share_classifier(smoothed: SmoothedClassifier, n: int, seed: int, batch_size: int) -> Classifier:
    """Return the classifier of `VoteShares`; see `SmoothedClassifier.as_classifier`."""
    base = smoothed.base
    if base.num_classes is None:
        mend = "Give load_classifier num_classes."
        raise ClassifierError(f"the number of classes of {base.name} is not known", got=None, mend=mend)
    digest = Digest()
    digest.add(("smoothed", base.fingerprint, repr(smoothed.noise), smoothed.binarise, n, seed))
    return Classifier(
        name=f"smoothed {base.name}",
        source=base.source,
        kind="callable",
        fingerprint=digest.hexdigest(),
        cacheable=base.cacheable,
        backend=CallableBackend(function=VoteShares(smoothed, n, seed, batch_size), outputs="probabilities"),
        input_shape=base.input_shape,
        num_classes=base.num_classes,
        warnings=base.warnings,
    )
