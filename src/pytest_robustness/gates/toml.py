"""Values as TOML: what is written is read back as it was."""

from __future__ import annotations

import json
import re
import textwrap
from typing import TYPE_CHECKING

from pytest_robustness.errors import ParameterError
from pytest_robustness.scorecard.format import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

_BARE = re.compile(r"[A-Za-z0-9_-]+")

_LARGEST = 2**63 - 1
"""Whole numbers beyond this are an error to other readers of TOML than that of Python."""


def toml_value(value: object) -> str:
    """Return a value in one line of TOML.

    Parameters
    ----------
    value : object
        Text, a number, true or false, and lists and mappings of these.

    Raises
    ------
    ParameterError
        For what TOML does not have: None, above all.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float) or (isinstance(value, int) and abs(value) <= _LARGEST):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, dict):
        inside = ", ".join(f"{_key(key)} = {toml_value(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    raise ParameterError(
        "a value that TOML does not have", got=value, allowed="text, numbers, lists and tables of these"
    )


def toml_lines(values: Mapping[str, object]) -> list[str]:
    """Return the lines of a table, without its title; what is None is left out."""
    return [f"{_key(name)} = {toml_value(value)}" for name, value in values.items() if value is not None]


def toml_comment(text: str, *, width: int = 110) -> list[str]:
    """Return the lines of a comment; long words, such as paths and commands, stay whole."""
    return textwrap.wrap(
        one_line(text),
        width,
        initial_indent="# ",
        subsequent_indent="#   ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _text(value: str) -> str:
    # JSON escapes what TOML wants to be escaped, but for the last of the control characters.
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ParameterError("a text that is no Unicode", got=value) from error
    return text


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)
