"""SVG as small elements of a page: no style attribute, no id that nothing refers to, two decimals.

A style attribute would need ``style-src 'unsafe-inline'``: what a picture looks like is written as attributes of its
own instead, and what all pictures share is in the style of the page.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LINK = "{http://www.w3.org/1999/xlink}href"
_LEFT_OUT = frozenset({"metadata", "style", "title"})
_SHARED = frozenset({"font-family", "stroke-linejoin", "stroke-linecap", "stroke-dashoffset"})
"""Properties that all pictures have alike, or whose value is the initial one."""

_COORDINATES = frozenset({"d", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "transform", "points", "viewBox"})


def element(svg: str, *, prefix: str, title: str, colors: Mapping[str, str]) -> str:
    """Turn an SVG file into an element of a page.

    Parameters
    ----------
    svg : str
        Text of the file, as matplotlib writes it.
    prefix : str
        Put before every id, which must be unique in a page.
    title : str
        What the picture is called by those who cannot see it.
    colors : mapping of str to str
        Colour in the file -> variable of the page that it becomes.

    Returns
    -------
    str
        Without a size: that is up to the page.
    """
    root = ET.fromstring(svg)  # noqa: S314 - it was written a moment ago, here
    ids = {found: f"{prefix}{number}" for number, found in enumerate(_referred(root))}
    text = "".join(_written(root, ids))
    for color, variable in colors.items():
        text = text.replace(color, f"var({variable})")
    size = re.match(r"<svg[^>]*>", text)
    view = re.search(r'viewBox="[^"]*"', size[0] if size else "")
    head = f'<svg role="img" aria-label="{escape(title)}" {view[0] if view else ""}>'
    return head + text[size.end() if size else 0 :]


def _referred(root: ET.Element) -> list[str]:
    """Return the ids that something refers to, each once, in their order."""
    found = [
        match
        for node in root.iter()
        for name, value in node.attrib.items()
        for match in (
            re.findall(r"^#(.+)$", value) if name in ("href", _LINK) else re.findall(r"url\(#([^)]+)\)", value)
        )
    ]
    return list(dict.fromkeys(found))


def _written(node: ET.Element, ids: Mapping[str, str]) -> Iterator[str]:
    name = node.tag.rpartition("}")[2]
    if name in _LEFT_OUT:
        return
    attributes = dict(_attributes(node, ids))
    text = escape(node.text or "", quote=False) if (node.text or "").strip() else ""
    inside = text + "".join(part for child in node for part in _with_tail(child, ids))
    if name in ("g", "defs") and not inside:
        return
    if name == "g" and not attributes:
        yield inside
        return
    written = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    yield f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>"


def _with_tail(node: ET.Element, ids: Mapping[str, str]) -> Iterator[str]:
    yield from _written(node, ids)
    if (node.tail or "").strip():
        yield escape(node.tail or "", quote=False)


def _attributes(node: ET.Element, ids: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in node.attrib.items():
        if name == "style":
            yield from _presentation(value, ids)
        elif name == "id":
            if value in ids:
                yield name, ids[value]
        elif name in ("href", _LINK):
            linked = f"#{ids[value[1:]]}" if value.startswith("#") else "".join(value.split())
            yield "href", linked
        elif name in _COORDINATES:
            if short := _coordinates(value):
                yield name, short
        else:
            yield name, _relinked(value, ids)


def _presentation(style: str, ids: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Return the properties of a style as attributes."""
    for entry in style.split(";"):
        name, _, value = (part.strip() for part in entry.partition(":"))
        if name == "font":  # size and family in one, as matplotlib before 3.10 has it
            name, value = "font-size", (re.findall(r"[\d.]+px", value) or ["9px"])[0]
        if name and name not in _SHARED:
            yield name, _relinked(_rounded(value), ids)


def _relinked(value: str, ids: Mapping[str, str]) -> str:
    return re.sub(r"url\(#([^)]+)\)", lambda match: f"url(#{ids[match[1]]})", value)


def _coordinates(text: str) -> str:
    """Shorten coordinates, a path or a transformation; a rotation by nothing is nothing."""
    if re.match(r"rotate\(-?0[ )]", text):
        return ""
    text = " ".join(_rounded(text).split())
    return re.sub(r" ?([A-Za-z]) ?(?=[-\d]|$)", r"\1", text) if re.match(r"[Mm] ?[-\d]", text) else text


def _rounded(text: str) -> str:
    return re.sub(r"-?\d+\.\d+(?![\w.])", lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), text)
