"""load_classifier: from whatever names or is a model to a Classifier."""

from __future__ import annotations

import inspect
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.classifiers import files
from pytest_robustness.classifiers.base import Classifier
from pytest_robustness.classifiers.callables import CallableBackend, OnnxModel
from pytest_robustness.classifiers.fingerprint import (
    callable_fingerprint,
    code_fingerprint,
    file_fingerprint,
)
from pytest_robustness.classifiers.model_fingerprint import estimator_fingerprint, torch_fingerprint
from pytest_robustness.classifiers.outputs import check_outputs_name
from pytest_robustness.classifiers.preprocessing import preprocessing
from pytest_robustness.classifiers.settings import Settings, checked_classes, checked_shape
from pytest_robustness.classifiers.sources import Source, find_module, importable, object_in, parse_source
from pytest_robustness.errors import ClassifierError, ParameterError, RobustnessError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def load_classifier(
    source: object,
    *,
    device: str = "cpu",
    input_shape: Sequence[int] | None = None,
    num_classes: int | None = None,
    outputs: str | None = None,
    bounds: Sequence[float] = (0.0, 1.0),
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    features: str | None = None,
    name: str | None = None,
    allow_pickle: Sequence[str] = (),
    trusted: Sequence[str] = (),
) -> Classifier:
    """Make a Classifier of a model, of what builds one, or of a string that names either.

    Parameters
    ----------
    source : object
        A torch module, a fitted scikit-learn classifier, a callable from images (N, C, H, W) to scores (N, K) or labels
        (N,), a class or function without required arguments that returns one of these, a Classifier (returned as it
        is), or a string: ``package.module:name``, ``path/to/file.py:name``, ``path.safetensors@factory``,
        ``path.pt@factory`` (a state dict), ``path.pt2``, ``path.onnx``, ``path.skops``.
    device : str
        Where a torch module runs. It is moved there once, in place; nothing else is changed in it.
    input_shape : (int, int, int), optional
        (C, H, W). `Classifier.bound` finds it out from the data.
    num_classes : int, optional
    outputs : {"logits", "probabilities", "labels"}, optional
        What the model returns. By default logits; a scikit-learn estimator decides for itself.
    bounds : (float, float)
        What the pixel values 0 and 1 become before they enter the model.
    mean, std : float or sequence of float, optional
        Then subtracted and divided by, per channel.
    features : str, optional
        The name of the layer of a torch module whose outputs, flattened, are its features. By default they are what
        enters its last linear layer.
    name : str, optional
        What the scorecard calls the model.
    allow_pickle : sequence of str
        SHA-256 digests of the files that may be unpickled, which can run any code.
    trusted : sequence of str
        Types that a ``.skops`` file may hold beside the well-known ones.

    Returns
    -------
    Classifier

    Raises
    ------
    ClassifierError
        Where the source cannot be found, imported, built or read; `UnsafeSourceError` where reading it can run code.
    ParameterError
        For options out of range.
    MissingExtraError
        Where a file format needs a package that is not installed.
    """
    if isinstance(source, Classifier):
        return source
    options = {
        "device": device,
        "input_shape": input_shape,
        "num_classes": num_classes,
        "outputs": outputs,
        "bounds": bounds,
        "mean": mean,
        "std": std,
        "features": features,
        "name": name,
        "allow_pickle": allow_pickle,
        "trusted": trusted,
    }
    check_outputs_name(outputs)
    origin = parse_source(str(source)) if isinstance(source, str | Path) else None
    settings = Settings(
        device=str(device),
        input_shape=checked_shape(input_shape),
        num_classes=checked_classes(num_classes),
        outputs=outputs,
        prepare=preprocessing(bounds, mean, std),
        features=features,
        name=name or (origin.name if origin else None),
        source=origin.text if origin else _text_of(source),
        reload=(origin.text, options) if origin else None,
    )
    if settings.input_shape is not None:
        settings.prepare.check_channels(settings.input_shape[0])
    if origin is None:
        return _given(source, settings)
    with importable(Path.cwd()):
        return _from_string(origin, settings, allow_pickle, trusted)


def _from_string(origin: Source, settings: Settings, allow_pickle: Sequence[str], trusted: Sequence[str]) -> Classifier:
    if origin.path is None:
        return _named(origin.text, settings)
    suffix = origin.path.suffix
    if origin.code is not None:
        return _named(origin.code, settings, weights=origin.path)
    if suffix in files.READERS:
        model, content = files.READERS[suffix](origin.path, trusted)
        return _adapted(model, settings, content=content)
    return _adapted(files.unpickled(origin.path, allow_pickle), settings)


def _named(code: str, settings: Settings, *, weights: Path | None = None) -> Classifier:
    """Make the classifier of what a source string names; the code there is part of what the model is known by."""
    module = find_module(code)
    thing = object_in(module, code)
    settings = replace(settings, code=code_fingerprint(thing, module))
    model = _built(thing, code) if _is_factory(thing, code) else thing
    return _adapted(model if weights is None else files.with_weights(model, weights), settings)


def _given(thing: Any, settings: Settings) -> Classifier:
    """Make the classifier of a model, or of its factory, whose code is then part of what the model is known by."""
    if not _is_factory(thing, settings.source):
        return _adapted(thing, settings)
    return _adapted(_built(thing, settings.source), replace(settings, code=code_fingerprint(thing)))


