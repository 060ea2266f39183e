"""The user's own function: what it is called, how it is told from others, found by a text, and what it must be."""

from __future__ import annotations

import functools
import os
import pickle
import random
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from pytest_robustness.datasets import as_dataset
from pytest_robustness.engine import Evaluator
from pytest_robustness.errors import ConfigurationError, ParameterError
from pytest_robustness.evaluations import OVERRIDES, Sensitivity, make_requirement, surface_of
from pytest_robustness.evaluations.sensitivity.evaluation import OPTIONS, TAKEN
from pytest_robustness.evaluations.sensitivity.own import own_code, own_function, own_name


def darker(images, by=0.0):
    return np.clip(images - by, 0, 1)


def made(strength, table=None):
    def wash(images, by=0.0):
        return np.clip(images - by * strength + (0 if table is None else table[0]), 0, 1)

    return wash


@dataclass
class Wash:
    """A transform with a setting."""

    strength: float
    among: tuple = ("a", "b")

    def __call__(self, images, by=0.0):
        return np.clip(images - by * self.strength, 0, 1)

    def method(self, images, by=0.0):
        return self(images, by)


def recursive():
    def again(images, by=0.0):
        return images if by <= 0 else again(images, by - 1)

    return again


def defaulted(value):
    def wash(images, by=0.0, kind=value):
        return images

    return wash


DIFFERENT = {
    "darker": lambda: darker,
    "closure": lambda: made(1.0),
    "other value": lambda: made(2.0),
    "array": lambda: made(1.0, np.zeros(3)),
    "other array": lambda: made(1.0, np.arange(3.0)),
    "tensor": lambda: made(1.0, torch.ones(2)),
    "objects": lambda: made(1.0, np.array([None, "x"], dtype=object)),
    "default": lambda: defaulted(1),
    "other default": lambda: defaulted(2),
    "set": lambda: defaulted(frozenset({"red", "green", "blue", "black"})),
    "partial": lambda: functools.partial(darker, by=0.5),
    "other partial": lambda: functools.partial(darker, by=0.6),
    "object": lambda: Wash(1.0),
    "other object": lambda: Wash(2.0),
    "method": lambda: Wash(1.0).method,
    "other method": lambda: Wash(2.0).method,
    "held object": lambda: made(Wash(1.0)),
    "lambda": lambda: lambda images, by=0.0: images,
    "other lambda": lambda: lambda images, by=0.0: images * 1,
    "lambda with a set": lambda: lambda images, by=0.0: images if by in {"x", "y", "z"} else -images,
    "recursive": recursive,
    "path": lambda: made(Path("x")),
    "pattern": lambda: made(re.compile("x")),
    "cached": lambda: functools.lru_cache(darker),
}


def codes():
    return {name: own_code(make()) for name, make in DIFFERENT.items()}


def test_functions_are_told_apart_and_known_again():
    once = codes()
    assert len(set(once.values())) == len(DIFFERENT)
    assert codes() == once
    assert all(re.fullmatch("[0-9a-f]{12}", code) for code in once.values())


def test_they_are_the_same_in_another_process():
    command = (
        "import importlib.util, sys; spec = importlib.util.spec_from_file_location(sys.argv[2], sys.argv[1]);"
        "module = importlib.util.module_from_spec(spec); sys.modules[sys.argv[2]] = module;"
        "spec.loader.exec_module(module); print(module.codes())"
    )
    done = subprocess.run(
        [sys.executable, "-c", command, __file__, __name__],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONHASHSEED": "1"},
    )
    assert done.stdout.strip() == repr(codes()), done.stderr


def test_names_are_readable():
    assert own_name(darker) == f"{__name__}.darker"
    assert own_name(made(1.0)) == f"{__name__}.made.wash"
    assert own_name(Wash(1.0)) == own_name(functools.partial(Wash(1.0), by=1)) == f"{__name__}.Wash"
    assert own_name(Wash(1.0).method) == f"{__name__}.Wash.method"


def test_rows_of_two_functions_of_one_name_are_two(run):
    rows = [run(Sensitivity(transform=made(strength), by=(0, 1), points=5))[0] for strength in (1.0, 0.5)]
    assert len({row.name for row in rows}) == 2
    assert {row.parameters["transform"] for row in rows} == {f"{__name__}.made.wash"}


