"""Fingerprints of torch modules and of estimators, by all that shapes their outputs."""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.classifiers.reached import ReachingDigest
from pytest_robustness.errors import ClassifierError

if TYPE_CHECKING:
    import torch

_FUNCTIONS = (types.FunctionType, types.MethodType, functools.partial)


def torch_fingerprint(module: torch.nn.Module, *settings: object) -> tuple[str, bool]:
    """Return the fingerprint of a torch module with its settings, and whether it may serve as a key of stored results.

    It covers weights and buffers, plain attributes, the classes of all submodules with their attributes, what closures
    hold, the globals that methods name, and the files of the user that all these lean on. What a model reads while it
    answers (a file, the environment) is not seen.
    """
    digest = ReachingDigest()
    digest.add(settings)
    digest.add_module(module)
    return digest.hexdigest(), digest.complete


def estimator_fingerprint(estimator: Any, *settings: object) -> tuple[str, bool]:
    """Return the fingerprint of a scikit-learn estimator with its settings, and whether it may serve as a key.

    It covers the parameters and what was learned from the data, and of classes and functions what `torch_fingerprint`
    covers.
    """
    digest = ReachingDigest()
    digest.add(settings)
    parts = [estimator, *(value for value in _parameters(estimator) if hasattr(value, "get_params"))]
    for part in parts:
        digest.add_type(type(part))
    try:
        digest.add(_joblib_hash(estimator))
    except Exception:
        digest.complete = False
    # Pickles hold functions by name only, so the content of one may change unseen.
    held = [value for part in parts for _, value in sorted(getattr(part, "__dict__", {}).items())]
    digest.add([value for value in [*_parameters(estimator), *held] if isinstance(value, _FUNCTIONS)])
    return digest.hexdigest(), digest.complete


def _joblib_hash(estimator: Any) -> str:
    """Return joblib's hash, but of records field by field.

    The nodes of scikit-learn's trees are records, and what lies in memory between their fields is left to chance.
    """
    from joblib.hashing import NumpyHasher

    class Hasher(NumpyHasher):  # type: ignore[misc]
        def save(self, obj: Any) -> None:
            if isinstance(obj, np.ndarray) and obj.dtype.names:
                obj = [np.ascontiguousarray(obj[name]) for name in obj.dtype.names]
            super().save(obj)

    return str(Hasher(hash_name="sha1").hash(estimator))


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
