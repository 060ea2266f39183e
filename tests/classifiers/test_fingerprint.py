"""Fingerprints change with what shapes the outputs, and with nothing else."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn
from torch.nn import functional

from pytest_robustness.classifiers import load_classifier


class _Net(nn.Module):
    def __init__(self, act=torch.relu, slope=0.1, extra=None):
        super().__init__()
        self.layer = nn.Linear(64, 3)
        self.act, self.slope, self.extra = act, slope, extra
        self.register_buffer("hidden", torch.ones(3), persistent=False)
        with torch.no_grad():
            self.layer.weight.fill_(0.5)
            self.layer.bias.zero_()

    def forward(self, x):
        return self.act(self.layer(x.flatten(1))) * self.slope


def _of(model, **options):
    return load_classifier(model, **options).fingerprint


def test_is_64_digits_and_stays():
    first = _of(_Net())
    assert len(first) == 64
    assert int(first, 16) >= 0
    assert _of(_Net()) == first == _of(copy.deepcopy(_Net()))
    assert load_classifier(_Net()).cacheable


def test_the_mode_and_the_gradients_do_not_matter():
    net = _Net().eval()
    net.requires_grad_(False)
    assert _of(net) == _of(_Net().train())


def _change_weight(net):
    with torch.no_grad():
        net.layer.weight[0, 0] += 1e-6


def _change_buffer(net):
    net.hidden[0] = 2


def _change_shape(net):
    net.layer.weight = nn.Parameter(torch.full((3, 64), 0.5).reshape(6, 32))


def _change_type(net):
    net.double()


def _change_class(net):
    net.layer.__class__ = nn.modules.linear.NonDynamicallyQuantizableLinear


@pytest.mark.parametrize(
    "change",
    [
        _change_weight,
        _change_buffer,
        _change_shape,
        _change_type,
        _change_class,
        lambda net: setattr(net, "slope", 0.2),
        lambda net: setattr(net, "slope", (0.1,)),
        lambda net: setattr(net, "act", torch.tanh),
        lambda net: setattr(net, "act", functional.relu),
        lambda net: setattr(net, "extra", {"a": [1, np.zeros(2)]}),
        lambda net: setattr(net, "extra", torch.float32),
        lambda net: setattr(net, "extra", torch.zeros(2)),
        lambda net: setattr(net, "new", nn.ReLU()),
    ],
)
def test_changes_with_the_module(change):
    net = _Net()
    before = _of(net)
    change(net)
    assert _of(net) != before


@pytest.mark.parametrize(
    "options", [{"bounds": (0, 255)}, {"mean": 0.5}, {"std": 0.5}, {"outputs": "probabilities"}, {"outputs": "labels"}]
)
def test_changes_with_the_settings(options):
    assert _of(_Net(), **options) != _of(_Net())


def test_names_and_devices_do_not_matter():
    assert _of(_Net(), name="other", device="cpu") == _of(_Net())


def test_what_cannot_be_known_is_not_cached():
    hooked = _Net()
    hooked.register_forward_hook(lambda module, args, result: result * 2)
    for net in (_Net(extra=object()), _Net(extra=[threading.Lock()]), hooked):
        assert not load_classifier(net).cacheable


_FILE = """
from torch import nn
class Net(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :5] * 1.0
"""


def test_changes_with_the_code_but_not_with_the_folder(tmp_path):
    found = []
    for folder, text in [("a", _FILE), ("b", _FILE), ("c", _FILE.replace("1.0", "2.0"))]:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "net.py").write_text(text)
        found.append(_of(f"{tmp_path / folder}/net.py:Net"))
    assert found[0] == found[1] != found[2]


def test_is_the_same_in_another_process(tmp_path):
    (tmp_path / "net.py").write_text(_FILE)
    source = f"{tmp_path}/net.py:Net"
    code = f"from pytest_robustness import load_classifier; print(load_classifier({source!r}).fingerprint)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == _of(source)


@pytest.fixture
def data():
    return np.random.default_rng(0).random((40, 16)), np.arange(40) % 3


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_of_estimators_goes_by_what_they_learned(data):
    def make(seed=0):
        return make_pipeline(StandardScaler(), MLPClassifier((5,), max_iter=3, random_state=seed)).fit(*data)

    estimator = make()
    before = _of(estimator)
    assert before == _of(make()) == _of(copy.deepcopy(estimator)) == _of(pickle.loads(pickle.dumps(estimator)))
    assert _of(make(1)) != before
    assert _of(estimator, bounds=(0, 255)) != before
    estimator[-1].coefs_[0][0, 0] += 1e-9
    assert _of(estimator) != before
    assert load_classifier(estimator).cacheable


class _Step(BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X


def test_of_estimators_with_lambdas_is_not_cached(data):
    known = make_pipeline(_Step(), LogisticRegression()).fit(*data)
    assert load_classifier(known).cacheable
    unknown = make_pipeline(FunctionTransformer(lambda X: X), LogisticRegression()).fit(*data)
    assert not load_classifier(unknown).cacheable


def test_of_callables_is_never_a_key():
    first = load_classifier(lambda x: x.reshape(len(x), -1)[:, :2])
    assert len(first.fingerprint) == 64
    assert not first.cacheable


HELPED = """
import torch
from helper import scaled