def _built(factory: Any, text: str) -> Any:
    """Call a factory."""
    try:
        model = factory()
    except RobustnessError:
        raise
    except (Exception, SystemExit) as error:
        raise ClassifierError(f"the factory {text} failed", got=f"{type(error).__name__}: {error}") from error
    if model is None:
        raise ClassifierError(f"the factory {text} returned nothing", got=None, mend="Let it return the model.")
    return model


def _is_factory(thing: Any, text: str) -> bool:
    if not isinstance(thing, type) and (_is_module(thing) or _is_estimator(thing) or not callable(thing)):
        return False
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return isinstance(thing, type)
    positional = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    variable = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    required = [one for one in parameters if one.default is one.empty and one.kind not in variable]
    if not required:
        return isinstance(thing, type) or not any(one.kind is one.VAR_POSITIONAL for one in parameters)
    if not isinstance(thing, type) and len(required) == 1 and required[0].kind in positional:
        return False  # one argument: the images
    raise ClassifierError(
        f"{text} needs arguments",
        got=f"required: {', '.join(one.name for one in required)}",
        allowed="a factory without required arguments, or a function of the images alone",
        mend="Name a function that builds the model with the arguments it needs.",
    )


def _adapted(model: Any, settings: Settings, *, content: bytes | None = None) -> Classifier:
    """Choose the backend by what the model is; `content` is the file that holds all of it, if there is one."""
    if isinstance(model, Classifier):
        return model
    if settings.features is not None and not _is_module(model):
        raise ParameterError(
            "features names a layer of a torch module", got=settings.features, mend="Leave it out for this model."
        )
    if isinstance(model, OnnxModel) or not (_is_module(model) or _is_estimator(model)):
        return _from_callable(model, settings, content)
    return _from_module(model, settings, content) if _is_module(model) else _from_estimator(model, settings)


def _from_module(module: Any, settings: Settings, content: bytes | None) -> Classifier:
    from pytest_robustness.classifiers.features import check_layer
    from pytest_robustness.classifiers.pytorch import TorchBackend, to_device

    check_layer(module, settings.features)
    backend = TorchBackend(
        module=to_device(module, settings.device),
        device=settings.device,
        outputs=settings.outputs or "logits",
        prepare=settings.prepare,
        layer=settings.features,
    )
    marks = ("torch", *settings.marks)
    found = torch_fingerprint(module, *marks) if content is None else file_fingerprint(content, *marks)
    return _classifier(backend, settings, found, type(module).__name__, settings.input_shape)


def _from_estimator(estimator: Any, settings: Settings) -> Classifier:
    from pytest_robustness.classifiers.estimators import estimator_backend, inferred_shape

    backend, doubts = estimator_backend(estimator, settings.prepare, settings.device, settings.outputs)
    steps = getattr(estimator, "steps", None)
    kind = type(steps[-1][1] if steps else estimator).__name__
    found = estimator_fingerprint(estimator, "scikit-learn", *settings.marks)
    shape = settings.input_shape or inferred_shape(estimator)
    classes = len(estimator.classes_)
    if settings.num_classes not in {None, classes}:
        raise ClassifierError(
            "the estimator has another number of classes", got=settings.num_classes, allowed=str(classes)
        )
    return _classifier(backend, settings, found, kind, shape, warnings=doubts, num_classes=classes)


def _from_callable(function: Any, settings: Settings, content: bytes | None) -> Classifier:
    if not callable(function):
        raise ClassifierError(
            "not a model",
            got=function,
            allowed="a torch module, a fitted scikit-learn classifier, a callable, a factory of these, a source string",
        )
    kind = "onnx" if isinstance(function, OnnxModel) else "callable"
    backend = CallableBackend(
        function=function, outputs=settings.outputs or "logits", prepare=settings.prepare, kind=kind
    )
    marks = (kind, *settings.marks)
    found = callable_fingerprint(function, *marks) if content is None else file_fingerprint(content, *marks)
    shape = settings.input_shape or (function.input_shape if isinstance(function, OnnxModel) else None)
    name = getattr(function, "__name__", type(function).__name__)
    return _classifier(backend, settings, found, name, shape, fixed_outputs=settings.outputs is not None)


def _classifier(
    backend: Any,
    settings: Settings,
    found: tuple[str, bool],
    name: str,
    shape: tuple[int, int, int] | None,
    **more: Any,
) -> Classifier:
    return Classifier(
        name=settings.name or name,
        source=settings.source,
        kind=backend.kind,
        fingerprint=found[0],
        cacheable=found[1],
        backend=backend,
        input_shape=shape,
        bounds=settings.prepare.bounds,
        reload=settings.reload,
        **{"num_classes": settings.num_classes, **more},
    )


def _is_module(thing: Any) -> bool:
    # Where torch was never imported, nothing is a module of its.
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.nn.Module)


def _is_estimator(thing: Any) -> bool:
    return not isinstance(thing, type) and hasattr(thing, "predict") and hasattr(thing, "get_params")


def _text_of(source: Any) -> str:
    thing: type | Callable[..., Any] = source if hasattr(source, "__qualname__") else type(source)
    return f"{thing.__module__}.{thing.__qualname__}"
