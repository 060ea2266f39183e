from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.attacks import PGD
from pytest_robustness.datasets import as_dataset
from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations import (
    Accuracy,
    AdversarialAccuracy,
    Block,
    Calibration,
    CorruptionAccuracy,
    Outcome,
    OutOfDistribution,
    Sensitivity,
)
from pytest_robustness.evaluations.base import BLOCK_SIZE, blocks_of, gather

MAKERS = [
    Accuracy,
    lambda: AdversarialAccuracy("pgd", eps=0.1),
    lambda: CorruptionAccuracy(suite="mnist-c-generated", corruptions=["shear", "scale"]),
    OutOfDistribution,
    lambda: OutOfDistribution(outliers=np.zeros((3, 1, 2, 2), np.float32)),
    Calibration,
    lambda: Sensitivity(gamma=[0.5, 2.0]),
]


@pytest.mark.parametrize("maker", MAKERS)
def test_evaluations_are_values(maker):
    assert maker() == maker()
    assert hash(maker()) == hash(maker())
    assert len({maker(), maker()}) == 1


@pytest.mark.parametrize("maker", MAKERS)
def test_parameters_are_builtin(maker):
    parameters = maker().parameters()
    assert json.loads(json.dumps(parameters)) == parameters


def test_different_parameters_make_different_evaluations():
    kinds = [maker() for maker in MAKERS]
    assert len(set(kinds)) == len(kinds)
    assert AdversarialAccuracy("pgd", eps=0.1) != AdversarialAccuracy("pgd", eps=0.2)


def test_parameters_leave_out_quiet_defaults():
    assert Accuracy().parameters() == {}
    assert AdversarialAccuracy("pgd", eps=0.1).parameters() == {
        "attack": "pgd", "norm": "linf", "eps": 0.1, "steps": 40,
    }  # fmt: skip
    changed = AdversarialAccuracy(PGD(eps=0.1, step_size=0.02, restarts=3)).parameters()
    assert (changed["step_size"], changed["restarts"]) == (0.02, 3)
    assert "random_start" not in changed
    assert Calibration().parameters() == {}
    assert Calibration(bins=10).parameters() == {"bins": 10}
    assert CorruptionAccuracy().parameters() == {"suite": "mnist-c"}
    assert Sensitivity().parameters()["gamma"] == [0.5, 2.0]


def test_a_data_set_is_named_with_its_content():
    first, second = (as_dataset((np.full((2, 1, 2, 2), v, np.float32), np.array([0, 1])), name="x") for v in (0.0, 1.0))
    names = [OutOfDistribution(outliers=data).parameters()["outliers"] for data in (first, second)]
    assert names[0] != names[1]
    assert names[0] == f"x:{first.fingerprint[:12]}"


def test_unknown_parameters_are_refused_by_name():
    with pytest.raises(ParameterError, match=r"parameter of the family 'calibration'.*allowed: bins"):
        Calibration.build(bin=3)


@given(st.integers(1, 5000))
def test_blocks_cover_every_sample_once(n):
    blocks = blocks_of(n, "part", ((1.0,),))
    assert [i for block in blocks for i in range(block.start, block.stop)] == list(range(n))
    assert all(block.stop - block.start == BLOCK_SIZE for block in blocks[:-1])
    assert {(block.part, block.points) for block in blocks} == {("part", ((1.0,),))}


def test_gather_joins_in_the_order_of_the_samples():
    outcomes = {
        Block(500, 502): Outcome({"x": np.array([2, 3])}),
        Block(0, 1, "other"): Outcome({"x": np.array([9])}),
        Block(0, 500): Outcome({"x": np.array([0, 1])}),
    }
    assert gather(outcomes, "x").tolist() == [0, 1, 2, 3]
    assert gather(outcomes, "x", part="other").tolist() == [9]
