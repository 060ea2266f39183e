"""Fingerprints: equal ones mean equal outputs, so that a measurement may be taken from the store."""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
import sysconfig
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import ClassifierError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import torch

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
        """Take in the user's files that classes and functions lean on; see `user_modules`."""
        for module in user_modules(things):
            self._put(f"module {_module_name(module, '__name__')}", Path(str(module.__file__)).read_bytes())

    def _add_code(self, thing: Any, functions: list[Any]) -> None:
        """Take in the whole file, for a class leans on what stands beside it; where there is none, the byte code."""
        try:
            self._put("file", Path(inspect.getsourcefile(thing) or "").read_bytes())
        except (OSError, TypeError):
            for function in functions:
                self._put("code", _code_bytes(function.__code__) if hasattr(function, "__code__") else b"")
            self.complete &= bool(functions) and all(hasattr(one, "__code__") for one in functions)

    def _add_torch(self, value: Any) -> None:
        import torch

        if isinstance(value, torch.Tensor):
            plain = value.detach().cpu().contiguous()
            self._put(f"tensor {plain.dtype} {tuple(plain.shape)}", plain.flatten().view(torch.uint8).numpy().tobytes())
        else:
            self._put(type(value).__name__, str(value).encode())
            self.complete &= isinstance(value, torch.dtype | torch.device | torch.memory_format | torch.layout)


def torch_fingerprint(module: torch.nn.Module, *settings: object) -> tuple[str, bool]:
    """Return the fingerprint of a torch module with its settings, and whether it may serve as a key of stored results.

    It covers weights and buffers, plain attributes, the classes of all submodules, and the user's files that these
    lean on: those that define them, and those from which these import at module level.
    """
    digest = Digest()
    digest.add(settings)
    leaning: list[Any] = []
    for name, tensor in _tensors(module):
        digest.add(name)
        digest.add(tensor)
    for name, part in module.named_modules():
        digest.add(name)
        digest.add(type(part))
        code = getattr(part, "code", None)  # traced and scripted modules carry their program
        digest.add(code if isinstance(code, str) else None)
        digest.complete &= not (part._forward_hooks or part._forward_pre_hooks)  # noqa: SLF001
        digest.add(_own_attributes(part))
        for function in (functions := _functions(part)):
            digest.add_defaults(function)
        leaning += [type(part), *functions]
    digest.add_files(leaning)
    return digest.hexdigest(), digest.complete


def estimator_fingerprint(estimator: Any, *settings: object) -> tuple[str, bool]:
    """Return the fingerprint of a scikit-learn estimator with its settings, and whether it may serve as a key."""
    import joblib

    digest = Digest()
    digest.add(settings)
    for part in _estimators(estimator):
        digest.add(type(part))
    try:
        digest.add(str(joblib.hash(estimator, hash_name="sha1")))
    except Exception:
        digest.complete = False
    # Pickles hold functions by name only, so the content of one may change unseen.
    functions = [value for value in _parameters(estimator) if isinstance(value, types.FunctionType)]
    digest.add(functions)
    digest.add_files([*map(type, _estimators(estimator)), *functions])
    return digest.hexdigest(), digest.complete


def user_modules(things: Iterable[Any]) -> list[types.ModuleType]:
    """Return the modules of classes and functions, and all that these import at module level, as far as they are files
    of the user: not of the standard library, not installed, not of this package. Sorted by name.
    """
    found: dict[str, types.ModuleType] = {}
    waiting = [_module_of(base) for thing in things for base in getattr(thing, "__mro__", (thing,))]
    while waiting:
        module = waiting.pop()
        if module is None or module.__name__ in found or not _is_of_user(module):
            continue
        found[module.__name__] = module
        waiting += [_module_of(value) for value in list(vars(module).values())]
    return [module for _, module in sorted(found.items())]


def _module_of(value: object) -> types.ModuleType | None:
    if isinstance(value, types.ModuleType):
        return value
    name = vars(type(value)).get("__module__") if not callable(value) else getattr(value, "__module__", None)
    return sys.modules.get(name) if isinstance(name, str) else None


def _is_of_user(module: types.ModuleType) -> bool:
    path = getattr(module, "__file__", None)
    if not path or not path.endswith(".py") or module.__name__.partition(".")[0] == __name__.partition(".")[0]:
        return False
    installed = {"site-packages", "dist-packages"} & set(Path(path).parts)
    return not installed and not path.startswith(sysconfig.get_path("stdlib")) and Path(path).is_file()


def _functions(part: torch.nn.Module) -> list[Any]:
    """Return the functions of a module's classes and of the module itself, wherever they were written."""
    holders = [vars(part), *(vars(base) for base in type(part).__mro__ if not _is_known(base))]
    return [value for holder in holders for value in holder.values() if isinstance(value, types.FunctionType)]


def _is_known(cls: type) -> bool:
    return cls.__module__.partition(".")[0] in _KNOWN_PACKAGES


def callable_fingerprint(function: Any, *settings: object) -> tuple[str, bool]:
    """Return a fingerprint of a callable; it never serves as a key, for a callable may lean on anything."""
    digest = Digest()
    digest.add(settings)
    digest.add(function if hasattr(function, "__qualname__") else type(function))
    return digest.hexdigest(), False


def file_fingerprint(content: bytes, *settings: object) -> tuple[str, bool]:
    """Return the fingerprint of a model that lies wholly in one file."""
    digest = Digest()
    digest.add(settings)
    digest.add(content)
    return digest.hexdigest(), True


def _tensors(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    # Buffers outside the state dict count as well: they shape the outputs.
    yield from module.state_dict().items()
    yield from module.named_buffers()


def _own_attributes(part: torch.nn.Module) -> dict[str, Any]:
    ordinary = _ordinary_names()
    return {name: value for name, value in sorted(vars(part).items()) if name not in ordinary}


@functools.cache
def _ordinary_names() -> frozenset[str]:
    """Return the names of the attributes that every module has, the training flag and the hooks among them."""
    import torch

    return frozenset(vars(torch.nn.Module()))


def _estimators(estimator: Any) -> list[Any]:
    return [estimator, *(value for value in _parameters(estimator) if hasattr(value, "get_params"))]


def _parameters(estimator: Any) -> list[Any]:
    try:
        parameters = estimator.get_params(deep=True)
    except Exception as error:
        raise ClassifierError(
            f"the parameters of {type(estimator).__name__} cannot be read",
            got=error,
            mend="An estimator keeps every argument of __init__ in an attribute of the same name.",
        ) from error
    return [value for _, value in sorted(parameters.items()) if not isinstance(value, type)]


def _module_name(thing: Any, attribute: str = "__module__") -> str:
    """Return where a class or function is defined; for a model file without the part that says in which folder."""
    name = str(getattr(thing, attribute, None) or "")
    return name.rpartition("_")[0] if name.startswith(FILE_MODULES) else name


def _code_bytes(code: types.CodeType) -> bytes:
    constants = [_code_bytes(one) if isinstance(one, types.CodeType) else repr(one).encode() for one in code.co_consts]
    return b"|".join([code.co_code, repr(code.co_names).encode(), *constants])
