"""A model smoothed by noise: what it predicts, and how far its images may change without changing that."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.certificates.binomial import check_draws
from pytest_robustness.certificates.bounds import LOSS, certified_radii, out_of_reach, plan_at, share_of
from pytest_robustness.certificates.noise import check_radius_fits
from pytest_robustness.certificates.results import ABSTAIN, Certificates, RadiusCertificates, votes_for
from pytest_robustness.certificates.sequential import Plan, fewest_hopeless
from pytest_robustness.certificates.thresholds import exact_share
from pytest_robustness.certificates.voting import Copies, checked_base, copies_of, stacked
from pytest_robustness.errors import ParameterError, check_confidence

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from pytest_robustness.certificates.noise import Noise
    from pytest_robustness.classifiers import Classifier

_NOISE = ("norm", "prepared", "draw", "noisy", "certified_radius", "least")
"""What is asked of a noise."""

_IN_SELECTION = Fraction(1, 50)
"""Share of the loss for giving up after the selection: few draws, which a clear image may fail by bad luck."""


@dataclass(frozen=True, slots=True)
class SmoothedClassifier:
    """The classifier that gives an image the class that the base model most likely gives it under noise.

    Draws are keyed by the seed, the identity of the image and the number of the draw: an image meets the same noise in
    any company, for any batch size, and whether `certify` or `certify_at` asks. Noise is drawn on the CPU, in whole
    numbers where it is discrete; the base model runs wherever it was loaded, and only the noisy images travel there.
    Draws that select a class, that estimate its probability, and that predict, are independent of each other.

    Parameters
    ----------
    base : Classifier, or whatever `load_classifier` takes
        Of a known `input_shape`. Images enter it as they would without noise.
    noise : DiscreteNoise or GaussianNoise
    binarise : bool, optional
        For discrete noise with ``levels=1``: images become black and white (greater than 1/2) before they meet the
        noise. This belongs to the model that is certified, at every image: where it does not happen, a grey pixel
        gives away which image the noise started from, and nothing is certified.

    Raises
    ------
    ParameterError
        If `noise` is none.
    ClassifierError
        If `base` cannot be loaded, or its shape is not known.

    Notes
    -----
    All methods take images (N, C, H, W), uint8 or floats in [0, 1], and these options:

    seed : int
    ids : array_like of int, shape (N,), optional
        Identity of each image, the key of its noise; by default its position.
    batch_size : int
        Largest number of images in a forward pass.

    They raise ClassifierError if the images do not fit the model, or its outputs cannot be used, DatasetError if a
    pixel is none of the values that discrete noise knows, and ParameterError if a parameter is out of its range.
    """

    base: Classifier
    noise: Noise
    binarise: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.noise, type) or not all(hasattr(self.noise, name) for name in _NOISE):
            allowed = "DiscreteNoise(alpha) for L0, GaussianNoise(sigma) for L2, of pytest_robustness.certificates"
            raise ParameterError("this is no noise to smooth with", got=self.noise, allowed=allowed)
        object.__setattr__(self, "base", checked_base(self.base, self.noise))

    def votes(
        self, images: ArrayLike, n: int = 1000, *, seed: int = 0, ids: ArrayLike | None = None, batch_size: int = 500
    ) -> NDArray[np.int64]:
        """Return how often each class was predicted for n noisy copies of each image, (N, K)."""
        check_draws("n", n)
        return stacked(
            [each.votes("prediction", 0, n) for each in self.copies(images, seed=seed, ids=ids, batch_size=batch_size)]
        )

    def predict(
        self,
        images: ArrayLike,
        *,
        n: int = 1000,
        confidence: float = 0.999,
        seed: int = 0,
        ids: ArrayLike | None = None,
        batch_size: int = 500,
    ) -> NDArray[np.int64]:
        """Return the most likely class of each image under the noise, (N,), `ABSTAIN` where it is not clear.

        As in Cohen, Rosenfeld & Kolter (ICML 2019): the class with the most votes, if a two-sided binomial test
        refutes, at the error ``1 - confidence``, that the class with the second most is as likely. Each label is
        another class than the most likely one with a chance of at most that error.
        """
        error = 1 - share_of(confidence)
        return _clear_winners(self.votes(images, n, seed=seed, ids=ids, batch_size=batch_size), error)

    def certify(
        self,
        images: ArrayLike,
        *,
        n0: int = 100,
        n: int = 100_000,
        confidence: float = 0.999,
        seed: int = 0,
        ids: ArrayLike | None = None,
        batch_size: int = 500,
    ) -> Certificates:
        """Certify each image at the largest radius that n draws show.

        The first `n0` draws select a class. The n draws after them bound its probability from below, by
        Clopper & Pearson with one side, at `confidence`; the radius is the largest whose threshold this bound exceeds,
        compared without rounding, though never more than the image has values. For each image, a false certificate has
        a chance of at most ``1 - confidence``.
        """
        _check_draws(n0, n, confidence)
        chosen, found = [], []
        for each in self.copies(images, seed=seed, ids=ids, batch_size=batch_size):
            chosen.append(int(each.votes("selection", 0, n0).argmax()))
            found.append(each.votes("estimate", 0, n))
        selected, counts = np.array(chosen), stacked(found)
        successes = votes_for(selected, counts)
        p_lower, radius = certified_radii(self.noise, successes, n, confidence, np.asarray(images).shape[1:])
        return Certificates(
            labels=np.where(radius >= 0, selected, ABSTAIN),
            p_lower=p_lower,
            radius=radius,
            counts=counts,
            selected=selected,
        )

    def certify_at(
        self,
        images: ArrayLike,
        radius: float,
        *,
        n0: int = 100,
        n: int = 100_000,
        confidence: float = 0.999,
        loss: float = LOSS,
        seed: int = 0,
        ids: ArrayLike | None = None,
        batch_size: int = 500,
    ) -> RadiusCertificates:
        """Tell which images are certified at one radius, with as few draws as that takes.

        As `certify`, but one looks at the draws of the estimate while they come, see `plan_of_looks`, and stops where
        the probability is shown to exceed the threshold of the radius. For each image, a false certificate has a chance
        of at most ``1 - confidence``, all looks together.

        One also stops as hopeless where too many draws failed, in the selection or after it. This makes no certificate
        wrong, whatever `loss` is. That a certificate is lost which would have come if one went on has a chance of at
        most `loss`. It is far smaller: at the default and 100,000 draws about 0.01 for images whose probability is so
        close to the threshold that they are certified about half of the time, and 0.0002 where half as many draws fail.
        A smaller loss takes more draws of such images, and 0 gives up only what cannot be certified any more.

        Raises
        ------
        ParameterError
            Also if n draws cannot certify the radius, even if none of them fails, or if it is larger than an image has
            values.
        """
        _check_draws(n0, n, confidence)
        plan = plan_at(self.noise, radius, n=n, confidence=confidence, loss=loss)
        if plan is None:
            raise out_of_reach(self.noise, radius, n, confidence)
        limit = fewest_hopeless(plan.worthwhile, n0, exact_share(loss, "loss", ends=True) * _IN_SELECTION)
        copies = self.copies(images, seed=seed, ids=ids, batch_size=batch_size)
        check_radius_fits(self.noise, radius, np.asarray(images).shape[1:])
        rows = [_decided(each, plan, n0, limit) for each in copies]
        labels, certified, draws, failures = (np.array(column) for column in zip(*rows, strict=True))
        return RadiusCertificates(labels=labels, certified=certified, draws=draws, failures=failures)

    def as_classifier(self, *, n: int = 1000, seed: int = 0, batch_size: int = 500) -> Classifier:
        """Return the classifier whose probabilities are the shares of the votes of n draws, the same for all images.

        Its outputs are always the same for the same image. It is for attacks that look from the other side whether a
        certified image can be broken; of the classifier that is certified it is an estimate.

        Raises
        ------
        ClassifierError
            If the number of classes is not known.
        """
        from pytest_robustness.certificates.shares import share_classifier

        check_draws("n", n)
        return share_classifier(self, n, seed, batch_size)

    def copies(
        self, images: ArrayLike, *, seed: int = 0, ids: ArrayLike | None = None, batch_size: int = 500
    ) -> list[Copies]:
        """Return what makes the noisy copies of each image and counts their votes, draw by draw."""
        prepared = self.noise.prepared(images, binarise=self.binarise)
        return copies_of(self.base, self.noise, prepared, seed=seed, ids=ids, batch_size=batch_size)


def _decided(copies: Copies, plan: Plan, n0: int, limit: int) -> tuple[int, bool, int, int]:
    """Return the selected class of an image, whether it is certified, the draws that this took, and the failures."""
    selection = copies.votes("selection", 0, n0)
    label = int(selection.argmax())
    # The class of the most votes: where even it failed this often, no class can be likely enough.
    if n0 - int(selection[label]) >= limit:
        return label, False, n0, 0
    drawn = failures = 0
    for look, draws in enumerate(plan.looks):
        failures += draws - drawn - _votes_of(label, copies, drawn, draws)
        drawn = draws
        verdict = plan.verdict(look, failures)
        if verdict is not None:
            return label, verdict, n0 + drawn, failures
    return label, False, n0 + drawn, failures


def _clear_winners(votes: NDArray[np.int64], error: Fraction) -> NDArray[np.int64]:
    from scipy.stats import binom

    counts = np.sort(votes, axis=1)
    first, both = counts[:, -1], counts[:, -2:].sum(axis=1)
    p_values = np.minimum(1.0, 2 * binom.sf(first - 1, both, 0.5))
    return np.where(p_values <= float(error), votes.argmax(axis=1), ABSTAIN)


def _votes_of(label: int, copies: Copies, start: int, stop: int) -> int:
    return int(votes_for(np.array([label]), copies.votes("estimate", start, stop)[None])[0])


def _check_draws(n0: int, n: int, confidence: float) -> None:
    check_draws("n0", n0)
    check_draws("n", n)
    check_confidence(confidence)
