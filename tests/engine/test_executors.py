from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.engine import SerialExecutor
from pytest_robustness.engine.blocks import timed_block
from pytest_robustness.engine.executors import EXECUTORS, make_executor
from pytest_robustness.engine.processes import ProcessExecutor
from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations import Accuracy, AdversarialAccuracy, Block, Subject


@pytest.fixture
def subject(net, dataset):
    return Subject(load_classifier(net), dataset, 0, 500)


def test_blocks_run_in_their_order(subject):
    blocks = [Block(10, 30), Block(0, 10), Block(30, 60)]
    found = list(SerialExecutor().run(Accuracy(), subject, blocks))
    assert [block for block, _ in found] == blocks
    assert [len(outcome.arrays["predictions"]) for _, outcome in found] == [20, 10, 30]
    assert [outcome.forwards for _, outcome in found] == [20, 10, 30]


def test_a_block_knows_its_own_cost(subject):
    attack = AdversarialAccuracy("fgsm", eps=0.01)
    stage = attack._stages(subject)[1].part
    first, second = (timed_block(attack, subject, Block(0, 50, stage)) for _ in range(2))
    assert (first.forwards, first.backwards) == (second.forwards, second.backwards)
    assert first.backwards > 0
    assert first.seconds > 0
    assert not first.cached


def test_names():
    found = {name: type(make_executor(name)) for name in EXECUTORS}
    assert found == {"serial": SerialExecutor, "processes": ProcessExecutor}
    assert make_executor("processes:3").workers == 3
    mine = SerialExecutor()
    assert make_executor(mine) is mine
    with ThreadPoolExecutor(1) as pool:
        assert make_executor(pool).pool is pool


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        ("parallel", "unknown executor.*allowed: serial, processes"),
        ("serial:2", "unknown executor"),
        ("processes:0", "number of processes is out of range: got 0"),
        ("processes:", "must be whole.*'processes:4'"),
        ("processes:two", "must be whole"),
        (3, "executor runs no blocks: got 3"),
    ],
)
def test_wrong_executors(executor, message):
    with pytest.raises(ParameterError, match=message):
        make_executor(executor)
