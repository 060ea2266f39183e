from __future__ import annotations

import pytest

from pytest_robustness.attacks import ATTACKS, FGSM, PGD, make_attack
from pytest_robustness.errors import ParameterError


def test_an_attack_from_its_name():
    assert make_attack("pgd", eps=0.1, steps=7, norm="l2") == PGD(eps=0.1, steps=7, norm="l2")
    assert make_attack("fgsm", eps=0.1) == FGSM(eps=0.1)


def test_names_are_those_of_the_classes():
    assert {name: kind.name for name, kind in ATTACKS.items()} == {name: name for name in ATTACKS}


def test_an_attack_passes_through():
    attack = PGD(eps=0.1)
    assert make_attack(attack) is attack


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ("pdg", {"eps": 0.1}, r"unknown attack: got 'pdg'; allowed: autoattack, .*fgsm, bim, pgd.*Did you mean 'pgd'"),
        (["pgd"], {"eps": 0.1}, "not an attack"),
        (PGD, {"eps": 0.1}, "Give an instance, not a class"),
        (
            "pgd",
            {"eps": 0.1, "step": 5},
            r"option of the attack 'pgd'.*allowed: norm, eps, steps.*Did you mean 'steps'",
        ),
        ("fgsm", {"eps": 0.1, "steps": 5}, r"option of the attack 'fgsm'.*allowed: norm, eps"),
        ("pgd", {}, "needs a radius"),
        (PGD(eps=0.1), {"eps": 0.2}, "brings its own options"),
    ],
)
def test_mistakes_name_what_is_allowed(arguments, options, message):
    with pytest.raises(ParameterError, match=message):
        make_attack(arguments, **options)
