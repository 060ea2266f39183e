from __future__ import annotations

import pytest

from pytest_robustness.attacks import PGD
from pytest_robustness.errors import ConfigurationError
from pytest_robustness.evaluations import (
    FAMILIES,
    Accuracy,
    AdversarialAccuracy,
    Calibration,
    CorruptionAccuracy,
    OutOfDistribution,
    Requirement,
    Sensitivity,
    Threshold,
    make_requirement,
)


def test_parameters_thresholds_and_settings_are_told_apart():
    found = make_requirement(
        "adversarial", {"attack": "pgd", "eps": 0.1, "steps": 7, "min_accuracy": 0.85, "n": 100, "seed": 3}
    )
    assert found.evaluation == AdversarialAccuracy("pgd", eps=0.1, steps=7)
    assert found.thresholds == (Threshold("accuracy", ">=", 0.85),)
    assert found.overrides == {"n": 100, "seed": 3}


@pytest.mark.parametrize(
    ("family", "keys", "evaluation", "bounds"),
    [
        ("accuracy", {"min_accuracy": 0.98}, Accuracy(), {"accuracy": ">="}),
        ("adversarial", {"attack": PGD(eps=0.1), "min_accuracy": 0.5}, AdversarialAccuracy("pgd", eps=0.1),
         {"accuracy": ">="}),
        ("corruption", {"suite": "mnist-c", "min_accuracy": 0.9, "min_each": 0.6}, CorruptionAccuracy(),
         {"accuracy": ">=", "worst": ">="}),
        ("ood", {"outliers": "kmnist", "score": "msp", "min_auroc": 0.95, "max_fpr95": 0.3},
         OutOfDistribution("kmnist"), {"auroc": ">=", "fpr95": "<="}),
        ("calibration", {"max_ece": 0.02, "max_rms": 0.05, "max_brier": 0.03}, Calibration(),
         {"ece": "<=", "rms": "<=", "brier": "<="}),
        ("sensitivity", {"gamma": (0.5, 2.0), "brightness": (-0.2, 0.2), "min_worst": 0.8, "min_mean": 0.95,
                         "level": 0.9, "min_area": 0.9}, Sensitivity(), {"worst": ">=", "mean": ">=", "area": ">="}),
    ],
)  # fmt: skip
def test_the_markers_of_the_contract(family, keys, evaluation, bounds):
    found = make_requirement(family, keys)
    assert found.evaluation == evaluation
    assert {threshold.metric: threshold.op for threshold in found.thresholds} == bounds


@pytest.mark.parametrize(
    ("family", "keys", "parts"),
    [
        ("acuracy", {}, ["unknown family", "accuracy, adversarial, corruption, ood", "Did you mean 'accuracy'"]),
        ("accuracy", {"min_acuracy": 0.9}, ["threshold of the family 'accuracy'", "Did you mean 'min_accuracy'"]),
        ("accuracy", {"max_ece": 0.9}, ["threshold of the family 'accuracy'", "allowed: min_accuracy"]),
        ("accuracy", {"epsilon": 0.9}, ["parameter of the family 'accuracy'", "Thresholds of accuracy: min_accuracy"]),
        ("accuracy", {"min_accuracy": "high"}, ["finite number", "'high'"]),
        ("accuracy", {"min_accuracy": 98}, ["98 % is 0.98"]),
        ("adversarial", {"attack": "pgd", "eps": 0.1, "step": 4}, ["option of the attack 'pgd'", "'steps'"]),
        ("adversarial", {"attack": "pgd"}, ["needs a radius"]),
        ("adversarial", {"attack": "pgd", "eps": 8}, ["eps=8/255"]),
        ("corruption", {"suite": "mnist"}, ["corruption suite", "mnist-c, mnist-c-generated"]),
        ("corruption", {"corruptions": ["shere"]}, ["Did you mean 'shear'", "canny_edges"]),
        ("corruption", {"corruptions": 5}, ["sequence of names"]),
        ("ood", {"outliers": "fashion-mnst"}, ["set of outliers", "Did you mean 'fashion-mnist'"]),
        ("ood", {"score": "mps"}, ["anomaly score", "msp"]),
        ("calibration", {"bins": 0}, ["bins is out of range"]),
        ("sensitivity", {"gamma": 2}, ["gamma must be a range"]),
        ("sensitivity", {"brightnes": (0, 1)}, ["Did you mean 'brightness'"]),
    ],
)
def test_mistakes_name_what_is_allowed(family, keys, parts):
    with pytest.raises(ConfigurationError) as caught:
        make_requirement(family, keys)
    for part in parts:
        assert part in str(caught.value)


def test_every_metric_is_paired_with_its_bound_or_with_none(make):
    threshold = Threshold("worst", ">=", 0.6)
    requirement = Requirement(evaluation=Accuracy(), thresholds=(threshold,))
    main, worst = make(), make(metric="worst")
    pairs = requirement.judged(make(others=(worst,)))
    assert [bound for _, bound in pairs] == [None, threshold]
    assert pairs[1][0] is worst
    assert [bound for _, bound in Requirement(evaluation=Accuracy()).judged(main)] == [None]


def test_families_are_listed_under_their_own_names():
    assert {name: family.evaluation.family for name, family in FAMILIES.items()} == {name: name for name in FAMILIES}
