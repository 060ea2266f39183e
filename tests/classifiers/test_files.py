"""Files of weights and of whole models; nothing that can run code is read unless its bytes were allowed."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import warnings
import zipfile

import joblib
import numpy as np
import pytest
import safetensors.torch
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import ClassifierError, UnsafeSourceError

_NET = """
from torch import nn
def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
def build_tied():
    first = nn.Linear(64, 64)
    second = nn.Linear(64, 64)
    second.weight = first.weight
    return nn.Sequential(nn.Flatten(), first, second)
def estimator():
    from sklearn.linear_model import LogisticRegression
    return LogisticRegression()
"""


class _Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(_NET)
    return tmp_path


@pytest.fixture
def net():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5)).eval()


def _save(weights, path):
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(weights, path)
    else:
        torch.save(weights, path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
class TestWeights:
    def test_go_into_the_module_of_the_factory(self, folder, net, images, suffix):
        _save(net.state_dict(), folder / f"linear{suffix}")
        classifier = load_classifier(f"linear{suffix}@net.py:build")
        assert classifier.name == "linear"
        assert np.array_equal(classifier.logits(images), load_classifier(net).logits(images))
        assert classifier.cacheable

    def test_have_to_be_those_of_the_module(self, folder, net, suffix):
        weights = {"1.weight": torch.zeros(4, 64), "2.scale": torch.zeros(3)}
        _save(weights, folder / f"w{suffix}")
        with pytest.raises(
            ClassifierError, match=r"Missing: 1\.bias; unexpected: 2\.scale; of another shape: 1\.weight"
        ):
            load_classifier(f"w{suffix}@net.py:build")

    def test_need_a_factory(self, folder, net, suffix):
        _save(net.state_dict(), folder / f"w{suffix}")
        with pytest.raises(ClassifierError, match="needs the factory"):
            load_classifier(f"w{suffix}")

    def test_need_a_torch_module(self, folder, net, suffix):
        _save(net.state_dict(), folder / f"w{suffix}")
        with pytest.raises(ClassifierError, match="LogisticRegression"):
            load_classifier(f"w{suffix}@net.py:estimator")

    def test_have_to_be_readable(self, folder, suffix):
        (folder / f"w{suffix}").write_bytes(b"this is not a file of weights")
        with pytest.raises(ClassifierError, match=f"w{suffix}"):
            load_classifier(f"w{suffix}@net.py:build")


def test_tied_weights_are_stored_once(folder):
    weights = {"1.weight": torch.ones(64, 64), "1.bias": torch.zeros(64), "2.bias": torch.zeros(64)}
    safetensors.torch.save_file(weights, folder / "tied.safetensors")
    classifier = load_classifier("tied.safetensors@net.py:build_tied")
    assert torch.equal(classifier.backend.module[2].weight, torch.ones(64, 64))


def test_a_checkpoint_is_no_state_dict(folder, net):
    torch.save({"epoch": 3, "model": net.state_dict()}, folder / "checkpoint.pt")
    with pytest.raises(ClassifierError, match=r"no state dict: .*'epoch', 'model'"):
        load_classifier("checkpoint.pt@net.py:build")


@pytest.mark.parametrize(
    "source", ["evil.pkl", "evil.pickle", "evil.joblib", "evil.pt", "evil.pth", "evil.pt@net.py:build"]
)
def test_pickles_are_refused_and_not_run(folder, source):
    name = source.partition("@")[0]
    evil = _Evil(folder / "harm")
    if ".pt" in name:
        torch.save(evil, folder / name)
    else:
        (folder / name).write_bytes(pickle.dumps(evil))
    with pytest.raises(UnsafeSourceError):
        load_classifier(source)
    with pytest.raises(UnsafeSourceError):
        load_classifier(source, allow_pickle=["0" * 64])
    assert not (folder / "harm").exists()


def test_the_payload_of_these_tests_would_do_harm(folder):
    pickle.loads(pickle.dumps(_Evil(folder / "harm")))
    assert (folder / "harm").exists()


@pytest.mark.parametrize("suffix", [".pkl", ".joblib"])
def test_an_estimator_may_be_unpickled_by_its_digest(folder, images, suffix):
    estimator = LogisticRegression().fit(np.random.default_rng(0).random((20, 64)), np.arange(20) % 2)
    path = folder / f"model{suffix}"
    joblib.dump(estimator, path) if suffix == ".joblib" else path.write_bytes(pickle.dumps(estimator))
    with pytest.raises(UnsafeSourceError, match="skops") as caught:
        load_classifier(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest in str(caught.value)
    for allowed in (digest, digest.upper(), f"sha256:{digest}"):
        assert np.array_equal(
            load_classifier(path, allow_pickle=[allowed]).predict(images), load_classifier(estimator).predict(images)
        )
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(UnsafeSourceError):
        load_classifier(path, allow_pickle=[digest])


def test_a_whole_module_may_be_unpickled_by_its_digest(folder, net, images):
    torch.save(net, folder / "whole.pt")
    with pytest.raises(UnsafeSourceError, match=r"torch\.save\(model\.state_dict"):
        load_classifier("whole.pt")
    digest = hashlib.sha256((folder / "whole.pt").read_bytes()).hexdigest()
    classifier = load_classifier("whole.pt", allow_pickle=[digest])
    assert np.array_equal(classifier.logits(images), load_classifier(net).logits(images))


def test_an_allowed_file_that_is_no_pickle_is_told(folder):
    (folder / "bad.pkl").write_bytes(b"nothing")
    with pytest.raises(ClassifierError, match="cannot be unpickled"):
        load_classifier("bad.pkl", allow_pickle=[hashlib.sha256(b"nothing").hexdigest()])


@pytest.fixture
def exported(folder, net):
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        # torch's own, about itself.
        warnings.simplefilter("ignore")
        program = torch.export.export(net, (torch.zeros(4, 1, 8, 8),), dynamic_shapes=({0: batch},))
        torch.export.save(program, folder / "net.pt2")
    return folder / "net.pt2"


def test_an_exported_program_has_logits_and_gradients(exported, net, images):
    classifier = load_classifier("net.pt2").bound(images)
    assert (classifier.kind, classifier.cacheable, classifier.warnings) == ("torch", True, ())
    np.testing.assert_allclose(classifier.logits(images), load_classifier(net).logits(images), atol=1e-6)
    points = torch.from_numpy(images).requires_grad_()
    with classifier.differentiable() as forward:
        (gradient,) = torch.autograd.grad(forward(points)[:, 2].sum(), points)
    torch.testing.assert_close(gradient.flatten(1)[0], net[1].weight[2].detach())


def test_an_exported_program_cannot_run_code(exported, folder, monkeypatch):
    # torch.export.load unpickles the sample inputs of an archive where they cannot be read as data.
    payload = io.BytesIO()
    torch.save((_Evil(folder / "harm"),), payload)
    with zipfile.ZipFile(exported) as good, zipfile.ZipFile(folder / "evil.pt2", "w") as evil:
        inputs = [name for name in good.namelist() if name.endswith("sample_inputs/model.pt")]
        assert len(inputs) == 1
        for name in good.namelist():
            evil.writestr(name, payload.getvalue() if name in inputs else good.read(name))
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    with pytest.raises(UnsafeSourceError, match="can run code"):
        load_classifier("evil.pt2")
    assert not (folder / "harm").exists()
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def test_what_is_no_exported_program_is_told(folder):
    (folder / "bad.pt2").write_bytes(b"nothing")
    with pytest.raises(ClassifierError, match=r"torch\.export"):
        load_classifier("bad.pt2")


def test_skops_files_hold_trusted_types_only(folder, images):
    skops = pytest.importorskip("skops.io", reason="skops is an extra")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    plain = LogisticRegression().fit(np.random.default_rng(0).random((20, 64)), np.arange(20) % 2)
    skops.dump(plain, folder / "plain.skops")
    assert np.array_equal(load_classifier("plain.skops").predict(images), load_classifier(plain).predict(images))
    foreign = make_pipeline(FunctionTransformer(os.path.basename), plain)
    skops.dump(foreign, folder / "foreign.skops")
    with pytest.raises(UnsafeSourceError, match=r"\[tool\.robustness\]: trusted = \[\"posixpath\.basename\"\]"):
        load_classifier("foreign.skops")
    assert load_classifier("foreign.skops", trusted=["posixpath.basename"]).num_classes == 2
    (folder / "bad.skops").write_bytes(b"nothing")
    with pytest.raises(ClassifierError, match=r"not a \.skops file"):
        load_classifier("bad.skops")
