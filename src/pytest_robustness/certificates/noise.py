"""The noise of a smoothed classifier: values that change, or Gaussian noise; drawn without bias."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from numbers import Integral, Real
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from pytest_robustness.certificates.events import exact_events
from pytest_robustness.certificates.gaussian import l2_radius
from pytest_robustness.certificates.pixels import levels_of, unit_floats
from pytest_robustness.certificates.thresholds import exact_share, l0_thresholds
from pytest_robustness.errors import ParameterError, check_number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

LARGEST_RADIUS = 100
"""The largest L0 radius that is looked for; a larger one is certified as this."""

SIGMAS = (1e-4, 1e4)
"""The least and the largest standard deviation: beyond them float32 has no noise left, or no image."""


class Noise(Protocol):
    """What a smoothed classifier asks of its noise."""

    @property
    def norm(self) -> str:
        """The norm of the radius, ``"l0"`` or ``"l2"``."""

    def prepared(self, images: ArrayLike, *, binarise: bool) -> NDArray[Any]:
        """Return images (N, C, H, W) as the certified model sees them before the noise."""

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
        """Draw noise of this shape, which does not depend on the image."""

    def noisy(self, image: NDArray[Any], drawn: NDArray[Any]) -> NDArray[np.float32]:
        """Return what the base model is given, (n, C, H, W), of a prepared image (C, H, W) and n draws."""

    def certified_radius(self, p_lower: float) -> int | float:
        """Return the largest radius that a class is certified at whose probability is at least `p_lower`; else -1."""

    def least(self, radius: float) -> Fraction | float:
        """Return the probability that a class must exceed to be certified at a radius."""


@dataclass(frozen=True, slots=True)
class DiscreteNoise:
    """Each value is kept with probability alpha, and else becomes one of the K others, all equally likely.

    The noise of Lee, Yuan, Chang & Jaakkola (NeurIPS 2019, arXiv:1906.04948), with a certificate in L0: the number of
    values of the image that may change. A pixel of a grey image is one value. An image of C channels has C values a
    pixel, each with noise of its own: whoever changes r pixels of it changes up to C r values.

    What is drawn is a step s, 0 with probability alpha and else uniform on 1 .. K, in whole numbers: level x becomes
    ``(x + s) mod (K + 1)``. A byte decides whether a value is kept, compared with the first digit of
    ``1 - alpha`` to the base 256; in the one case of 256 in which both are equal, the next byte is compared with the
    next digit. So the probabilities are alpha and ``beta = (1 - alpha) / K`` exactly, for any fraction, of which one
    byte a value alone would give 51/256 for 1/5.

    Parameters
    ----------
    alpha : Fraction, int, str or float
        In (0, 1). A float means the decimal that it prints as: 0.8 is 4/5. Kept as a Fraction.
    levels : int, optional
        K, from 1 to 255: the levels are 0, 1/K, .., 1.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """

    norm: ClassVar[str] = "l0"

    alpha: Fraction | str | float
    levels: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", exact_share(self.alpha, "alpha"))
        check_number("levels", self.levels, minimum=1, whole=True)
        if self.levels > 255:
            mend = "Pixels of 8 bits have levels=255."
            raise ParameterError("levels is out of range", got=self.levels, allowed="1 to 255", mend=mend)
        object.__setattr__(self, "levels", int(self.levels))

    def prepared(self, images: ArrayLike, *, binarise: bool) -> NDArray[np.uint8]:
        """Return the levels 0 .. K of images (N, C, H, W).

        With K = 1 and `binarise` the level is 1 where the pixel is greater than 1/2. Else each pixel has to be a
        multiple of 1/K.

        Raises
        ------
        ClassifierError
            If these are no images.
        DatasetError
            If a pixel is no multiple of 1/K.
        """
        return levels_of(images, self.levels, binarise=binarise and self.levels == 1)

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Draw the steps of values, independent of each other: uint8 in 0 .. K."""
        count = math.prod(shape)
        steps = exact_events(generator, 1 - Fraction(self.alpha), count).view(np.uint8)
        if self.levels > 1:
            steps *= generator.integers(1, self.levels + 1, count, dtype=np.uint8)
        return steps.reshape(shape)

    def noisy(self, image: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the noisy images (n, C, H, W), in [0, 1]."""
        if self.levels == 1:
            return (image ^ drawn).astype(np.float32)
        # Bytes are added modulo 256, which the sum of two levels may exceed, but not what is left of it.
        over = (drawn > self.levels - image).astype(np.uint8)
        return unit_floats(image + drawn - over * np.uint8((self.levels + 1) % 256), self.levels)

    def certified_radius(self, p_lower: float) -> int:
        """Return the largest radius whose threshold is below a probability, -1 where it is 1/2 or less.

        Numbers are compared as the fractions that they are, and no radius above 100 is looked for.

        Raises
        ------
        ParameterError
            If `p_lower` is no number from 0 to 1.
        """
        _check_bound(p_lower)
        share, radius = Fraction(p_lower), 16
        while share > self._thresholds(radius)[-1] and radius < LARGEST_RADIUS:
            radius = min(2 * radius, LARGEST_RADIUS)
        return sum(share > threshold for threshold in self._thresholds(radius)) - 1

    def least(self, radius: float) -> Fraction:
        """Return the threshold of a radius, a whole number from 0 to 100, exactly.

        Raises
        ------
        ParameterError
            If the radius is out of its range.
        """
        return self._thresholds(whole_radius(radius))[-1]

    def _thresholds(self, radius: int) -> Sequence[Fraction]:
        return _thresholds(Fraction(self.alpha), self.levels, radius)


@dataclass(frozen=True, slots=True)
class GaussianNoise:
    """Gaussian noise on each pixel, with the certificate in L2 of Cohen, Rosenfeld & Kolter (ICML 2019).

    The noisy image is not clipped: the base model meets pixels below 0 and above 1, mapped to the range that it was
    trained on like all others. Images and noise are added in float32; as in all of the literature, the certificate is
    that of real numbers (see Voracek & Hein, "Sound randomized smoothing in floating-point arithmetic", ICLR 2023).

    Parameters
    ----------
    sigma : float
        Standard deviation, from 1e-4 to 1e4, in units of pixels in [0, 1].

    Raises
    ------
    ParameterError
        If `sigma` is out of its range.
    """

    norm: ClassVar[str] = "l2"

    sigma: float

    def __post_init__(self) -> None:
        sigma, allowed = self.sigma, "0.0001 to 10000, in units of pixels in [0, 1]"
        if isinstance(sigma, bool) or not isinstance(sigma, Real) or not SIGMAS[0] <= sigma <= SIGMAS[1]:
            raise ParameterError("sigma is out of range", got=sigma, allowed=allowed)
        object.__setattr__(self, "sigma", float(self.sigma))

    def prepared(self, images: ArrayLike, *, binarise: bool) -> NDArray[np.float32]:
        """Return images (N, C, H, W) as float32 in [0, 1]; nothing is made black and white.

        Raises
        ------
        ClassifierError
            If these are no images.
        """
        del binarise
        return unit_floats(images)

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Draw the noise of pixels, independent of each other."""
        drawn = generator.standard_normal(shape, dtype=np.float32)
        scale = np.float32(self.sigma)
        # Rounded up: more noise than was promised certifies more, less of it would certify less.
        drawn *= scale if float(scale) >= self.sigma else np.nextafter(scale, np.float32(np.inf))
        return drawn

    def noisy(self, image: NDArray[np.float32], drawn: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the noisy images (n, C, H, W), not clipped."""
        return image + drawn

    def certified_radius(self, p_lower: float) -> float:
        """Return ``sigma * ppf(p_lower)``, rounded down, -1 where the probability is 1/2 or less.

        Raises
        ------
        ParameterError
            If `p_lower` is no number from 0 to 1, or 1, which no number of draws shows.
        """
        _check_bound(p_lower)
        return l2_radius(p_lower, self.sigma) if p_lower > 0.5 else -1.0

    def least(self, radius: float) -> float:
        """Return ``cdf(radius / sigma)``, rounded up: 1 for radii that no number of draws certifies.

        Raises
        ------
        ParameterError
            If the radius is negative or not finite.
        """
        from scipy.special import ndtr

        check_number("radius", radius, minimum=0)
        return min(1.0, float(ndtr(float(radius) / self.sigma)) * (1 + 2**-48)) if radius else 0.5


def whole_radius(radius: object) -> int:
    """Return an L0 radius as an int, also of a float without a fraction; raise ParameterError where it is none."""
    whole = (
        not isinstance(radius, bool) and isinstance(radius, Real) and (isinstance(radius, Integral) or radius % 1 == 0)
    )
    if not whole or not 0 <= radius <= LARGEST_RADIUS:  # type: ignore[operator]
        allowed = f"a whole number of values, 0 to {LARGEST_RADIUS}"
        raise ParameterError("radius is out of range", got=radius, allowed=allowed)
    return int(radius)  # type: ignore[call-overload, no-any-return]


def values_that_change(noise: Noise, shape: tuple[int, ...]) -> int | None:
    """Return how many values of an image (C, H, W) can change at all, None where the radius does not count them."""
    return math.prod(shape) if noise.norm == "l0" else None


def check_radius_fits(noise: Noise, radius: float, shape: tuple[int, ...]) -> None:
    """Raise ParameterError for an L0 radius greater than the number of values of an image (C, H, W)."""
    most = values_that_change(noise, shape)
    if most is not None and radius > most:
        raise ParameterError(
            "the radius is larger than the images have values", got=radius, allowed=f"0 to {most}, for images {shape}"
        )


def _check_bound(p_lower: object) -> None:
    if isinstance(p_lower, bool) or not isinstance(p_lower, Real) or not 0 <= p_lower <= 1:  # type: ignore[operator]
        raise ParameterError("p_lower is out of range", got=p_lower, allowed="a number from 0 to 1")


@lru_cache(maxsize=64)
def _thresholds(alpha: Fraction, levels: int, radius: int) -> tuple[Fraction, ...]:
    return tuple(l0_thresholds(alpha, radius, levels=levels))
