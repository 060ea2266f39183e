"""The options of `load_classifier`, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_robustness.classifiers.outputs import is_whole
from pytest_robustness.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_robustness.classifiers.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of `load_classifier`, checked, with what is known of the source.

    `code` is the hash of the code that made the model; None where the model itself was given.
    """

    device: str
    input_shape: tuple[int, int, int] | None
    num_classes: int | None
    outputs: str | None
    prepare: Preprocessing
    features: str | None
    name: str | None
    source: str
    reload: tuple[str, dict[str, Any]] | None
    code: str | None = None

    @property
    def marks(self) -> tuple[object, ...]:
        """What belongs into a fingerprint beside the model itself."""
        prepare = self.prepare
        named = () if self.features is None else ("features", self.features)
        made_by = () if self.code is None else ("code", self.code)
        return prepare.bounds, prepare.mean, prepare.std, self.outputs, *named, *made_by


def checked_shape(shape: Sequence[int] | None) -> tuple[int, int, int] | None:
    """Return (C, H, W); raise ParameterError for anything but three positive whole numbers."""
    if shape is None:
        return None
    sides = tuple(shape)
    if len(sides) != 3 or not all(is_whole(side, least=1) for side in sides):
        raise ParameterError("input_shape is out of range", got=shape, allowed="three positive whole numbers (C, H, W)")
    return int(sides[0]), int(sides[1]), int(sides[2])


def checked_classes(num_classes: int | None) -> int | None:
    """Return the number of classes; raise ParameterError for less than two."""
    if num_classes is None or is_whole(num_classes, least=2):
        return num_classes
    raise ParameterError("num_classes is out of range", got=num_classes, allowed="a whole number of at least 2")
