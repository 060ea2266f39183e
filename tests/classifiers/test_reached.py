"""Fingerprints cover the values that code leans on: each variant below answers otherwise with another configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from pytest_robustness.classifiers import load_classifier, user_code
from pytest_robustness.classifiers.model_fingerprint import torch_fingerprint

MODELS = """
import enum, functools, json, logging, re
from pathlib import Path
from types import SimpleNamespace
import numpy as np, torch
from sklearn.base import BaseEstimator, ClassifierMixin

SIGN = json.loads(Path(__file__).with_name("config.json").read_text())["sign"]
LOG, LETTERS, HERE = logging.getLogger("models"), re.compile("[a-z]"), Path(__file__).parent

class Options:
    def __init__(self):
        self.by = SimpleNamespace(sign=SIGN)

class Turn(enum.Enum):
    BACK = SIGN

OPTIONS = Options()
counted, NOTES, MEMORY = 0, [], {}

def turned(images):
    return images.flatten(1) * SIGN

class Plain(torch.nn.Module):
    def forward(self, images):
        return images.flatten(1)

class Named(Plain):
    def forward(self, images):
        LOG.debug(HERE), LETTERS.match("a"), {"a", "b"}
        return images.flatten(1) * SIGN

class Deeper(Plain):
    def forward(self, images):
        return turned(images)

class Held(Plain):
    def forward(self, images):
        return images.flatten(1) * OPTIONS.by.sign

class Member(Plain):
    def forward(self, images):
        return images.flatten(1) * Turn.BACK.value

class Whole(Plain):
    factor = SIGN
    def forward(self, images):
        return images.flatten(1) * self.factor

def enclosed(sign=SIGN):
    class Enclosed(Plain):
        @property
        def by(self):
            return sign
        def forward(self, images):
            return images.flatten(1) * self.by
    return Enclosed()

def replaced():
    model, sign = Plain(), SIGN
    model.forward = lambda images: Plain.forward(model, images) * sign
    return model

def partly():
    model = Plain()
    model.forward = functools.partial(lambda images, sign: images.flatten(1) * sign, sign=SIGN)
    return model

def one_of_two():
    model = Plain()
    model.forward = (lambda x: x.flatten(1), lambda x: -x.flatten(1))[SIGN < 0]
    return model

class Estimator(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_, self.n_features_in_ = np.arange(2), 4
        return self
    def predict(self, X):
        return (np.asarray(X)[:, 0] * SIGN > 0.5).astype(int)

def estimator():
    return Estimator().fit(None, None)

class Counting(Plain):
    def forward(self, images):
        global counted
        counted += 1
        return images.flatten(1)

class Noting(Plain):
    def forward(self, images):
        NOTES.append(1)
        return images.flatten(1)

class Remembering(Plain):
    def forward(self, images):
        MEMORY[len(NOTES)] = 1
        return images.flatten(1)
"""
VARIANTS = ["Named", "Deeper", "Held", "Member", "Whole", "enclosed", "replaced", "partly", "one_of_two", "estimator"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = [tmp_path_factory.mktemp("folder") for _ in range(2)]
    for folder in made:
        (folder / "models.py").write_text(MODELS, encoding="utf-8")
        configure(folder, 1)
    return made


def configure(folder, sign):
    (folder / "config.json").write_text(json.dumps({"sign": sign}), encoding="utf-8")


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_code_leans_on_is_part_of_the_fingerprint(folders, variant):
    first, elsewhere, again = (load_classifier(f"{folder}/models.py:{variant}") for folder in (*folders, folders[0]))
    configure(folders[0], -1)
    other = load_classifier(f"{folders[0]}/models.py:{variant}")
    configure(folders[0], 1)
    assert first.cacheable
    assert first.fingerprint == again.fingerprint != other.fingerprint
    # The pickle of an estimator has the name of its module, which says in which folder it is.
    assert variant == "estimator" or first.fingerprint == elsewhere.fingerprint


def test_every_process_finds_the_same(folders):
    sources = [f"{folders[0]}/models.py:{variant}" for variant in VARIANTS]
    code = f"from pytest_robustness import load_classifier as of; print(*(of(x).fingerprint for x in {sources!r}))"
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    other = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert other.stdout.split() == [load_classifier(source).fingerprint for source in sources]


@pytest.mark.parametrize("variant", ["Counting", "Noting", "Remembering"])
def test_what_changes_while_a_model_answers_makes_no_key(folders, variant):
    classifier = load_classifier(f"{folders[0]}/models.py:{variant}")
    assert not classifier.cacheable
    before = torch_fingerprint(classifier.backend.module)
    classifier.bound(np.zeros((2, 1, 2, 2), dtype=np.float32))
    assert torch_fingerprint(classifier.backend.module) == before


def test_files_of_installed_packages_count(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "helping_package"
    (package / "tests").mkdir(parents=True)
    (package / "__init__.py").touch()
    (tmp_path / "leaning_model.py").write_text("def load():\n    from helping_package import deep\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(package.parent)
    import leaning_model

    def digest_with(name, text):
        (package / name).write_text(text, encoding="utf-8")
        user_code._package_digest.cache_clear()
        return dict(user_code.user_files([leaning_model.load]))["helping_package"]

    first = digest_with("deep.py", "factor = 1")
    assert digest_with("tests/test_deep.py", "assert True") == first != digest_with("deep.py", "factor = 2")


def test_parts_of_a_package_that_others_imported_do_not_count(tmp_path, monkeypatch):
    package = tmp_path / "parted_package"
    package.mkdir()
    for name in ("__init__", "model", "training"):
        (package / f"{name}.py").write_text("def load(): ...\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import parted_package.model

    before = user_code.user_files([parted_package.model.load])
    import parted_package.training

    assert user_code.user_files([parted_package.model.load]) == before
