from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.engine import Evaluator
from pytest_robustness.engine.processes import FuturesExecutor, ProcessExecutor
from pytest_robustness.errors import ClassifierError, EvaluationError
from pytest_robustness.evaluations import Accuracy, Block, Subject

MODEL = """
import torch
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(25, 4))
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.linspace(-1, 1, p.numel()).reshape(p.shape).cos())

def load():
    return Net()
"""


class Here(nn.Sequential):
    """A class of a test file: other processes cannot import it."""


@dataclass(frozen=True)
class Whereabouts(Accuracy):
    """Which process ran each block, and with how many threads; or an end of it."""

    end: bool = False

    def run_block(self, subject, block):
        if self.end:
            os._exit(3)
        return {
            **super().run_block(subject, block),
            "process": np.array([os.getpid()]),
            "threads": np.array([torch.get_num_threads()]),
        }


def measured(net, dataset, evaluation, executor):
    return Evaluator(net, dataset, executor=executor).measure(evaluation)


@pytest.mark.parametrize(
    "make",
    [lambda: "processes:2", lambda: "processes:3", lambda: ThreadPoolExecutor(2)],
    ids=["two", "three", "threads"],
)
def test_everything_is_the_same_wherever_blocks_run(net, dataset, evaluation, make):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    here, there = (measured(net, dataset, evaluation, executor) for executor in ("serial", make()))
    torch.set_num_threads(threads)
    for a, b in zip((here, *here.others), (there, *there.others), strict=True):
        assert (a.metric, a.value, a.low, a.high, a.parts) == (b.metric, b.value, b.low, b.high, b.parts)
        assert (a.forwards, a.backwards) == (b.forwards, b.backwards)
        assert a.warnings == b.warnings


def test_blocks_run_in_as_many_other_processes(net, dataset):
    subject = Subject(load_classifier(net).bound(dataset.images[:8]), dataset, 0, 500)
    blocks = [Block(start, start + 10) for start in range(0, 400, 10)]
    found = dict(ProcessExecutor(2).run(Whereabouts(), subject, blocks))
    assert set(found) == set(blocks)
    processes = {int(outcome.arrays["process"][0]) for outcome in found.values()}
    assert 1 <= len(processes) <= 2
    assert os.getpid() not in processes


def test_a_model_of_a_test_file(dataset):
    torch.manual_seed(0)
    net = Here(nn.Flatten(), nn.Linear(25, 4))
    assert measured(net, dataset, Accuracy(), "processes:2").value == measured(net, dataset, Accuracy(), "serial").value


def test_a_function_that_closes_over_its_weights(dataset):
    weights = np.random.default_rng(0).normal(size=(25, 4))

    def model(images):
        return images.reshape(len(images), -1) @ weights

    values = [measured(model, dataset, Accuracy(), executor).value for executor in ("serial", "processes:2")]
    assert values[0] == values[1]


def test_a_model_that_a_source_names(dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(MODEL)
    values = [measured("nets.py:load", dataset, Accuracy(), executor).value for executor in ("serial", "processes:2")]
    assert values[0] == values[1]


def test_a_source_that_changed_during_the_run(dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(MODEL)
    evaluator = Evaluator("nets.py:load", dataset, executor="processes:2")
    Path("nets.py").write_text(MODEL.replace(".cos()", ".sin()"))
    with pytest.raises(ClassifierError, match="not the model that it was when this run began"):
        evaluator.measure(Accuracy())


def test_a_model_that_cannot_be_sent(dataset):
    lock = threading.Lock()

    def model(images):
        with lock:
            return images.reshape(len(images), -1)[:, :4]

    with pytest.raises(EvaluationError, match=r"cannot be sent to other processes.*Use the executor 'serial'"):
        measured(model, dataset, Accuracy(), "processes:2")


def test_errors_come_back_as_they_are(dataset):
    def model(images):
        if len(images) > 8:
            return np.full((len(images), 4), np.nan)
        return images.reshape(len(images), -1)[:, :4]

    with pytest.raises(ClassifierError, match=r"not finite|NaN"):
        measured(model, dataset, Accuracy(), "processes:2")


def test_a_process_that_is_lost_is_an_error_and_the_next_run_works(net, dataset):
    with pytest.raises(EvaluationError, match=r"a process that ran blocks was lost.*fewer processes"):
        measured(net, dataset, Whereabouts(end=True), "processes:2")
    assert measured(net, dataset, Accuracy(), "processes:2").n == len(dataset)


class Fickle(nn.Module):
    """Can be sent, but not read."""

    def forward(self, images):
        return images.flatten(1)[:, :4]

    def __setstate__(self, state):
        raise AttributeError("version mismatch")


def test_a_model_that_cannot_be_read_in_a_worker(dataset):
    with pytest.raises(EvaluationError, match=r"cannot be read in another process: got 'AttributeError: version mis"):
        measured(Fickle(), dataset, Accuracy(), "processes:2")


def test_a_pool_that_is_shut_down(net, dataset):
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(EvaluationError, match=r"the executor takes no work: got 'RuntimeError.*not shut down"):
        measured(net, dataset, Accuracy(), pool)


def test_threads_count_their_own_passes(net, dataset):
    with ThreadPoolExecutor(3) as pool:
        found = measured(net, dataset, Accuracy(), pool)
        assert found.forwards == len(dataset)
        subject = Subject(load_classifier(net).bound(dataset.images[:8]), dataset, 0, 500)
        assert list(FuturesExecutor(pool).run(Accuracy(), subject, [])) == []


def test_an_evaluation_of_the_user(net, dataset):
    assert (
        measured(net, dataset, Whereabouts(), "processes:2").value == measured(net, dataset, Accuracy(), "serial").value
    )
