"""Attack objects of other libraries as they are kept: without their model, and described in builtin values."""

from __future__ import annotations

import math
import pickle
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pytest_robustness.attacks.foreign.art import ART
from pytest_robustness.attacks.foreign.foolbox import FOOLBOX
from pytest_robustness.attacks.foreign.library import Library, Vacant, public, with_models
from pytest_robustness.attacks.foreign.torchattacks import TORCHATTACKS
from pytest_robustness.classifiers.fingerprint import Digest
from pytest_robustness.errors import EvaluationError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARIES: dict[str, Library] = {"foolbox": FOOLBOX, "torchattacks": TORCHATTACKS, "art": ART}
"""Name of the package that an object's class comes from -> how its attacks are run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An attack object of another library, without its model.

    Attributes
    ----------
    library, version, kind : str
        A name of `LIBRARIES`, its version, and the name of the class.
    options : tuple of (str, builtin value)
        The public parameters.
    attack : object
        The object itself; two are equal where their descriptions are.
    """

    library: str
    version: str
    kind: str
    options: tuple[tuple[str, Any], ...]
    attack: Any = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the object apart, so that one that cannot be pickled is an error that says so."""
        try:
            content = pickle.dumps(self.attack)
        except Exception as error:
            raise EvaluationError(
                f"the {self.kind} of {self.library} cannot be sent to another process",
                got=f"{type(error).__name__}: {error}",
                mend="Use the executor 'serial'.",
            ) from error
        return _restored, (self.library, self.version, self.kind, self.options, content)


def _restored(library: str, version: str, kind: str, options: tuple[tuple[str, Any], ...], content: bytes) -> Made:
    attack = pickle.loads(content)  # noqa: S301  # within a pickle of ours
    return Made(library=library, version=version, kind=kind, options=options, attack=attack)


def described(library: str, attack: Any) -> Made:
    """Return a copy of an attack without its model, and what it is.

    Raises
    ------
    ParameterError
        Where it cannot be copied, or has a parameter that cannot be recorded.
    """
    vacant = {id(model): Vacant(model) for model in LIBRARIES[library].models(attack)}
    try:
        detached = with_models(attack, vacant)
    except Exception as error:
        raise ParameterError(
            f"the {type(attack).__name__} of {library} cannot be copied",
            got=f"{type(error).__name__}: {error}",
            mend="Make it without open files, summary writers or generators.",
        ) from error
    return Made(
        library=library,
        version=str(getattr(sys.modules[library], "__version__", "")),
        kind=type(attack).__name__,
        options=tuple(_options(library, attack)),
        attack=detached,
    )


def _options(library: str, attack: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parameters that say something, as builtin values; ball and printing are not among them."""
    for name, value in LIBRARIES[library].options(attack).items():
        if value is not None and name not in {"eps", "norm", "verbose", "summary_writer", "tensorboard"}:
            yield name, _plain(name, value)


def _plain(name: str, value: Any) -> Any:
    """Return a parameter as a builtin value that can be hashed, or as text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return tuple(_plain(name, item) for item in value)
    if isinstance(value, dict):
        return tuple(f"{key}={_plain(name, item)}" for key, item in value.items())
    library = type(value).__module__.split(".")[0]
    if library in LIBRARIES:
        attack = LIBRARIES[library].is_attack(value)
        inner = _options(library, value) if attack else ((k, _plain(k, v)) for k, v in public(value).items())
        return f"{type(value).__name__}({', '.join(f'{key}={item}' for key, item in inner)})"
    return _named(name, value)


def _named(name: str, value: Any) -> str:
    """Return a text that stands for the content of a value."""
    if isinstance(value, torch.dtype | torch.device):
        return str(value)
    digest = Digest()
    digest.add(value)
    if not digest.complete:
        raise ParameterError(
            f"the parameter {name!r} of an attack cannot be recorded",
            got=value,
            allowed="numbers, text, arrays, tensors, functions, and lists of these",
        )
    return f"{type(value).__name__} {digest.hexdigest()[:12]}"


def own_eps(library: str, attack: Any) -> Any:
    """Return the radius that an attack object brings along; None where it has none."""
    return None if library == "foolbox" else getattr(attack, "eps", None)
