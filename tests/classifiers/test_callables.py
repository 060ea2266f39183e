"""Black boxes: functions and ONNX files."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import ClassifierError


def test_a_function_gets_float_images_in_its_range(images):
    seen = []

    def scores(batch):
        seen.append(batch)
        return batch.reshape(len(batch), -1)[:, :4]

    classifier = load_classifier(scores, bounds=(-1, 1))
    assert (classifier.kind, classifier.name, classifier.cacheable) == ("callable", "scores", False)
    classifier.predict((images * 255).astype(np.uint8), batch_size=20)
    assert [batch.shape for batch in seen] == [(20, 1, 8, 8), (10, 1, 8, 8)]
    assert all(batch.dtype == np.float32 and batch.min() >= -1 and batch.max() <= 1 for batch in seen)
    assert min(batch.min() for batch in seen) < -0.9


def test_a_function_may_return_a_tensor_with_a_graph(images):
    weight = torch.ones(64, 3, requires_grad=True)
    classifier = load_classifier(lambda x: torch.from_numpy(x).flatten(1) @ weight)
    assert classifier.logits(images).shape == (30, 3)


def test_a_function_may_return_a_list(images):
    assert load_classifier(lambda x: [[0.0, 1.0]] * len(x)).predict(images).tolist() == [1] * 30


def test_objects_that_can_be_called_are_functions(images):
    class Model:
        def __call__(self, batch):
            return batch.reshape(len(batch), -1)[:, :2]

    assert load_classifier(Model()).name == "Model"
    assert load_classifier(Model()).bound(images).num_classes == 2


def test_a_number_of_outputs_that_changes_is_refused(images):
    classifier = load_classifier(lambda x: np.zeros((len(x), 2 + len(x) % 2)))
    with pytest.raises(ClassifierError, match="changes from batch to batch"):
        classifier.predict(images[:5], batch_size=2)


@pytest.mark.parametrize("thing", [3, None, object(), ["a", "b"]])
def test_what_cannot_be_called_is_no_model(thing):
    with pytest.raises(ClassifierError, match="not a model"):
        load_classifier(thing)


def _onnx_file(path, weight):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])

    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "W"], ["y"])]
    tensors = [numpy_helper.from_array(weight, "W")]
    graph = helper.make_graph(nodes, "linear", [value("x", 1, 8, 8)], [value("y", 10)], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)


def test_an_onnx_file_is_a_black_box(tmp_path, images):
    pytest.importorskip("onnxruntime", reason="onnxruntime is an extra")
    weight = np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32)
    path = tmp_path / "linear.onnx"
    _onnx_file(path, weight)
    classifier = load_classifier(str(path))
    assert (classifier.kind, classifier.cacheable, classifier.input_shape) == ("onnx", True, (1, 8, 8))
    assert classifier.offers == {"labels", "logits", "probabilities"}
    np.testing.assert_allclose(classifier.logits(images), images.reshape(30, -1) @ weight, atol=1e-4)
    before = classifier.fingerprint
    _onnx_file(path, weight + 1)
    assert load_classifier(str(path)).fingerprint != before


def test_what_is_no_onnx_file_is_told(tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is an extra")
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(ClassifierError, match="not an ONNX model"):
        load_classifier(tmp_path / "bad.onnx")
