"""What code of the user leans on beyond its text: what closures hold, attributes of classes, globals that it names."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import logging
import re
import sys
import types
import uuid
from collections import deque
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.classifiers.fingerprint import Digest, code_bytes, plain_name
from pytest_robustness.classifiers.named import names_in
from pytest_robustness.classifiers.user_code import file_of, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import torch

_BUILDING = frozenset({"__init__", "__new__"})
_NO_CONTENT = frozenset({"__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "_abc_impl"})
_HANDLES = (types.MemberDescriptorType, types.GetSetDescriptorType, types.WrapperDescriptorType)
_SAID_BY_REPR = (
    *(dt.date, dt.time, dt.timedelta, decimal.Decimal, fractions.Fraction, uuid.UUID, range, slice),
    *(type(...), type(NotImplemented), types.GenericAlias, types.UnionType, np.dtype),
)
_UNDERSTOOD = (bool, int, float, complex, bytes, type(None), list, tuple, dict, np.ndarray, np.generic)


_CONSTANT = (str, bytes, tuple, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type, np.ufunc)


class _Plain:
    """Has nothing but a dictionary of attributes."""


class ReachingDigest(Digest):
    """As its base, and of the user's functions and classes also the values that they lean on.

    Code of libraries is named only, unless the user has put functions into it. What cannot be taken in the same way by
    every process makes the digest incomplete: locks, open files, globals that the code itself sets.
    """

    def __init__(self) -> None:
        super().__init__()
        self._met: dict[int, tuple[int, object]] = {}  # kept alive, so that no other takes the place of one
        self._named: set[tuple[str, frozenset[str]]] = set()
        self._built: set[type] = set()
        self._open: list[object] = []
        self._leaning: list[Any] = []
        self._folder = ""

    def hexdigest(self) -> str:
        """Return the 64 digits of all so far, with the files of the user that it leans on."""
        self.add_files(self._leaning)
        return super().hexdigest()

    def add(self, value: object) -> None:
        """Take in a value, whatever it is; `complete` tells whether its content is known."""
        if any(value is outer for outer in self._open):
            self._put("itself", b"")
            return
        self._open.append(value)
        try:
            self._add(value)
        finally:
            self._open.pop()

    def _add(self, value: Any) -> None:
        if isinstance(value, (enum.Enum, *_SAID_BY_REPR)):
            self._add_object(value)
        elif isinstance(value, str | PurePath):
            # What lies beside the code is named from there, so that the folder does not matter.
            text = str(value).replace(self._folder, ".") if self._folder else str(value)
            self._put(type(value).__name__, repr(text).encode())
        elif isinstance(value, types.ModuleType):
            self._put(f"module {plain_name(value.__name__)}", b"")
            self.complete &= kind_of(value.__name__) != "user"
        elif isinstance(value, types.MethodType):
            self.add(value.__func__)
            self.add(value.__self__)
        elif _is_module(value):
            self.add_module(value)
        elif isinstance(value, set | frozenset):
            self._add_set(value)
        elif hasattr(value, "__qualname__") or isinstance(value, _UNDERSTOOD) or _is_of_torch(value):
            super().add(value)
            self._add_kind(value)
        else:
            self._add_object(value)

    def _add_kind(self, value: object) -> None:
        """Take in what a class of the user adds to a list, a number or the like."""
        if isinstance(value, _UNDERSTOOD) and kind_of(type(value).__module__) == "user":
            self.add_type(type(value))
            self._add_attributes(getattr(value, "__dict__", {}))

    def add_module(self, module: torch.nn.Module) -> None:
        """Take in a torch module: weights and buffers, plain attributes, and the classes of all submodules."""
        new = [(name, part) for name, part in module.named_modules() if self._is_new(part)]
        if not new:
            return
        # Buffers outside the state dict count as well: they shape the outputs.
        for name, tensor in (*module.state_dict().items(), *module.named_buffers()):
            super().add(name)
            self.add(tensor)
        for name, part in new:
            super().add(name)
            self.add_type(type(part))
            code = getattr(part, "code", None)  # traced and scripted modules carry their program
            super().add(code if isinstance(code, str) else None)
            self.complete &= not (part._forward_hooks or part._forward_pre_hooks)  # noqa: SLF001
            self._add_attributes({k: v for k, v in vars(part).items() if k not in _ordinary_names()})

    def add_type(self, cls: type) -> None:
        """Take in the class of an object that is there: what building it leaned on shows in its attributes."""
        self._add_class(cls, without=_BUILDING)

    def _is_new(self, value: object) -> bool:
        number = len(self._met)
        found = self._met.setdefault(id(value), (number, value))[0]
        self._put(f"met {found}", b"")
        return found == number

    def _add_set(self, values: Iterable[object]) -> None:
        plain = all(isinstance(one, str | int | float | bytes | type(None)) for one in values)
        self._put("set", b"")
        self.complete &= plain
        for one in sorted(values, key=repr) if plain else ():
            self.add(one)

    def _add_attributes(self, attributes: Mapping[str, Any]) -> None:
        for name, value in sorted(attributes.items()):
            self._put(f"attribute {name}", b"")
            self.add(value)

    def _add_class(self, cls: type, without: frozenset[str] = frozenset()) -> None:
        for base in cls.__mro__:
            self._put(f"class {plain_name(base.__module__)}.{base.__qualname__}", b"")
            known = set(without) if self._is_new(base) else set(vars(base)) - (_BUILDING - without)
            if base in self._built:
                known |= _BUILDING
            self._built |= set() if without else {base}
            self._leaning.append(base)
            own = kind_of(base.__module__) == "user"
            for name in sorted(vars(base).keys() - known):
                value = vars(base)[name]
                if (own and name not in _NO_CONTENT) or _is_put_there(value):
                    self._put(f"attribute {name}", b"")
                    self._add_class_attribute(value)

    def _add_class_attribute(self, value: Any) -> None:
        if isinstance(value, property):
            self.add([value.fget, value.fset, value.fdel])
        elif isinstance(value, staticmethod | classmethod):
            self.add(value.__func__)
        elif isinstance(value, functools.cached_property):
            self.add(value.func)
        elif not isinstance(value, _HANDLES):
            self.add(value)

    def _add_function(self, function: Any) -> None:
        self._put(f"function {plain_name(str(function.__module__))}.{function.__qualname__}", b"")
        if not isinstance(function, types.FunctionType):
            self._add_other_function(function)
            return
        home = str(function.__globals__.get("__name__", ""))
        own = kind_of(home) == "user"
        if not self._is_new(function):
            return
        if own:
            self._leaning.append(function)
            self._add_own_code(function.__code__)
        elif kind_of(str(function.__module__)) == "installed":
            self._leaning.append(function)
        if own or kind_of(str(function.__module__)) == "user" or "<locals>" in function.__qualname__:
            for cell in function.__closure__ or ():
                self.add(_held(cell))
            self.add_defaults(function)
        if own:
            before, self._folder = self._folder, _folder_of(home)
            self._add_globals(function.__code__, function.__globals__)
            self._folder = before

    def _add_other_function(self, function: Any) -> None:
        inside = getattr(function, "__wrapped__", None)
        program = getattr(function, "code", None)  # of a scripted function
        holder = getattr(function, "__self__", None)
        if inside is not None:
            self.add(inside)
        elif isinstance(program, str):
            self._put("program", program.encode())
        elif isinstance(holder, types.ModuleType) or holder is None:
            self.complete &= kind_of(str(function.__module__)) == "library" or holder is not None
        else:
            self.add(holder)

    def _add_own_code(self, code: types.CodeType) -> None:
        """Say which of the functions of its file it is: by its line, or its byte code where that does not tell."""
        self._put(f"line {code.co_firstlineno}", b"")
        if code.co_name == "<lambda>" or not Path(code.co_filename).is_file():
            self._put("code", code_bytes(code))

    def _add_globals(self, code: types.CodeType, space: Mapping[str, Any]) -> None:
        names, changed = names_in(code)
        for name in sorted(names):
            if name in space and not name.startswith("__"):
                self._put(f"global {name}", b"")
                # What changes while the model answers has no content that could be a part of its name.
                if name in changed and not isinstance(space[name], _CONSTANT):
                    self.complete = False
                else:
                    self._add_named(space[name], names)

    def _add_named(self, value: object, names: frozenset[str]) -> None:
        """Take in a global; of a module what the same code may name in it."""
        if not isinstance(value, types.ModuleType):
            self.add(value)
            return
        where, own = value.__name__, kind_of(value.__name__) == "user"
        self._put(f"module {plain_name(where)}", b"")
        if (where, names) in self._named:
            return
        self._named.add((where, names))
        before, self._folder = self._folder, _folder_of(where)
        for name in sorted(names):
            inside = vars(value).get(name, _Plain)
            if inside is not _Plain and not name.startswith("__") and (own or _is_put_there(inside)):
                self._put(f"global {name}", b"")
                self._add_named(inside, names)
        self._folder = before

    def _add_object(self, value: Any) -> None:
        cls = type(value)
        self._put(f"object {plain_name(cls.__module__)}.{cls.__qualname__}", b"")
        if isinstance(value, _SAID_BY_REPR) or cls.__module__ == "typing":
            self._put("text", repr(value).encode())
        elif isinstance(value, re.Pattern):
            self.add((value.pattern, value.flags))
        elif isinstance(value, logging.Logger):
            self.add(value.name)
        elif isinstance(value, functools.partial):
            self.add((value.func, value.args, value.keywords))
        elif isinstance(value, types.MappingProxyType | deque):
            self.add(dict(value) if isinstance(value, types.MappingProxyType) else list(value))
        elif isinstance(value, types.SimpleNamespace):
            self._add_attributes(vars(value))
        elif isinstance(value, enum.Enum):
            self.add([value.name, cls])
        elif isinstance(value, np.ufunc):
            self.add(value.__name__)
            self.complete &= getattr(np, value.__name__, None) is value
        elif not _says_all(value):
            self.complete = False
        elif self._is_new(value):
            self.add_type(cls)
            try:
                self._add_attributes(_attributes(value))
            except Exception:  # an object may do anything when it is looked at
                self.complete = False


def _is_put_there(value: object) -> bool:
    """Tell whether a function is the user's, whatever it stands in."""
    space = getattr(value, "__globals__", None) if isinstance(value, types.FunctionType) else None
    return space is not None and kind_of(str(space.get("__name__", ""))) == "user"


