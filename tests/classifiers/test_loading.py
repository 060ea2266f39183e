"""Model sources: every kind, and every way in which one can be wrong."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from pytest_robustness.classifiers import Classifier, load_classifier
from pytest_robustness.errors import ClassifierError, ParameterError, RobustnessError

_MODULE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, classes=5):
        super().__init__()
        self.linear = nn.Linear(64, classes)
        nn.init.zeros_(self.linear.bias)
        with torch.no_grad():
            self.linear.weight.copy_(torch.arange(64.0 * classes).reshape(classes, 64).sin())

    def forward(self, x):
        return self.linear(x.flatten(1))

def load():
    return Net()

def load_seven():
    return Net(7)

def scores(images):
    return images.reshape(len(images), -1)[:, :3]

def needs_two(classes, width):
    return Net(classes)

def fails():
    raise ValueError("no weights here")

def returns_nothing():
    pass

def load_late():
    import late_helper
    return late_helper.build(Net)

ready = Net()
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A working directory with a package and a file; what was imported from it is forgotten afterwards."""
    package = tmp_path / "vehicle_models"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "lenet.py").write_text(_MODULE)
    (package / "broken.py").write_text("import no_such_dependency")
    (package / "script.py").write_text("import sys\nsys.exit('usage: ...')")
    (package / "mistyped.py").write_text("def f(:")
    (tmp_path / "my_net.py").write_text(_MODULE)
    (tmp_path / "late_helper.py").write_text("def build(net):\n    return net()\n")
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in {"vehicle_models", "late_helper"}:
            del sys.modules[name]


@pytest.mark.parametrize(
    ("source", "name", "classes"),
    [
        ("vehicle_models.lenet:load", "lenet", 5),
        ("vehicle_models.lenet:load_seven", "load_seven", 7),
        ("vehicle_models.lenet:Net", "Net", 5),
        ("vehicle_models.lenet:ready", "ready", 5),
        ("vehicle_models.lenet:scores", "scores", 3),
        ("my_net.py:load", "my_net", 5),
        ("./my_net.py:Net", "Net", 5),
        ("my_net.py:load_late", "load_late", 5),
        ("vehicle_models.lenet:load_late", "load_late", 5),
    ],
)
def test_strings_name_models_and_what_builds_them(project, images, source, name, classes):
    path = list(sys.path)
    classifier = load_classifier(source)
    assert (classifier.name, classifier.source) == (name, source)
    assert classifier.bound(images).num_classes == classes
    assert sys.path == path


def test_absolute_paths_and_path_objects(project, images):
    by_text = load_classifier(f"{project / 'my_net.py'}:load")
    by_path = load_classifier(Path(project) / "my_net.py:load")
    assert np.array_equal(by_text.predict(images), by_path.predict(images))


def test_a_file_is_read_anew_each_time(project, images):
    before = load_classifier("my_net.py:load").logits(images)
    (project / "my_net.py").write_text(_MODULE.replace(".sin()", ".cos()"))
    assert not np.allclose(load_classifier("my_net.py:load").logits(images), before)


def test_objects_and_factories(images, make_net):
    class Small(nn.Module):
        def __init__(self, width=3):
            super().__init__()
            self.layer = nn.Linear(64, width)

        def forward(self, x):
            return self.layer(x.flatten(1))

    for source, classes in [(Small, 3), (Small(), 3), (lambda: Small(4), 4), (functools.partial(Small, 6), 6)]:
        classifier = load_classifier(source)
        assert classifier.kind == "torch"
        assert classifier.bound(images).num_classes == classes
    estimator = LogisticRegression().fit(np.random.default_rng(0).random((20, 64)), np.arange(20) % 2)
    assert load_classifier(lambda: estimator).kind == "scikit-learn"
    assert load_classifier(make_net, name="mine").name == "mine"
    assert load_classifier(Small).source.endswith("Small")