FILE = """
import numpy as np

number = 3

def wash(images, strength=0.0, *, tint=1.0):
    return np.clip(images * tint - strength, 0, 1)

def broken(images, strength):
    return images / 0
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "shifts.py").write_text(FILE)
    (tmp_path / "mypackage").mkdir()
    (tmp_path / "mypackage" / "washing.py").write_text(FILE)
    (tmp_path / "failing.py").write_text("import no_such_library\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("mypackage")]:
        del sys.modules[name]


@pytest.mark.parametrize("text", ["shifts.py:wash", "mypackage.washing:wash", "mypackage/washing.py:wash"])
def test_a_function_is_found_by_a_text(run, project, text):
    evaluation = Sensitivity(transform=text, strength=(0, 0.3), points=5)
    assert own_function(text) is own_function(text)
    assert evaluation == Sensitivity(transform=text, strength=(0, 0.3), points=5)
    found = run(evaluation)
    by_brightness = run(Sensitivity(brightness=(-0.3, 0), gamma=None, points=5))
    assert sorted(found[0].details["accuracy"]) == sorted(by_brightness[0].details["accuracy"])
    assert [m.metric for m in found][-1] == "robust_box"
    again = pickle.loads(pickle.dumps(evaluation))
    assert again == evaluation
    assert again.parameters() == evaluation.parameters()
    assert again.transforms()[0].apply(np.ones((1, 1, 2, 2)), strength=0.5).max() == 0.5
    names = {"shifts.py:wash": "shifts.wash", "mypackage.washing:wash": "mypackage.washing.wash"}
    assert evaluation.parameters()["transform"] == names.get(text, "washing.wash")


def test_another_content_is_another_function(project):
    first = Sensitivity(transform="shifts.py:wash", strength=(0, 1))
    (project / "shifts.py").write_text(FILE.replace("- strength", "+ strength"))
    second = Sensitivity(transform="shifts.py:wash", strength=(0, 1))
    assert first.parameters()["transform_code"] != second.parameters()["transform_code"]
    assert second.transforms()[0].apply(np.zeros((1, 1, 2, 2)), strength=0.5).max() == 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shifts.py", "the text that names one: got 'shifts.py'; allowed: package.module:name, path/to/file.py:name"),
        (":wash", "the text that names one"),
        ("shifts.py:", "the text that names one"),
        ("shift.py:wash", "no such file of a transform: got 'shift.py'. Paths are relative to the working directory"),
        ("shifts.py:wahs", "shifts.py has no wahs.*Nearest names: wash"),
        ("shifts.py:number", "the transform shifts.py:number is no function: got 3"),
        ("no_such_package.shifts:wash", "no such module: got 'no_such_package.shifts'"),
        ("mypackage.washing:wahs", "mypackage.washing has no wahs.*Nearest names: wash"),
        ("failing.py:wash", "importing .*failing.py failed: got \"ModuleNotFoundError: No module named 'no_such_lib"),
    ],
)
def test_texts_that_name_no_function(project, text, message):
    with pytest.raises(ParameterError, match=message):
        Sensitivity(transform=text, strength=(0, 1))


@pytest.mark.parametrize("name", [name for name in TAKEN if name not in {"transform", "transform_code"}])
def test_parameters_called_like_an_option_are_refused(name):
    scope = {}
    exec(f"def wash(images, {name}=0.0): return images", scope)
    with pytest.raises(ParameterError, match=f"of the transform wash is called like an option: got '{name}'"):
        Sensitivity(transform=scope["wash"], **{name: (0, 1)})


@pytest.mark.parametrize("name", ["seed", "ids"])
def test_what_a_transform_is_given_is_no_parameter(name):
    scope = {}
    exec(f"def wash(images, {name}=0.0): return images", scope)
    with pytest.raises(ParameterError, match=f"{name} is no parameter of a transform"):
        Sensitivity(transform=scope["wash"], **{name: (0, 1)})


def test_the_names_taken_are_those_of_options_and_settings():
    assert set(TAKEN) - {"transform_code"} == ({*OPTIONS, *OVERRIDES} - {"seed"})


def half(images, by=0.5):
    return np.clip(images - by, 0, 1)


def test_defaults_that_change_the_images_are_not_taken_for_the_identity(run):
    found = {m.metric: m for m in run(Sensitivity(transform=half, by=(0, 1), points=9))}
    assert list(found) == ["mean", "worst", "area", "max_drop"]
    assert surface_of(found["mean"]).identity is None
    # Neither the clean accuracy nor the drop need it.
    assert found["mean"].details["clean"] == 0.9
    assert found["max_drop"].value == pytest.approx(0.3)


def test_a_bound_on_the_robust_box_is_then_refused(classifier, dataset):
    evaluator = Evaluator(classifier, dataset)
    requirement = make_requirement("sensitivity", {"transform": half, "by": (0, 1), "points": 9, "min_robust_box": 0.1})
    measurement = evaluator.measure(requirement.evaluation)
    message = r"has no robust_box.*It needs a known point that changes nothing. The defaults of by change the images"
    with pytest.raises(ParameterError, match=message):
        requirement.judged(measurement)
    with pytest.raises(ParameterError, match=message):
        measurement["robust_box"]
    unknown = {"transform": lambda images, by: images, "by": (0, 1), "min_robust_box": 0.1}
    with pytest.raises(ConfigurationError, match=r"min_robust_box needs a box that holds.*around not known"):
        make_requirement("sensitivity", unknown)


def test_one_image_that_is_changed_is_enough(run, dataset):
    # What changes the dark images only, changes images.
    def lifted(images, by=0.0):
        return np.clip(np.maximum(images, 0.1) - by, 0, 1)

    assert "robust_box" not in [m.metric for m in run(Sensitivity(transform=lifted, by=(0, 1), points=5))]
    bright = dataset.take(np.arange(2, 10))
    assert "robust_box" in [m.metric for m in run(Sensitivity(transform=lifted, by=(0, 1), points=5), data=bright)]


def test_a_default_outside_the_box_is_not_tried(run):
    def careful(images, by=0.0):
        if by == 0:
            raise ZeroDivisionError
        return images * min(1.0, by)

    mean, *_ = run(Sensitivity(transform=careful, by=(0.5, 1), points=5))
    assert mean.details["identity"] is None


def noisy(images, by=0.0):
    return np.clip(images + by * np.random.normal(size=images.shape), 0, 1)  # noqa: NPY002


def noisy_in_python(images, by=0.0):
    return np.clip(images + by * random.random(), 0, 1)


def stretched(images, by=0.0):
    return (1 - by) * images + by * (images - images.min()) / max(np.ptp(images), 0.1)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (noisy, "noisy makes something else of the same images.*global random state.*seed and ids"),
        (noisy_in_python, "noisy_in_python makes something else"),
        (stretched, "stretched makes of an image depends on the others in the batch"),
    ],
)
def test_functions_that_are_not_pure_are_not_blamed_on_the_model(classifier, dataset, function, message):
    state = np.random.get_state(), random.getstate()  # noqa: NPY002
    evaluator = Evaluator(classifier, dataset)
    passes = classifier.passes.forwards
    with pytest.raises(ParameterError, match=message):
        evaluator.measure(Sensitivity(transform=function, by=(0, 1), points=9))
    assert evaluator.classifier.passes.forwards <= passes + 3 * len(dataset)  # nothing but the probe of the model
    np.random.set_state(state[0])  # noqa: NPY002
    random.setstate(state[1])


def test_the_check_costs_a_few_images_and_is_made_once(classifier):
    shown = []

    def counted(images, by=0.0):
        shown.append(len(images))
        return np.clip(images - by, 0, 1)

    rng = np.random.default_rng(0)
    data = as_dataset((rng.uniform(size=(600, 1, 3, 3)).astype(np.float32), rng.integers(0, 2, 600)))
    Evaluator(classifier, data).measure(Sensitivity(transform=counted, by=(0, 1), points=9))
    # Two points of 4 x 8 images; then each of 600 at 9 points, and once at the default.
    assert sum(shown) == 2 * 4 * 8 + 600 * 10
