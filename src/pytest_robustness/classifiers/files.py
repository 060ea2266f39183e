"""Model files: read as data; what can run code while it is read is refused unless its very bytes were allowed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_robustness.classifiers.callables import open_onnx
from pytest_robustness.classifiers.sources import read_bytes
from pytest_robustness.errors import ClassifierError, MissingExtraError, UnsafeSourceError

if TYPE_CHECKING:
    from pathlib import Path

_CONVERT = {
    "torch": "Save the weights alone, torch.save(model.state_dict(), 'model.pt'), and name the file with the factory "
    "that builds the model: 'model.pt@package.module:factory'.",
    "estimator": "Save the estimator with skops.io.dump(model, 'model.skops'), or name a function that builds or "
    "trains it: 'package.module:factory'.",
}


def with_weights(model: Any, path: Path) -> Any:
    """Load a file of weights into the torch module that a factory built, and return the module.

    Raises
    ------
    UnsafeSourceError
        Where the file holds more than tensors.
    ClassifierError
        Where the model is no torch module, or the names or shapes of the weights are not the model's.
    """
    import torch

    if not isinstance(model, torch.nn.Module):
        raise ClassifierError("weights need a factory of a torch module", got=type(model).__name__)
    weights = _read_weights(path)
    _check_weights(model, weights, path)
    model.load_state_dict(weights, strict=False)
    return model


def unpickled(path: Path, allow_pickle: Sequence[str]) -> Any:
    """Return the model in a file that needs unpickling, provided that its SHA-256 is among `allow_pickle`.

    Raises
    ------
    UnsafeSourceError
        Where it is not; nothing of the file is unpickled then.
    ClassifierError
        Where the file holds weights without a model, or cannot be unpickled.
    """
    content = read_bytes(path)
    digest = hashlib.sha256(content).hexdigest()
    kind = "torch" if path.suffix in {".pt", ".pth"} else "estimator"
    if path.suffix == ".safetensors" or (kind == "torch" and _is_data(content)):
        raise ClassifierError(
            "a file of weights needs the factory that builds the model",
            got=str(path),
            allowed=f"{path}@package.module:factory, {path}@file.py:factory",
        )
    allowed = {one.lower().removeprefix("sha256:") for one in allow_pickle}
    if digest not in allowed:
        raise UnsafeSourceError(
            "loading this file can run any code that it contains",
            got=str(path),
            allowed="weights, .safetensors, .pt2, .onnx, .skops",
            mend=f"{_CONVERT[kind]} If you trust this very file: allow_pickle=['{digest}'], or "
            f"--robustness-allow-pickle={digest}.",
        )
    return _unpickle(content, path)


def _unpickle(content: bytes, path: Path) -> Any:
    # Always from the bytes that were hashed: the file may have changed since.
    try:
        if path.suffix in {".pt", ".pth"}:
            import torch

            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)
        if path.suffix == ".joblib":
            import joblib

            return joblib.load(io.BytesIO(content))
        return pickle.loads(content)  # noqa: S301
    except Exception as error:
        raise ClassifierError("the file cannot be unpickled", got=str(path), mend=f"It said: {error}") from error


def _is_data(content: bytes) -> bool:
    """Tell whether a torch file holds tensors and plain containers only."""
    import torch

    try:
        torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:
        return False
    return True


def _read_weights(path: Path) -> dict[str, Any]:
    import torch

    content = read_bytes(path)
    try:
        if path.suffix == ".safetensors":
            import safetensors.torch

            return dict(safetensors.torch.load(content))
        weights = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UnsafeSourceError(
            "the file holds more than weights, and loading it can run code", got=str(path), mend=_CONVERT["torch"]
        ) from error
    except Exception as error:
        raise ClassifierError("the file of weights cannot be read", got=str(path), mend=f"It said: {error}") from error
    if isinstance(weights, Mapping) and all(isinstance(tensor, torch.Tensor) for tensor in weights.values()):
        return dict(weights)
    keys = f" with the keys {list(weights)[:6]}" if isinstance(weights, Mapping) else ""
    raise ClassifierError(
        "the file holds no state dict",
        got=f"{type(weights).__name__}{keys}",
        allowed="a mapping from names to tensors",
        mend="Save model.state_dict() by itself.",
    )


def _check_weights(model: Any, weights: Mapping[str, Any], path: Path) -> None:
    own = model.state_dict()
    present = {own[name].data_ptr() for name in weights if name in own and own[name].numel()}
    # Formats without aliases store tied weights once.
    missing = [name for name in own if name not in weights and own[name].data_ptr() not in present]
    unexpected = [name for name in weights if name not in own]
    shapes = [
        f"{name} {tuple(weights[name].shape)} for {tuple(own[name].shape)}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    problems = [("missing", missing), ("unexpected", unexpected), ("of another shape", shapes)]
    told = [f"{what}: {', '.join(names[:6])}{', ...' if len(names) > 6 else ''}" for what, names in problems if names]
    if told:
        raise ClassifierError(
            "the weights are not those of the model",
            got=str(path),
            mend=f"{'; '.join(told).capitalize()}. The factory must build the model that was saved.",
        )


def _read_exported(path: Path, _: Sequence[str]) -> tuple[Any, bytes]:
    import torch

    content = read_bytes(path)
    try:
        with _weights_only():
            return torch.export.load(io.BytesIO(content)).module(), content
    except pickle.UnpicklingError as error:
        raise UnsafeSourceError(
            "the exported program holds more than tensors, and loading it can run code",
            got=str(path),
            mend="Export it again with torch.export.save, without inputs of types of your own.",
        ) from error
    except Exception as error:
        raise ClassifierError(
            "not a program that torch.export.load can read",
            got=str(path),
            mend=f"It said: {_first_line(error)}",
        ) from error


@contextlib.contextmanager
def _weights_only() -> Iterator[None]:
    """Forbid torch to unpickle: torch.export.load falls back to that for parts of the archive, asked or not."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _read_onnx(path: Path, _: Sequence[str]) -> tuple[Any, bytes]:
    content = read_bytes(path)
    return open_onnx(content, str(path)), content


def _read_skops(path: Path, trusted: Sequence[str]) -> tuple[Any, bytes]:
    content = read_bytes(path)
    try:
        import skops.io
    except ImportError as error:
        raise MissingExtraError(
            ".skops files need skops", mend="Install it: pip install pytest-robustness[skops]"
        ) from error
    try:
        doubtful = sorted(set(skops.io.get_untrusted_types(data=content)) - set(trusted))
        if not doubtful:
            return skops.io.loads(content, trusted=list(trusted)), content
    except Exception as error:
        raise ClassifierError("not a .skops file", got=str(path), mend=f"It said: {_first_line(error)}") from error
    lines = ", ".join(f'"{one}"' for one in [*trusted, *doubtful])
    raise UnsafeSourceError(
        "the .skops file holds types that were not trusted",
        got=doubtful,
        mend=f"If you know them, put this under [tool.robustness]: trusted = [{lines}]",
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


#: Files that hold a whole model: (path, trusted types) -> (model, content of the file).
READERS: dict[str, Callable[[Path, Sequence[str]], tuple[Any, bytes]]] = {
    ".pt2": _read_exported,
    ".onnx": _read_onnx,
    ".skops": _read_skops,
}