def test_a_classifier_is_returned_as_it_is(make_net):
    classifier = load_classifier(make_net())
    assert load_classifier(classifier) is classifier
    assert load_classifier(lambda: classifier) is classifier
    assert isinstance(classifier, Classifier)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("vehicle_models.lenett:load", r"no such module: got 'vehicle_models\.lenett'"),
        ("no_such_package_at_all:load", r"no such module"),
        ("vehicle_models.lenet:laod", r"lenet has no laod: .*Nearest names: load"),
        ("my_net.py:Nett", r"my_net\.py has no Nett: .*Nearest names: Net"),
        ("vehicle_models.broken:load", r"importing vehicle_models\.broken failed: .*no_such_dependency"),
        ("vehicle_models.mistyped:load", r"importing vehicle_models\.mistyped failed: .*SyntaxError"),
        ("vehicle_models.script:load", r"importing vehicle_models\.script failed: got 'SystemExit: usage"),
        ("vehicle_models/broken.py:load", r"importing vehicle_models/broken\.py failed"),
        ("gone.py:load", r"no such model file: got 'gone\.py'"),
        ("gone.pt2", r"no such model file: got 'gone\.pt2'"),
        ("gone.safetensors@my_net.py:load", r"no such model file: got 'gone\.safetensors'"),
        ("gone.pt@my_net.py:load", r"no such model file"),
        ("gone.pkl", r"no such model file"),
        ("my_net.py:fails", r"the factory my_net\.py:fails failed: got 'ValueError: no weights here'"),
        ("my_net.py:returns_nothing", r"returned nothing"),
        ("my_net.py:needs_two", r"my_net\.py:needs_two needs arguments: got 'required: classes, width'"),
        ("my_net", r"not a model source: got 'my_net'; allowed: package\.module:name, .*\.skops"),
        ("my_net.py", r"not a model source"),
        ("my_net.py:", r"not a model source"),
        (":load", r"not a model source"),
        ("", r"not a model source"),
        ("model.h5", r"not a model source"),
        ("model.onnx@my_net.py:load", r"a factory goes with a file of weights only"),
        ("model.pt@my_net", r"not a factory"),
        ("my_net.py:__file__", r"not a model"),
    ],
)
def test_what_is_wrong_is_said(project, source, message):
    path = list(sys.path)
    with pytest.raises(ClassifierError, match=message):
        load_classifier(source)
    assert sys.path == path


def test_the_cause_is_kept(project):
    with pytest.raises(ClassifierError) as caught:
        load_classifier("my_net.py:fails")
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_class_with_arguments_is_no_factory():
    with pytest.raises(ClassifierError, match="needs arguments: got 'required: in_features, out_features'"):
        load_classifier(nn.Linear)


@pytest.mark.parametrize(
    "options",
    [
        {"outputs": "logit"},
        {"input_shape": (28, 28)},
        {"input_shape": (1, 28, 0)},
        {"num_classes": 1},
        {"num_classes": 2.5},
        {"bounds": (1, 0)},
        {"std": 0},
        {"mean": (0.1, 0.2), "input_shape": (3, 8, 8)},
        {"device": "moon"},
    ],
)
def test_impossible_options_are_refused(make_net, options):
    with pytest.raises(ParameterError):
        load_classifier(make_net(), **options)


def test_the_number_of_classes_of_an_estimator_is_its_own():
    estimator = LogisticRegression().fit(np.random.default_rng(0).random((20, 64)), np.arange(20) % 2)
    with pytest.raises(ClassifierError, match="another number of classes: got 3; allowed: 2"):
        load_classifier(estimator, num_classes=3)


def test_global_random_numbers_are_not_touched(make_net, images):
    net = make_net()
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    classifier = load_classifier(net).bound(images)
    classifier.predict(images)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_errors_are_all_of_one_tree():
    assert issubclass(ClassifierError, RobustnessError)
