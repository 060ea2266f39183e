from __future__ import annotations

import numpy as np
import pytest

from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations import Part


def test_it_compares_like_its_value(make):
    m = make(value=0.9)
    assert m >= 0.9
    assert m <= 0.9
    assert m > 0.89
    assert m < 0.91
    assert not m > 0.9
    assert not m < 0.9
    assert 0.9 <= m <= 0.95
    assert m == 0.9
    assert m != 0.91
    assert float(m) == 0.9
    assert m >= np.float32(0.5)
    assert m >= np.float64(0.5)
    assert not m >= np.int64(1)
    assert m > make(value=0.8)
    assert m == make(value=0.9, n=7)
    assert hash(m) == hash(0.9)


@pytest.mark.parametrize("compare", ["__ge__", "__gt__", "__le__", "__lt__"])
def test_nan_compares_false(make, compare):
    assert not getattr(make(value=float("nan")), compare)(0.5)
    assert not getattr(make(), compare)(float("nan"))


def test_other_things_are_not_comparable(make):
    with pytest.raises(TypeError):
        assert make() >= "0.9"
    assert make() != "0.9"


def test_text(make):
    m = make(value=0.9)
    assert str(m) == "0.9000 [0.8800, 0.9200] (n = 1000)"
    assert f"{m:.1%}" == "90.0%"
    assert f"{m}" == str(m)
    named = make(family="adversarial", parameters={"attack": "pgd", "eps": 0.1, "skip": None, "range": [0.5, 2.0]})
    assert named.name == "adversarial(attack=pgd, eps=0.1, range=[0.5,2]).accuracy"


def test_other_metrics_by_name(make):
    m = make(metric="auroc", others=(make(metric="fpr95", value=0.1),))
    assert m["fpr95"].value == 0.1
    assert m["auroc"] is m
    with pytest.raises(ParameterError, match=r"allowed: auroc, fpr95. Did you mean 'fpr95'"):
        m["fpr"]


@pytest.mark.parametrize(
    ("family", "metric", "need"),
    [
        ("ood", "near_auroc", 'outliers="all"'),
        ("ood", "far_auroc", 'outliers="all"'),
        ("ood", "worst_auroc", "several sets of outliers"),
        ("corruption", "mce", "reference="),
        ("corruption", "relative_mce", "reference="),
        ("calibration", "worst_ece", "under="),
    ],
)
def test_a_metric_that_must_be_asked_for_says_what_it_needs(make, family, metric, need):
    lacking = make(family=family, metric="main")
    with pytest.raises(ParameterError, match=rf"has no {metric}: got \['main'\]\. It needs .*{need}\."):
        lacking[metric]
    assert make(family=family, others=(make(metric=metric, value=0.1),))[metric].value == 0.1
    with pytest.raises(ParameterError, match="unknown metric of the family 'accuracy'"):
        make()[metric]


def test_the_worst_part_follows_the_direction(make):
    parts = tuple(Part(name, value, 0, 1, 5) for name, value in (("a", 0.5), ("b", 0.2), ("c", 0.9)))
    assert make(parts=parts).worst_part.name == "b"
    assert make(parts=parts, higher_is_better=False).worst_part.name == "c"
    assert make().worst_part is None


def test_a_hook_answers_every_comparison_and_sees_the_bound_as_a_float(make):
    seen = []

    def hook(measurement, op, bound):
        seen.append((measurement.metric, op, bound))
        return op == "<="

    m = make(others=(make(metric="worst"),)).with_hook(hook)
    assert m <= 0.1
    assert not m >= 0.1
    assert not m >= 0.2  # Python turns it round
    assert not m["worst"] > np.float32(0.5)
    assert seen == [("accuracy", "<=", 0.1), ("accuracy", ">=", 0.1), ("accuracy", ">=", 0.2), ("worst", ">", 0.5)]
    assert {type(bound) for *_, bound in seen} == {float}


def test_a_measurement_alone_is_neither_true_nor_false(make):
    with pytest.raises(ParameterError, match=r"neither true nor false.*Compare it"):
        bool(make())
