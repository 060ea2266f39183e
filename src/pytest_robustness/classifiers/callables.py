"""Models of which nothing is known but that they can be called: functions, and ONNX files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.classifiers.preprocessing import Preprocessing
from pytest_robustness.errors import CapabilityError, ClassifierError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class CallableBackend:
    """A function from float32 images (N, C, H, W) to scores (N, K) or labels (N,)."""

    function: Callable[[NDArray[np.float32]], Any]
    outputs: str
    prepare: Preprocessing = field(default_factory=Preprocessing)
    kind: str = "callable"
    device: str = "cpu"
    first_layer: str = ""
    flattens: bool = False
    has_gradients: bool = False

    @property
    def link(self) -> str | None:
        """Logits become probabilities by softmax."""
        return "softmax"

    def scores(self, pixels: NDArray[np.float32], /) -> NDArray[Any]:
        """Call the function on images in the range that it was made for."""
        result = self.function(self.prepare.array(pixels))
        if hasattr(result, "detach"):
            result = result.detach().cpu()
        return np.asarray(result)

    def differentiable(self) -> AbstractContextManager[Callable[[Tensor], Tensor]]:
        """Refuse."""
        raise CapabilityError("a black box has no gradients", got=self.kind)

    def relabelled(self) -> CallableBackend:
        """Return this backend with outputs that are labels."""
        return replace(self, outputs="labels")


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """An ONNX file as a function; one thread pool, on the CPU."""

    session: Any
    input_name: str
    input_shape: tuple[int, int, int] | None

    def __call__(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the first output for images (N, C, H, W)."""
        return np.asarray(self.session.run(None, {self.input_name: images})[0])


def open_onnx(content: bytes, path: str) -> OnnxModel:
    """Open the content of an ONNX file of one input; `path` is for error messages.

    Raises
    ------
    MissingExtraError
        Where onnxruntime is not installed.
    ClassifierError
        Where the file is no ONNX model, or has several inputs.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            ".onnx files need onnxruntime", mend="Install it: pip install pytest-robustness[onnx]"
        ) from error
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ClassifierError("not an ONNX model that onnxruntime can read", got=path) from error
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ClassifierError("an ONNX model must have one input", got=[one.name for one in inputs])
    shape = tuple(inputs[0].shape[1:])
    known = len(shape) == 3 and all(isinstance(side, int) for side in shape)
    return OnnxModel(session, inputs[0].name, shape if known else None)
