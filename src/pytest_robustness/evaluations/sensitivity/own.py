"""The user's own function: found by the text that names it, and told from all others."""

from __future__ import annotations

import builtins
import functools
import hashlib
import inspect
import sys
import sysconfig
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.classifiers.fingerprint import FILE_MODULES, Digest
from pytest_robustness.classifiers.sources import find_object
from pytest_robustness.errors import ClassifierError, ParameterError
from pytest_robustness.transforms.parametric import check_pure, stay_unchanged, telling_images

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations.base import Subject
    from pytest_robustness.evaluations.sensitivity.box import Box
    from pytest_robustness.transforms.parametric import Transform

FORMS = ("package.module:name", "path/to/file.py:name")


def own_function(transform: object) -> Any:
    """Return the function that a text names, ``module:name`` or ``file.py:name``; anything else as it is.

    Raises
    ------
    ParameterError
        Where there is no such file, module or name, importing it fails, or what it names cannot be called.
    """
    if not isinstance(transform, str):
        return transform
    where, colon, name = transform.rpartition(":")
    if not colon or not where or not name.isidentifier():
        raise ParameterError("transform must be a function, or the text that names one", got=transform, allowed=FORMS)
    try:
        found = _of_file(where, name) if where.endswith(".py") else find_object(transform)
    except ClassifierError as error:
        raise ParameterError(f"transform: {error}") from error
    if not callable(found):
        raise ParameterError(f"the transform {transform} is no function", got=found, allowed="a function of images")
    return found


def own_name(function: Any) -> str:
    """Return a readable name of a function: its module and what it is called there; of an object, its class."""
    while isinstance(function, functools.partial):
        function = function.func
    thing = function if hasattr(function, "__qualname__") else type(function)
    return _full_name(thing).replace(".<locals>", "").removeprefix(".")


def own_code(function: Any) -> str:
    """Return a digest of a function: of its code, its defaults, and what it or its object holds.

    It is the same in every process and every run. What the function reads from its module is not part of it.
    """
    digest = _FunctionDigest()
    digest.add(function)
    return digest.hexdigest()[:12]


def try_out(transform: Transform, box: Box, subject: Subject) -> None:
    """Try an own transform on a few images at two points of a box, so that the model is not blamed for it.

    Raises
    ------
    ParameterError
        Where it is not pure.
    """
    some = subject.dataset.take(telling_images(subject.dataset.images))
    pairs = list(zip(box.names, box.ranges, strict=True))
    points = [{name: low + share * (high - low) for name, (low, high) in pairs} for share in (1 / 3, 1.0)]
    check_pure(transform, some.images, points, seed=subject.seed, ids=some.ids)


def left_unchanged(transform: Transform, box: Box, subject: Subject, samples: Dataset) -> NDArray[np.bool_]:
    """Return which samples an own transform leaves as they are at the point that is to change nothing."""
    values = dict(zip(box.names, box.identity or (), strict=True))
    return stay_unchanged(transform, samples.images, values, seed=subject.seed, ids=samples.ids)


def _of_file(where: str, name: str) -> Any:
    path = Path(where).resolve()
    if not path.is_file():
        mend = f"Paths are relative to the working directory, {Path.cwd()}."
        raise ParameterError("no such file of a transform", got=where, mend=mend)
    return _loaded(str(path), hashlib.sha256(path.read_bytes()).hexdigest(), name)


@functools.lru_cache(maxsize=64)
def _loaded(path: str, content: str, name: str) -> Any:
    """Run a file once, however often a requirement is made of it; `content` tells it from what it was before."""
    del content
    return find_object(f"{path}:{name}")


def _module(name: str | None) -> str:
    """Return the name of a module; of a file that was loaded by its path, the name of the file."""
    name = name or ""
    return name.removeprefix(FILE_MODULES).rpartition("_")[0] if name.startswith(FILE_MODULES) else name


class _FunctionDigest(Digest):
    """As for models, but of the lines of a function and not of its whole file, and of what objects hold."""

    def __init__(self) -> None:
        super().__init__()
        self._within: list[object] = []

    def add(self, value: object) -> None:
        if any(value is outer for outer in self._within):
            self._put("itself", b"")
            return
        self._within.append(value)
        try:
            self._add(value)
        finally:
            self._within.pop()

    def _add(self, value: object) -> None:
        if isinstance(value, types.ModuleType):
            self._put(f"module {_module(value.__name__)}", b"")
        elif isinstance(value, types.MethodType):
            self.add([value.__func__, value.__self__])
        elif isinstance(value, types.CodeType):
            self._put("code", value.co_code)
            self.add([value.co_names, value.co_consts])
        elif isinstance(value, np.ndarray) and value.dtype.kind == "O":
            self.add(value.tolist())
        elif _is_object(value):
            self.add([type(value), getattr(value, "__wrapped__", None), _content(value)])
        else:
            super().add(value)

    def _add_function(self, function: Any) -> None:
        self._put(f"function {_full_name(function)}", b"")
        code = getattr(function, "__code__", None)
        if code is None or _is_of_library(function):
            return
        # The byte code of a lambda, for several may stand in one line; it differs between versions of Python.
        self.add(code if function.__name__ == "<lambda>" else _lines(code) or code)
        self.add([_held(cell) for cell in function.__closure__ or ()])
        self.add_defaults(function)

    def _add_class(self, cls: type) -> None:
        for base in cls.__mro__:
            self._put(f"class {_full_name(base)}", b"")
            if not _is_of_library(base):
                self.add(_lines(base) or [getattr(part, "__code__", None) for part in vars(base).values()])


def _full_name(thing: Any) -> str:
    return f"{_module(getattr(thing, '__module__', None))}.{thing.__qualname__}"


def _is_of_library(thing: Any) -> bool:
    """Return whether a function or class is not the user's: built in, of the standard library, or installed."""
    module = sys.modules.get(str(thing.__module__))
    path = str(getattr(module, "__file__", None) or "")
    installed = {"site-packages", "dist-packages"} & set(Path(path).parts)
    return module is builtins or bool(installed) or path.startswith(sysconfig.get_path("stdlib"))


def _lines(thing: Any) -> str:
    """Return the source of a class or of code; empty where there is none."""
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError, SyntaxError):
        return ""


def _held(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not yet filled
        return None


def _is_object(value: object) -> bool:
    """Return whether a value is neither plain nor a container, an array, a function or a class."""
    known = (bool, int, float, complex, str, bytes, type(None), list, tuple, set, frozenset, dict, np.ndarray)
    functions = (types.FunctionType, types.BuiltinFunctionType, np.ufunc, type)
    return not isinstance(value, (*known, *functions, np.generic)) and not _is_tensor(value)


def _is_tensor(value: object) -> bool:
    return type(value).__module__ == "torch" and hasattr(value, "detach")


def _content(value: Any) -> object:
    """Return what an object holds, as a pickle would have it; None where that cannot be known."""
    try:
        reduced = value.__reduce_ex__(4)
    except Exception:  # whatever stands in the way of a pickle
        return None
    if isinstance(reduced, str):
        return reduced
    rebuild, arguments, *rest = reduced
    return [rebuild, arguments, *(list(part) if hasattr(part, "__next__") else part for part in rest)]
