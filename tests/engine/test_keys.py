from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import pytest_robustness
from pytest_robustness.attacks import PGD
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset
from pytest_robustness.engine import Evaluator, keys
from pytest_robustness.evaluations import Accuracy, AdversarialAccuracy, Block, Calibration, Subject


@pytest.fixture
def subject(net, dataset):
    return Subject(load_classifier(net), dataset, 0, 500)


def key(evaluation, subject, block=Block(0, 500)):  # noqa: B008
    return keys.block_key(
        keys.evaluation_key(evaluation, subject, keys.model_state(subject.classifier)), subject, block
    )


def test_equal_things_have_equal_keys(make_net, dataset):
    twins = [Subject(load_classifier(make_net()), dataset, 0, 500) for _ in range(2)]
    assert key(Accuracy(), twins[0]) == key(Accuracy(), twins[1])


def test_everything_that_matters_changes_the_key(subject, make_net, dataset):
    evaluation = AdversarialAccuracy("pgd", eps=0.1)
    other_pixel = dataset.images.copy()
    other_pixel[3, 0, 2, 2] ^= 1
    other_labels = dataset.labels.copy()
    other_labels[3] = (other_labels[3] + 1) % 4
    nudged = make_net()
    with torch.no_grad():
        nudged[3].bias[0] += 1e-6
    found = {
        "as it is": key(evaluation, subject),
        "weight": key(evaluation, dataclasses.replace(subject, classifier=load_classifier(nudged))),
        "preprocessing": key(
            evaluation, dataclasses.replace(subject, classifier=load_classifier(make_net(), mean=0.1))
        ),
        "pixel": key(evaluation, dataclasses.replace(subject, dataset=as_dataset((other_pixel, dataset.labels)))),
        "label": key(evaluation, dataclasses.replace(subject, dataset=as_dataset((dataset.images, other_labels)))),
        "seed": key(evaluation, dataclasses.replace(subject, seed=1)),
        "batch size": key(evaluation, dataclasses.replace(subject, batch_size=64)),
        "parameter": key(AdversarialAccuracy("pgd", eps=0.2), subject),
        "quiet parameter": key(AdversarialAccuracy("pgd", eps=0.1, restarts=2), subject),
        "attack": key(AdversarialAccuracy("fgsm", eps=0.1), subject),
        "family": key(Accuracy(), subject),
        "another family": key(Calibration(), subject),
        "samples": key(evaluation, subject, Block(500, 1000)),
        "part": key(evaluation, subject, Block(0, 500, "shear")),
        "points": key(evaluation, subject, Block(0, 500, "", ((1.0, 0.5),))),
    }
    assert len(set(found.values())) == len(found)


def test_the_name_of_the_data_does_not_matter(subject, dataset):
    renamed = dataclasses.replace(subject, dataset=dataclasses.replace(dataset, name="other"))
    assert key(Accuracy(), renamed) == key(Accuracy(), subject)


