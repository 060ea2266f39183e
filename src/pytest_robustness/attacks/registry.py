"""Attacks by name."""

from __future__ import annotations

import dataclasses
from typing import Any

from pytest_robustness.attacks.apgd import APGD, APGDCE, APGDDLR, APGDT
from pytest_robustness.attacks.base import Attack
from pytest_robustness.attacks.bim import BIM
from pytest_robustness.attacks.carlini_wagner import CarliniWagner
from pytest_robustness.attacks.deepfool import DeepFool
from pytest_robustness.attacks.ensembles import AutoAttack, FastAutoAttack, RandomAutoAttack, Strongest
from pytest_robustness.attacks.fab import FAB, FABT
from pytest_robustness.attacks.fgsm import FGSM
from pytest_robustness.attacks.fmn import FMN
from pytest_robustness.attacks.foreign import as_attack
from pytest_robustness.attacks.hopskipjump import HopSkipJump
from pytest_robustness.attacks.pgd import PGD
from pytest_robustness.attacks.sparse_rs import SparseRS
from pytest_robustness.attacks.spatial import Spatial
from pytest_robustness.attacks.square import GuidedSquare, Square
from pytest_robustness.attacks.transfer import Transfer
from pytest_robustness.errors import ParameterError, unknown_name

ATTACKS: dict[str, type[Attack]] = {
    "autoattack": AutoAttack,
    "autoattack-fast": FastAutoAttack,
    "autoattack-rand": RandomAutoAttack,
    "strongest": Strongest,
    "fgsm": FGSM,
    "bim": BIM,
    "pgd": PGD,
    "apgd": APGD,
    "apgd-ce": APGDCE,
    "apgd-dlr": APGDDLR,
    "apgd-t": APGDT,
    "fab": FAB,
    "fab-t": FABT,
    "deepfool": DeepFool,
    "fmn": FMN,
    "cw": CarliniWagner,
    "square": Square,
    "square-guided": GuidedSquare,
    "sparse-rs": SparseRS,
    "hopskipjump": HopSkipJump,
    "spatial": Spatial,
}


def make_attack(attack: object, **options: Any) -> Attack:
    """Return an attack from its name and options, or from an attack object.

    Parameters
    ----------
    attack : str or object
        A name of `ATTACKS`; an attack of this package, which brings its own options; or an attack of foolbox,
        torchattacks or the Adversarial Robustness Toolbox, which takes ``eps`` and ``norm``.
    **options
        Parameters of the named attack. With ``surrogate``, a classifier or its source, the attack is made on that one
        and tried on the model, see `Transfer`.

    Raises
    ------
    ParameterError
        For an unknown attack or option, naming the allowed ones; for a value out of range; where `eps` is missing.
    """
    if isinstance(attack, str):
        surrogate = options.pop("surrogate", None)
        made = _named(attack, options)
        return made if surrogate is None else Transfer(attack=made, surrogate=surrogate)
    if isinstance(attack, Attack):
        if options:
            raise ParameterError("an attack object brings its own options", got=sorted(options))
        return attack
    for name in options:
        if name not in {"eps", "norm"}:
            raise unknown_name("option of an attack of another library", name, ["eps", "norm"])
    return as_attack(attack, **options)


def is_option(name: str) -> bool:
    """Return whether any attack has an option of this name."""
    return any(name in [f.name for f in dataclasses.fields(attack)] for attack in ATTACKS.values())


def _named(attack: str, options: dict[str, Any]) -> Attack:
    if attack not in ATTACKS:
        raise unknown_name("attack", attack, ATTACKS)
    known = sorted((f.name for f in dataclasses.fields(ATTACKS[attack])), key=lambda name: name == "target")
    for name in options:
        if name not in known:
            raise unknown_name(f"option of the attack {attack!r}", name, [*known, "surrogate"])
    if "eps" in known and "eps" not in options:
        raise ParameterError(f"the attack {attack!r} needs a radius", mend="Give eps, for instance eps=0.1.")
    return ATTACKS[attack](**options)
