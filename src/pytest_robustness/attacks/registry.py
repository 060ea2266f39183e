"""Attacks by name."""

from __future__ import annotations

import dataclasses
from typing import Any

from pytest_robustness.attacks.base import Attack
from pytest_robustness.attacks.bim import BIM
from pytest_robustness.attacks.fgsm import FGSM
from pytest_robustness.attacks.pgd import PGD
from pytest_robustness.errors import ParameterError, unknown_name

ATTACKS: dict[str, type[Attack]] = {"fgsm": FGSM, "bim": BIM, "pgd": PGD}


def make_attack(attack: str | Attack, **options: Any) -> Attack:
    """Return an attack from its name and options, or the attack itself where it is one already.

    Raises
    ------
    ParameterError
        For an unknown attack or option, naming the allowed ones; for a value out of range; where `eps` is missing.
    """
    if isinstance(attack, Attack):
        if options:
            raise ParameterError("an attack object brings its own options", got=sorted(options))
        return attack
    if attack not in tuple(ATTACKS):
        later = "AutoAttack, the default, is not in this version: name another." if attack == "autoattack" else ""
        raise unknown_name("attack", attack, ATTACKS, mend=later)
    known = sorted((f.name for f in dataclasses.fields(ATTACKS[attack])), key=lambda name: name == "target")
    for name in options:
        if name not in known:
            raise unknown_name(f"option of the attack {attack!r}", name, known)
    if "eps" in known and "eps" not in options:
        raise ParameterError(f"the attack {attack!r} needs a radius", mend="Give eps, for instance eps=0.1.")
    return ATTACKS[attack](**options)