@pytest.fixture
def copied_package(tmp_path, monkeypatch):
    """A copy of the package, whose code the version is taken of."""
    package = tmp_path / "package"
    shutil.copytree(Path(pytest_robustness.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(keys, "__file__", str(package / "engine" / "keys.py"))

    def version():
        keys.code_version.cache_clear()
        return keys.code_version()

    yield package, version
    keys.code_version.cache_clear()


@pytest.mark.parametrize(
    "path",
    ["attacks/pgd.py", "certificates/noise.py", "metrics/ood.py", "transforms/noise.py", "evaluations/accuracy.py",
     "saliency/base.py", "datasets/dataset.py", "classifiers/base.py", "engine/blocks.py"],
)  # fmt: skip
def test_code_that_computes_changes_the_key(copied_package, subject, path):
    package, version = copied_package
    version()
    before = key(Accuracy(), subject)
    with (package / path).open("a") as file:
        file.write("# changed\n")
    version()
    assert key(Accuracy(), subject) != before


def test_code_that_shows_does_not(copied_package):
    package, version = copied_package
    before = version()
    with (package / "scorecard" / "html.py").open("a") as file:
        file.write("# changed\n")
    assert version() == before


def test_the_version_of_a_library_changes_the_key(copied_package, monkeypatch):
    _, version = copied_package
    before = version()
    real = keys.version
    monkeypatch.setattr(keys, "version", lambda name: "0.0" if name == "torch" else real(name))
    assert version() != before


def test_the_version_of_the_package_changes_the_key(copied_package, monkeypatch):
    _, version = copied_package
    before = version()
    monkeypatch.setattr(keys, "__version__", "99.0")
    assert version() != before


def test_a_new_file_of_code_changes_the_key(copied_package):
    package, version = copied_package
    before = version()
    (package / "new_room").mkdir()
    (package / "new_room" / "code.py").write_text("")
    assert version() != before


class Mine(PGD):
    """An attack of the user."""


def test_an_attack_from_elsewhere_is_another_one(subject):
    theirs, ours = AdversarialAccuracy(Mine(eps=0.1)), AdversarialAccuracy(PGD(eps=0.1))
    assert theirs.parameters() == ours.parameters()
    assert key(theirs, subject) != key(ours, subject)
    assert keys.is_ours(ours)
    assert not keys.is_ours(theirs)


def test_each_change_is_a_miss(net, make_net, dataset, tmp_path):
    attack = AdversarialAccuracy("fgsm", eps=0.05)

    def cached(model=net, data=dataset, evaluation=attack, **options):
        return Evaluator(model, data, cache=tmp_path, **options).measure(evaluation).cached

    assert not cached()
    assert cached()
    assert cached(model=make_net())
    assert not cached(model=make_net(seed=1))
    assert not cached(data=(255 - dataset.images, dataset.labels))
    assert not cached(evaluation=AdversarialAccuracy("fgsm", eps=0.06))
    assert not cached(seed=1)
    assert not cached(batch_size=64)
    assert cached()


def test_the_state_of_a_model(net):
    classifier = load_classifier(net)
    before = keys.model_state(classifier)
    net.train()
    assert keys.model_state(classifier) == before
    net[1] = nn.LeakyReLU()
    assert keys.model_state(classifier) != before
    assert keys.model_state(load_classifier(lambda images: np.zeros((len(images), 2)))) == ""


PROJECT = {
    "factory.py": """
import torch
from layers import Net, WIDTH

def load():
    torch.manual_seed(0)
    return Net(WIDTH)
""",
    "layers.py": """
import torch

WIDTH = 4

class Net(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = torch.nn.Linear(25, width)

    def forward(self, images):
        from steps import prepared
        return self.linear(prepared(images))
""",
    "steps.py": """
def prepared(images):
    return images.flatten(1)
""",
}

SESSIONS = """
# Every line asks for a session of its own: a fork, in which nothing of the user has been imported yet.
import os, sys
from pytest_robustness import Evaluator
from pytest_robustness.engine import keys
from pytest_robustness.evaluations import Accuracy, AdversarialAccuracy

for line in sys.stdin:
    version, eps, seed = line.split()
    if os.fork() == 0:
        if version != "-":
            keys.__version__ = version
        evaluator = Evaluator("factory.py:load", "data.npz", cache="store", seed=int(seed))
        evaluation = AdversarialAccuracy("fgsm", eps=float(eps)) if float(eps) else Accuracy()
        print(evaluator.measure(evaluation).cached, flush=True)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.wait()[1]):
        sys.exit("a session failed")
"""


@pytest.fixture
def measured(tmp_path):
    """Return a function that measures in a session of its own and tells whether all was known before."""
    for name, text in PROJECT.items():
        (tmp_path / name).write_text(text)
    random = np.random.default_rng(0)
    arrays = {"images": random.integers(0, 256, (300, 5, 5), dtype=np.uint8), "labels": random.integers(0, 4, 300)}
    np.savez(tmp_path / "data.npz", **arrays)
    command = [sys.executable, "-B", "-W", "ignore", "-c", SESSIONS]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as sessions:

        def run(*, version="-", eps=0.1, seed=0):
            sessions.stdin.write(f"{version} {eps} {seed}\n")
            sessions.stdin.flush()
            return {"True": True, "False": False}[sessions.stdout.readline().strip()]

        yield run, tmp_path, arrays
        sessions.stdin.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_session_never_takes_what_another_model_or_data_left(measured):
    run, folder, arrays = measured
    assert not run()
    assert run()

    def missed_after_edit(name, old, new):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))
        found = run()
        (folder / name).write_text(text)
        return not found

    assert missed_after_edit("factory.py", "manual_seed(0)", "manual_seed(1)"), "weights"
    assert missed_after_edit("factory.py", "return Net", "torch.set_flush_denormal(True)\n    return Net"), "factory"
    assert missed_after_edit("layers.py", "self.linear(prepared", "-self.linear(prepared"), "class of the model"
    assert missed_after_edit("steps.py", "flatten(1)", "flatten(1).flip(1)"), "what the model imports as it runs"
    assert not run(eps=0.2), "parameter"
    assert not run(eps=0), "evaluation"
    assert not run(seed=1), "seed"
    assert not run(version="99.0"), "version of the package"
    arrays["images"][7, 2, 2] ^= 1
    np.savez(folder / "data.npz", **arrays)
    assert not run(), "one bit of the data"
    arrays["images"][7, 2, 2] ^= 1
    np.savez(folder / "data.npz", **arrays)
    assert run(), "all as it was"
