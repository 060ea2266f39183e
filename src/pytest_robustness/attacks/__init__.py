"""Attacks: frozen dataclasses with one public method, ``run``."""

from pytest_robustness.attacks.apgd import APGD, APGDCE, APGDDLR, APGDT
from pytest_robustness.attacks.averaged import Averaged
from pytest_robustness.attacks.base import Attack, NormAttack
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
from pytest_robustness.attacks.registry import ATTACKS, make_attack
from pytest_robustness.attacks.sanity import zero_gradients
from pytest_robustness.attacks.sparse_rs import SparseRS
from pytest_robustness.attacks.spatial import Spatial
from pytest_robustness.attacks.square import GuidedSquare, Square
from pytest_robustness.attacks.straight_through import straight_through
from pytest_robustness.attacks.through import StraightThrough
from pytest_robustness.attacks.transfer import Transfer

__all__ = [
    "APGD",
    "APGDCE",
    "APGDDLR",
    "APGDT",
    "ATTACKS",
    "BIM",
    "FAB",
    "FABT",
    "FGSM",
    "FMN",
    "PGD",
    "Attack",
    "AutoAttack",
    "Averaged",
    "CarliniWagner",
    "DeepFool",
    "FastAutoAttack",
    "GuidedSquare",
    "HopSkipJump",
    "NormAttack",
    "RandomAutoAttack",
    "SparseRS",
    "Spatial",
    "Square",
    "StraightThrough",
    "Strongest",
    "Transfer",
    "as_attack",
    "make_attack",
    "straight_through",
    "zero_gradients",
]
