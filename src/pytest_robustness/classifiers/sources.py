"""Source strings: what they name, found and imported; files are read as data wherever that is possible."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.classifiers.fingerprint import FILE_MODULES
from pytest_robustness.errors import ClassifierError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

FORMS = (
    "package.module:name",
    "path/to/file.py:name",
    "path.safetensors@factory",
    "path.pt@factory",
    "path.pt2",
    "path.onnx",
    "path.skops",
)
WEIGHTS = (".safetensors", ".pt", ".pth")
WHOLE_MODELS = (".pt2", ".onnx", ".skops")
PICKLES = (".pkl", ".pickle", ".joblib")
_GENERIC = frozenset({"load", "build", "make", "create", "factory", "get_model", "load_model", "model", "net"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A parsed source string.

    Parameters
    ----------
    path : Path, optional
        A file of weights or a whole model.
    code : str, optional
        ``module:name`` or ``file.py:name``: a model, or the factory that takes the weights.
    """

    text: str
    path: Path | None = None
    code: str | None = None

    @property
    def name(self) -> str:
        """A short name for people: the file's stem, or the name in the module, or the module where that is generic."""
        if self.path is not None:
            return self.path.stem
        where, _, name = str(self.code).rpartition(":")
        return Path(where).stem if where.endswith(".py") and name in _GENERIC else _last(where, name)


def parse_source(text: str) -> Source:
    """Return the parts of a source string.

    Raises
    ------
    ClassifierError
        Where it has none of the known forms.
    """
    known = (*WEIGHTS, *WHOLE_MODELS, *PICKLES)
    path, at, factory = text.partition("@")
    if Path(path).suffix in known and ":" not in Path(path).name:
        if at and Path(path).suffix not in WEIGHTS:
            raise ClassifierError("a factory goes with a file of weights only", got=text, allowed=FORMS)
        return Source(text=text, path=Path(path), code=factory or None)
    where, colon, name = text.rpartition(":")
    if not colon or not where or not name.isidentifier():
        raise ClassifierError("not a model source", got=text, allowed=FORMS)
    return Source(text=text, code=text)


def find_object(code: str) -> Any:
    """Return what ``module:name`` or ``file.py:name`` names.

    Raises
    ------
    ClassifierError
        Where there is no such file, module or name, or importing it fails.
    """
    return object_in(find_module(code), code)


def object_in(module: ModuleType, code: str) -> Any:
    """Return what ``module:name`` or ``file.py:name`` names in its module, or raise ClassifierError."""
    where, _, name = code.rpartition(":")
    if not hasattr(module, name):
        names = [one for one in vars(module) if not one.startswith("_")]
        near = difflib.get_close_matches(name, names, n=3) or sorted(names)[:12]
        raise ClassifierError(f"{where} has no {name}", got=code, mend=f"Nearest names: {', '.join(near)}.")
    return getattr(module, name)


def find_module(code: str) -> ModuleType:
    """Return the module of what ``module:name`` or ``file.py:name`` names.

    Raises
    ------
    ClassifierError
        Where there is no such file or module, or importing it fails.
    """
    where, _, name = code.rpartition(":")
    if not where or not name.isidentifier():
        raise ClassifierError("not a factory", got=code, allowed=FORMS[:2])
    return _module_of_file(Path(where)) if where.endswith(".py") else _named_module(where)


def read_bytes(path: Path) -> bytes:
    """Return the content of a file; raise ClassifierError where there is none."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ClassifierError(
            "no such model file" if not path.exists() else "the model file cannot be read",
            got=str(path),
            mend=f"Paths are relative to the working directory, {Path.cwd()}.",
        ) from error


@contextlib.contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let modules be imported from a folder, as if Python had been started there; undone afterwards."""
    entry = str(folder)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(entry)


def _last(where: str, name: str) -> str:
    return where.rpartition(".")[2] if name in _GENERIC else name


def _named_module(name: str) -> ModuleType:
    try:
        with importable(Path.cwd()):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(f"{missing}."):
            raise ClassifierError(
                "no such module",
                got=name,
                mend=f"It is looked for on sys.path and in the working directory, {Path.cwd()}.",
            ) from error
        raise _import_failed(name, error) from error
    except (Exception, SystemExit) as error:
        raise _import_failed(name, error) from error


def _module_of_file(path: Path) -> ModuleType:
    content = read_bytes(path)
    full = path.resolve()
    # A name of its own, so that a file called torch.py or test_model.py stands in nobody's way; registered, because
    # dataclasses, pickle and inspect look modules up there.
    name = f"{FILE_MODULES}{full.stem}_{hashlib.sha256(str(full).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, full)
    if spec is None:
        raise ClassifierError("not a Python file", got=str(path))
    module = importlib.util.module_from_spec(spec)
    previous = sys.modules.get(name)
    sys.modules[name] = module
    try:
        with importable(Path.cwd()), importable(full.parent):
            # Compiled here from what was read: the import system's cache of byte code goes by whole seconds.
            exec(compile(content, str(full), "exec"), module.__dict__)  # noqa: S102
    except (Exception, SystemExit) as error:
        sys.modules.pop(name)
        if previous is not None:
            sys.modules[name] = previous
        raise _import_failed(str(path), error) from error
    return module


def _import_failed(name: str, error: BaseException) -> ClassifierError:
    return ClassifierError(f"importing {name} failed", got=f"{type(error).__name__}: {error}")
