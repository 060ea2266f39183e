"""The votes of a base model over the noisy copies of an image."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.classifiers import outputs as checks
from pytest_robustness.errors import ClassifierError, ParameterError, check_number
from pytest_robustness.transforms.random import checked_id, sample_generator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from pytest_robustness.certificates.noise import Noise
    from pytest_robustness.classifiers import Classifier

_CHUNK = 2**16
"""Values that are drawn at once, for as many draws as they make up, but at most 256 and at least one."""


class Source(NamedTuple):
    """Where the noise of an image comes from: its draws are numbered, and each is always the same."""

    seed: int
    stream: str
    sample_id: int


Kept = dict[tuple[Source, int], "NDArray[Any]"]
"""The chunk of noise that was drawn last, by its source and its number; empty, or one entry."""


def drawn_noise(
    noise: Noise, shape: tuple[int, ...], source: Source, start: int, stop: int, *, kept: Kept | None = None
) -> Iterator[NDArray[Any]]:
    """Yield the draws from start to stop - 1 in turn, some at a time, (n, C, H, W).

    Draws come in chunks of a size that depends on the shape alone, each from a generator of its own, keyed by the seed,
    the sample and the number of the chunk. So the k-th draw of a sample is the same whoever asks, and for how many. The
    last chunk stays in `kept`, for those who ask for a part of it and soon for the next; what is yielded is a view.
    """
    kept = {} if kept is None else kept
    size = max(1, min(256, _CHUNK // math.prod(shape)))
    for chunk in range(start // size, -(-stop // size)):
        if (source, chunk) not in kept:
            kept.clear()
            generator = sample_generator(source.seed, f"certificate/{source.stream}", source.sample_id, chunk)
            kept[source, chunk] = noise.draw(generator, (size, *shape))
        first = chunk * size
        yield kept[source, chunk][max(start - first, 0) : stop - first]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Copies:
    """The noisy copies of one prepared image (C, H, W), as many as are asked for."""

    base: Classifier
    noise: Noise
    image: NDArray[Any]
    seed: int
    sample_id: int
    batch_size: int
    kept: Kept = field(default_factory=dict, repr=False)

    def votes(self, stream: str, start: int, stop: int) -> NDArray[np.int64]:
        """Return how often each class was predicted under the draws start .. stop - 1, (K,).

        Where the number of classes is not known, K is one more than the largest label that came, and at least two.
        A batch holds copies of one image only, so that not even a model whose outputs depend on their batch gives an
        image another result in other company.
        """
        votes = np.zeros(self.base.num_classes or 2, dtype=np.int64)
        source = Source(self.seed, stream, self.sample_id)
        for begin in range(start, stop, self.batch_size):
            end = min(begin + self.batch_size, stop)
            drawn = np.concatenate(list(drawn_noise(self.noise, self.image.shape, source, begin, end, kept=self.kept)))
            labels = labels_of(self.base, self.noise.noisy(self.image, drawn))
            found = np.bincount(labels, minlength=len(votes))
            found[: len(votes)] += votes
            votes = found
        return votes


def copies_of(
    base: Classifier,
    noise: Noise,
    prepared: NDArray[Any],
    *,
    seed: int,
    ids: ArrayLike | None,
    batch_size: int,
) -> list[Copies]:
    """Return what makes the copies of each image; raise where images, ids or the size of batches do not fit.

    Raises
    ------
    ClassifierError
        If the base model takes images of another shape.
    ParameterError
        If the ids are not as many integers as there are images, or `batch_size` is out of its range.
    """
    check_number("batch_size", batch_size, minimum=1, whole=True)
    shape, expected = prepared.shape[1:], base.input_shape or ()
    if shape != expected and not (base.backend.flattens and math.prod(shape) == math.prod(expected)):
        raise ClassifierError(f"{base.name} takes images of another shape (C, H, W)", got=shape, allowed=str(expected))
    keys = np.arange(len(prepared)) if ids is None else np.asarray(ids)
    if keys.shape != (len(prepared),) or keys.dtype.kind not in "iu":
        raise ParameterError(f"ids must be {len(prepared)} integers", got=f"{keys.dtype} of shape {keys.shape}")
    kept: Kept = {}  # of all images, which come one after the other: a chunk of each would be too much
    return [
        Copies(
            base=base,
            noise=noise,
            image=image,
            seed=seed,
            sample_id=checked_id(key),
            batch_size=int(batch_size),
            kept=kept,
        )
        for image, key in zip(prepared, keys, strict=True)
    ]


def stacked(votes: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return votes (K,) of several images as (N, K), for the largest K."""
    found = np.zeros((len(votes), max(map(len, votes))), dtype=np.int64)
    for row, counts in zip(found, votes, strict=True):
        row[: len(counts)] = counts
    return found


def labels_of(base: Classifier, pixels: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the predicted labels (N,) of float32 images, which here may also lie outside [0, 1]; count the passes.

    `Classifier.predict` refuses such images, which in a data set are mistakes. Under Gaussian noise they are not, and
    clipping them would be another model than the one that is certified.
    """
    raw = base.guarded(base.backend.scores, pixels)
    base.passes.forwards += len(pixels)
    scores = checks.checked(raw, len(pixels), base.backend.outputs)
    if base.backend.outputs == "labels":
        return checks.checked_labels(scores, base.num_classes)
    return np.asarray(scores.argmax(axis=1), dtype=np.int64)


def checked_base(base: object, noise: Noise) -> Classifier:
    """Load a base model; where it does not say what it returns, or for how many classes, ask it on noisy black images.

    Raises
    ------
    ClassifierError
        If it cannot be loaded, its shape is not known, or its outputs cannot be used.
    """
    classifier = load_classifier(base)
    shape = classifier.input_shape
    if shape is None:
        raise ClassifierError(
            f"a smoothed classifier needs a base model of a fixed shape, and that of {classifier.name} is not known",
            got=None,
            allowed="input_shape=(C, H, W)",
            mend="Give load_classifier an input_shape, or bind the classifier to its images: classifier.bound(images).",
        )
    if classifier.fixed_outputs and classifier.num_classes is not None:
        return classifier
    black = noise.prepared(np.zeros((1, *shape), dtype=np.uint8), binarise=True)[0]
    drawn = noise.draw(sample_generator(0, "certificate/trial", 0), (4, *shape))
    return classifier.bound(noise.noisy(black, drawn).clip(0, 1))
