"""The noise of a certificate, from the parameters of its norm."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from pytest_robustness.certificates import DiscreteNoise, GaussianNoise, Noise
from pytest_robustness.certificates.thresholds import exact_share
from pytest_robustness.errors import ParameterError, unknown_name

DEFAULTS: dict[str, dict[str, Any]] = {"l0": {"alpha": 0.8, "levels": 1}, "l2": {"sigma": 0.25}}
"""For each norm, the parameters of its noise."""


def noise_parameters(norm: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of the noise of a norm as builtin values; None, where not given, becomes the default.

    Raises
    ------
    ParameterError
        For an unknown norm, a parameter of the noise of another one, or a value out of its range.
    """
    if norm not in tuple(DEFAULTS):
        raise unknown_name("norm of a certificate", norm, DEFAULTS)
    own = DEFAULTS[norm]
    for name, value in given.items():
        if value is not None and name not in own:
            other = next(norm for norm, names in DEFAULTS.items() if name in names)
            mend = f"{name} is a parameter of norm={other!r}."
            raise ParameterError(f"norm={norm!r} has no {name}", got=value, allowed=", ".join(own), mend=mend)
    found = {name: default if given[name] is None else given[name] for name, default in own.items()}
    return _plain(noise_of(norm, found))


def noise_of(norm: str, parameters: dict[str, Any]) -> Noise:
    """Return the noise that certifies in a norm."""
    return DiscreteNoise(**parameters) if norm == "l0" else GaussianNoise(**parameters)


def noise_text(noise: Noise, channels: int = 1) -> str:
    """Put a noise in words; of images of several channels it is not pixels that are kept, but values."""
    if isinstance(noise, DiscreteNoise):
        others = f", else one of {noise.levels} other values" if noise.levels > 1 else ""
        return f"{counted(channels)} kept with probability {share_value(Fraction(noise.alpha))}{others}"
    return f"Gaussian of standard deviation {noise.sigma:g}" if isinstance(noise, GaussianNoise) else str(noise)


def counted(channels: int) -> str:
    """Say what an L0 radius counts in images of so many channels."""
    return "pixels" if channels == 1 else "values"


def share_value(share: Fraction) -> float | str:
    """Return a fraction as a float where that prints as this very number, else as text: 4/5 is 0.8, 1/3 is "1/3"."""
    number = float(share)
    return number if Fraction(str(number)) == share else str(share)


def checked_confidence(value: Any) -> float:
    """Return the confidence of a certificate; raise ParameterError where it is not between 0 and 1."""
    confidence = float(exact_share(value, "noise_confidence"))
    exact_share(confidence, "noise_confidence")  # what is next to 1 may have become 1
    return confidence


def _plain(noise: Noise) -> dict[str, Any]:
    if isinstance(noise, DiscreteNoise):
        return {"alpha": share_value(Fraction(noise.alpha)), "levels": noise.levels}
    return {"sigma": noise.sigma} if isinstance(noise, GaussianNoise) else {}
