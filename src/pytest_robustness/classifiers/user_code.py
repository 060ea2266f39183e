"""The files of the user that code leans on."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.machinery
import importlib.util
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Libraries that are known by their versions, which are part of every key of stored outcomes.
_KNOWN = frozenset({__name__.partition(".")[0], "torch", "sklearn", "numpy", "scipy", "PIL", "onnxruntime"})
_CHECKS = frozenset({"test", "tests"})


def user_files(things: Iterable[Any]) -> list[tuple[str, bytes]]:
    """Return what is known of the files that classes, functions and modules lean on, by the name of the module.

    For a module of the user it is the content: of those that define the things, and all that these import, wherever
    in the file. For an installed package that one of these imports, it is a digest of its Python files, without those
    of its tests. Left out are the standard library, this package, and the libraries that are known by their versions.
    """
    found: dict[str, bytes | None] = {}
    waiting = [_home(base) for thing in things for base in getattr(thing, "__mro__", (thing,))]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = None
        path, kind = file_of(name), kind_of(name)
        if path is None or kind == "library":
            continue
        if kind == "installed":
            top = name.partition(".")[0]
            package = file_of(top)  # None for one of several packages below a name that they share
            found[top if package else name] = _package_digest(package or path)
            continue
        found[name] = content = path.read_bytes()
        waiting += _homes_of_values(name)
        waiting += _imported(content, name if path.stem == "__init__" else name.rpartition(".")[0])
    return [(name, content) for name, content in sorted(found.items()) if content is not None]


def kind_of(name: str) -> Literal["user", "installed", "library"]:
    """Tell whose a module is: of the user, in an installed package, or of a library that is known by its version.

    A module without a file, or that is not there, is of the user unless it is one of the standard library.
    """
    if name.partition(".")[0] in _KNOWN or name in sys.builtin_module_names:
        return "library"
    path = file_of(name)
    if path is None:
        return "library" if name.partition(".")[0] in sys.stdlib_module_names else "user"
    return _kind_of_file(str(path))


def file_of(name: str) -> Path | None:
    """Return the file of a module by its name, whether it has been imported yet or not; None where there is none."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        path = getattr(loaded, "__file__", None)
        return Path(path) if isinstance(path, str) and Path(path).is_file() else None
    return _unloaded_file(name, tuple(sys.path))


@functools.lru_cache(maxsize=4096)
def _kind_of_file(path: str) -> Literal["user", "installed", "library"]:
    if {"site-packages", "dist-packages"} & set(Path(path).parts):
        return "installed"
    standard = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    return "library" if any(Path(path).is_relative_to(folder) for folder in standard) else "user"


@functools.lru_cache(maxsize=4096)
def _unloaded_file(name: str, search: tuple[str, ...]) -> Path | None:
    """Find a module without importing it, or the package that it is in."""
    where: list[str] | None = list(search)
    spec = None
    for length in range(1, name.count(".") + 2):
        part = ".".join(name.split(".")[:length])
        try:
            spec = importlib.machinery.PathFinder.find_spec(part, where)
        except (ImportError, ValueError):
            return None
        where = None if spec is None else spec.submodule_search_locations
        if spec is None or (where is None and part != name):
            return None
    origin = None if spec is None else spec.origin
    return Path(origin) if origin and Path(origin).is_file() else None


@functools.lru_cache(maxsize=256)
def _package_digest(path: Path) -> bytes:
    """Return a digest of the Python files of an installed package, or of the only file that it has."""
    content = hashlib.sha256(path.read_bytes())
    if path.name == "__init__.py":
        for other in sorted(path.parent.rglob("*.py")):
            place = other.relative_to(path.parent)
            if not _CHECKS & set(place.parts):
                content.update(f"{place.as_posix()} {other.stat().st_size}:".encode() + other.read_bytes())
    return content.digest()


@functools.lru_cache(maxsize=256)
def _imported(content: bytes, package: str) -> frozenset[str]:
    """Return the names of all modules that a file may import, wherever in it; some may name no module."""
    names: set[str] = set()
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # changed since it was imported
        return frozenset()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            try:
                base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            except ImportError:  # a relative import that would fail
                continue
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return frozenset(names | {parent for name in names for parent in _parents(name)})


def _parents(name: str) -> list[str]:
    """Return the packages of a module: importing it runs their code too."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _homes_of_values(name: str) -> Iterator[str]:
    """Yield the modules of what stands in a module; not its own parts, which anybody may have imported by now."""
    for value in list(vars(sys.modules[name]).values()) if name in sys.modules else ():
        if not isinstance(value, type(sys)) or not value.__name__.startswith(f"{name}."):
            yield _home(value)


def _home(value: object) -> str:
    """Return the name of the module in which a class or function, or the class of another object, is defined."""
    if isinstance(value, type(sys)):
        return value.__name__
    name = vars(type(value)).get("__module__") if not callable(value) else getattr(value, "__module__", None)
    return name if isinstance(name, str) else ""
