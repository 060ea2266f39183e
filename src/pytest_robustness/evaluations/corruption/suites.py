"""The suites of corruptions by name: which corruptions and levels each has, and how its images are come by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.datasets import load_mnist_c, mnist_c_corruptions
from pytest_robustness.errors import DataUnavailableError, ParameterError, unknown_name
from pytest_robustness.transforms import MNIST_C, corrupt
from pytest_robustness.transforms.common import COMMON, SEVERITIES, corrupt_common

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations.base import Block, Subject


@dataclass(frozen=True)
class Suite:
    """The corruptions of a suite, its levels of severity (none where it has one) and whether its images are files."""

    names: tuple[str, ...]
    levels: tuple[int, ...] = ()
    published: bool = False


SUITES: dict[str, Suite] = {
    "mnist-c": Suite(MNIST_C, published=True),
    "mnist-c-generated": Suite(MNIST_C),
    "common": Suite(COMMON, SEVERITIES),
}


def suite_of(name: object) -> Suite:
    """Return a suite by name.

    Raises
    ------
    ParameterError
        If there is none of this name.
    """
    if name not in tuple(SUITES):
        raise unknown_name("corruption suite", name, SUITES)
    return SUITES[str(name)]


def checked_corruptions(suite: str, corruptions: object) -> tuple[str, ...]:
    """Return names of corruptions as a tuple.

    Raises
    ------
    ParameterError
        Unless they are a sequence of different names of the suite.
    """
    if not isinstance(corruptions, (list, tuple)) or not corruptions:
        raise ParameterError(
            "corruptions must be a sequence of names", got=corruptions, allowed="for instance ['shear', 'scale']"
        )
    known = suite_of(suite).names
    for name in corruptions:
        if name not in known:
            raise unknown_name(f"corruption of the suite {suite!r}", name, known)
    if len(set(corruptions)) < len(corruptions):
        raise ParameterError("corruptions must not repeat", got=corruptions)
    return tuple(corruptions)


def checked_severities(suite: str, severities: object) -> tuple[int, ...]:
    """Return levels of severity as an ascending tuple.

    Raises
    ------
    ParameterError
        Where the suite has none, or unless they are a sequence of different ones of its levels.
    """
    levels = suite_of(suite).levels
    if not levels:
        raise ParameterError(
            f"the suite {suite!r} has no levels of severity", got=severities, mend="Leave severities away."
        )
    given = severities if isinstance(severities, (list, tuple)) else ()
    known = all(type(level) is int and level in levels for level in given)
    if not given or not known or len(set(given)) < len(given):
        raise ParameterError(
            "severities must be a sequence of different levels",
            got=severities,
            allowed=f"any of {', '.join(map(str, levels))}, for instance [1, 3, 5]",
        )
    return tuple(sorted(given))


def part_name(corruption: str, severity: int | None) -> str:
    """Return the part of the blocks of a corruption, at a level where the suite has levels: ``"fog:3"``."""
    return corruption if severity is None else f"{corruption}:{severity}"


def published_data(suite: str, corruptions: Sequence[str], dataset: Dataset) -> Mapping[str, Dataset]:
    """Load the published images of each corruption; nothing for a suite whose images are made here.

    Raises
    ------
    DataUnavailableError
        Where the files of a corruption are missing: the mean of the others would be another figure.
    """
    if not suite_of(suite).published:
        return {}
    if missing := set(corruptions) - set(mnist_c_corruptions()):
        raise DataUnavailableError("files of MNIST-C are missing", got=f"no {', '.join(sorted(missing))}")
    return {name: load_mnist_c(name, like=dataset) for name in corruptions}


def corrupted_images(subject: Subject, block: Block, suite: str) -> NDArray[Any]:
    """Return the images of a block as its part, `part_name`, has them; the part ``""`` is the images as they are."""
    samples = subject.samples(block)
    if not block.part or block.part in subject.further:
        return samples.images
    return made_images(samples, suite, block.part, seed=subject.seed)


def made_images(samples: Dataset, suite: str, part: str, *, seed: int) -> NDArray[np.uint8]:
    """Corrupt images here, at the level that the part names."""
    name, _, level = part.partition(":")
    pixels = as_bytes(samples.images)
    if suite_of(suite).levels:
        return corrupt_common(pixels, name, severity=int(level), seed=seed, ids=samples.ids)
    return corrupt(pixels, name, seed=seed, ids=samples.ids)


def as_bytes(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Return 8-bit images; the corruptions are defined on those."""
    return images if images.dtype == np.uint8 else np.rint(images * 255).astype(np.uint8)
