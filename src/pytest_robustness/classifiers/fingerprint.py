"""Fingerprints: equal ones mean equal outputs, so that a measurement may be taken from the store."""

from __future__ import annotations

import hashlib
import inspect
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.classifiers.user_code import user_files

if TYPE_CHECKING:
    from collections.abc import Iterable

#: How the names of modules made from a model file begin; a digest of the path follows the file's stem.
FILE_MODULES = "_robustness_file_"

# Code below these packages is named by its class; a user's own code is hashed, since its name says nothing of it.
_KNOWN_PACKAGES = frozenset({"torch", "sklearn", "numpy", "scipy", "builtins", "functools", "collections", "typing"})
_BUILT_IN = (types.BuiltinFunctionType, types.MethodDescriptorType, np.ufunc)
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


class Digest:
    """A SHA-256 over a stream of labelled values, and whether all of it was understood.

    Attributes
    ----------
    complete : bool
        False once a value came by whose content cannot be known; then the fingerprint must not serve as a key.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.complete = True

    def add(self, value: object) -> None:
        """Take in a plain value, an array, a tensor, a function, a class, or containers of these."""
        if isinstance(value, _PLAIN):
            self._put(type(value).__name__, repr(value).encode())
        elif isinstance(value, list | tuple | set | frozenset | dict):
            self._add_container(value)
        elif isinstance(value, np.ndarray | np.generic):
            array = np.ascontiguousarray(value)
            self._put(f"array {array.dtype.str} {array.shape}", array.tobytes())
            self.complete &= array.dtype.kind != "O"
        elif isinstance(value, type):
            self._add_class(value)
        elif callable(value) and hasattr(value, "__qualname__"):
            self._add_function(value)
        elif type(value).__module__.split(".")[0] == "torch":
            self._add_torch(value)
        else:
            self._put(f"object {type(value).__module__}.{type(value).__qualname__}", b"")
            self.complete = False

    def hexdigest(self) -> str:
        """Return the 64 hexadecimal digits so far."""
        return self._hash.hexdigest()

    def _put(self, label: str, content: bytes) -> None:
        self._hash.update(f"{label} {len(content)}:".encode())
        self._hash.update(content)

    def _add_container(self, values: Any) -> None:
        items = list(values.items()) if isinstance(values, dict) else list(values)
        if isinstance(values, set | frozenset):
            items.sort(key=repr)
        self._put(f"{type(values).__name__} {len(items)}", b"")
        for item in items:
            self.add(item)

    def _add_class(self, cls: type) -> None:
        for base in cls.__mro__:
            self._put(f"class {_module_name(base)}.{base.__qualname__}", b"")
            if not _is_known(base):
                self._add_code(base, [part for part in vars(base).values() if hasattr(part, "__code__")])

    def _add_function(self, function: Any) -> None:
        module = _module_name(function)
        self._put(f"function {module}.{function.__qualname__}", b"")
        if not isinstance(function, _BUILT_IN) and module.split(".")[0] not in _KNOWN_PACKAGES:
            self._add_code(function, [function])
            for cell in getattr(function, "__closure__", None) or ():
                self.add(cell.cell_contents)
        self.add_defaults(function)

    def add_defaults(self, function: Any) -> None:
        """Take in the default arguments of a function: the same code may have been given others."""
        for name in ("__defaults__", "__kwdefaults__"):
            self.add(getattr(function, name, None))

    def add_files(self, things: Iterable[Any]) -> None:
        """Take in the files that classes, functions and modules lean on; see `user_files`."""
        for name, content in user_files(things):
            self._put(f"module {plain_name(name)}", content)

    def _add_code(self, thing: Any, functions: list[Any]) -> None:
        """Take in the whole file, for a class leans on what stands beside it; where there is none, the byte code."""
        try:
            self._put("file", Path(inspect.getsourcefile(thing) or "").read_bytes())
        except (OSError, TypeError):
            for function in functions:
                self._put("code", code_bytes(function.__code__) if hasattr(function, "__code__") else b"")
            self.complete &= bool(functions) and all(hasattr(one, "__code__") for one in functions)

    def _add_torch(self, value: Any) -> None:
        import torch

        if isinstance(value, torch.Tensor):
            plain = value.detach().cpu().contiguous()
            self._put(f"tensor {plain.dtype} {tuple(plain.shape)}", plain.flatten().view(torch.uint8).numpy().tobytes())
        else:
            known = isinstance(value, torch.dtype | torch.device | torch.memory_format | torch.layout)
            self._put(type(value).__name__, str(value).encode() if known else b"")
            self.complete &= known


def callable_fingerprint(function: Any, *settings: object) -> tuple[str, bool]:
    """Return a fingerprint of a callable; it never serves as a key, for a callable may lean on anything."""
    digest = Digest()
    digest.add(settings)
    digest.add(function if hasattr(function, "__qualname__") else type(function))
    return digest.hexdigest(), False


def _is_known(cls: type) -> bool:
    return cls.__module__.partition(".")[0] in _KNOWN_PACKAGES


def code_fingerprint(thing: Any, *modules: types.ModuleType) -> str:
    """Return the fingerprint of a factory, or of what else a source string names in a module.

    It covers the file, and the user's files from which that imports: a model may lean on what they did while it was
    built, and show no trace of it.
    """
    digest = Digest()
    named = thing if callable(thing) and hasattr(thing, "__qualname__") else type(thing)
    digest.add(named)
    digest.add_files([named, *modules])
    return digest.hexdigest()


def file_fingerprint(content: bytes, *settings: object) -> tuple[str, bool]:
    """Return the fingerprint of a model that lies wholly in one file."""
    digest = Digest()
    digest.add(settings)
    digest.add(content)
    return digest.hexdigest(), True


def plain_name(module: str) -> str:
    """Return the name of a module; for a model file without the part that says in which folder."""
    return module.rpartition("_")[0] if module.startswith(FILE_MODULES) else module


def _module_name(thing: Any) -> str:
    return plain_name(str(getattr(thing, "__module__", None) or ""))


def code_bytes(code: types.CodeType) -> bytes:
    """Return the byte code of a function with its constants and names; it differs between versions of Python."""
    constants = [code_bytes(one) if isinstance(one, types.CodeType) else _constant(one) for one in code.co_consts]
    return b"|".join([code.co_code, repr(code.co_names).encode(), *constants])


def _constant(value: object) -> bytes:
    # The order of a set differs from process to process.
    return repr(sorted(value, key=repr) if isinstance(value, frozenset) else value).encode()
