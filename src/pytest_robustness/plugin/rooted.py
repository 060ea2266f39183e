"""Functions that requirements name by a text: seen from the root of the project, wherever pytest was started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import ConfigurationError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def rooted(family: str, keys: Mapping[str, Any], root: Path) -> Mapping[str, Any]:
    """Return the keys of a requirement with the file of its ``transform`` found below the root, if it is there.

    A module is imported, for which the root need not be on the path of Python.

    Raises
    ------
    ConfigurationError
        Where there is no such function.
    """
    text = keys.get("transform")
    if family != "sensitivity" or not isinstance(text, str):
        return keys
    from pytest_robustness.classifiers.sources import importable
    from pytest_robustness.evaluations.sensitivity.own import own_function

    where, _, name = text.rpartition(":")
    if where.endswith(".py") and (root / where).is_file():
        return {**keys, "transform": f"{root / where}:{name}"}
    try:
        with importable(root):
            own_function(text)
    except ParameterError as error:
        raise ConfigurationError(str(error)) from error
    return keys