def shift(images, by={default}):
    return images + by

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.shift = shift

    def forward(self, images):
        return scaled(self.shift(images)).flatten(1)
"""

FINGERPRINT = "from pytest_robustness import load_classifier; print(load_classifier('{}').fingerprint)"


def test_covers_the_files_that_a_model_leans_on(tmp_path):
    """Each run is a process of its own: what was imported once stays what it was."""

    def fingerprint(factor, default, patch="lambda self, x: x"):
        (tmp_path / "helper.py").write_text("import deeper\n\ndef scaled(x):\n    return x * deeper.factor", "utf-8")
        (tmp_path / "deeper.py").write_text(f"factor = {factor}", "utf-8")
        (tmp_path / "net.py").write_text(HELPED.format(default=default), "utf-8")
        patched = f"import net\n\ndef load():\n    net.Net.extra = {patch}\n    return net.Net()"
        (tmp_path / "factory.py").write_text(patched, "utf-8")
        command = [sys.executable, "-B", "-c", FINGERPRINT.format("factory:load")]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    first = fingerprint(2, 0.5)
    assert fingerprint(2, 0.5) == first
    assert len({first, fingerprint(3, 0.5), fingerprint(2, 0.25), fingerprint(2, 0.5, "lambda self, x: -x")}) == 4


def test_the_same_code_with_other_defaults_is_another_model():
    def forward_with(factor):
        def forward(images, by=factor):
            return images.flatten(1) * by

        model = nn.Identity()
        model.forward = forward
        return model

    assert _of(forward_with(1.0)) == _of(forward_with(1.0))
    assert _of(forward_with(1.0)) != _of(forward_with(2.0))


def test_what_lies_between_the_fields_of_a_record_does_not_matter():
    # As in the nodes of scikit-learn's trees, whose last field is a byte that seven more follow.
    record = np.dtype({"names": ["left", "flag"], "formats": ["<i8", "u1"], "offsets": [0, 8], "itemsize": 16})
    zeros, ones = (np.frombuffer(bytearray([fill] * 32), record) for fill in (0, 1))
    ones["left"], ones["flag"] = zeros["left"], zeros["flag"]
    assert np.any(zeros.view(np.uint8) != ones.view(np.uint8))

    def of(nodes):
        estimator = LogisticRegression().fit(np.eye(4), [0, 1, 0, 1])
        estimator.nodes_ = nodes
        return _of(estimator)

    assert of(zeros) == of(ones)
    ones["flag"][1] = 1
    assert of(zeros) != of(ones)


def test_two_copies_of_a_forest_are_the_same_model():
    x = np.random.default_rng(0).random((80, 64))
    forest = RandomForestClassifier(5, random_state=0).fit(x, np.arange(80) % 3)
    prints = {_of(pickle.loads(pickle.dumps(forest))) for _ in range(3)}
    assert prints == {_of(forest)}
    assert _of(RandomForestClassifier(5, random_state=1).fit(x, np.arange(80) % 3)) not in prints