def _is_module(value: object) -> bool:
    torch = sys.modules.get("torch")  # where it was never imported, nothing is a module of its
    return torch is not None and isinstance(value, torch.nn.Module)


def _is_of_torch(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == "torch"


def _says_all(value: object) -> bool:
    """Tell whether the attributes of an object are all that it holds: not so where a part of it is written in C."""
    cls = type(value)
    if cls.__module__.partition(".")[0] in sys.stdlib_module_names and kind_of(cls.__module__) == "library":
        return False
    return dataclasses.is_dataclass(cls) or (cls.__basicsize__ == _Plain.__basicsize__ and hasattr(value, "__dict__"))


def _attributes(value: object) -> dict[str, Any]:
    fields = dataclasses.fields(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else ()
    slots = {field.name: getattr(value, field.name) for field in fields if hasattr(value, field.name)}
    return slots | getattr(value, "__dict__", {})


def _held(cell: types.CellType) -> object:
    """Return what a closure holds, which may not be there yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _folder_of(module: str) -> str:
    path = file_of(module)
    return "" if path is None else str(path.parent)


@functools.cache
def _ordinary_names() -> frozenset[str]:
    """Return the names of the attributes that every torch module has, the training flag and the hooks among them."""
    import torch

    return frozenset(vars(torch.nn.Module()))
