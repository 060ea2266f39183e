"""Attacks: frozen dataclasses with one public method, ``run``."""

from pytest_robustness.attacks.base import Attack, NormAttack
from pytest_robustness.attacks.bim import BIM
from pytest_robustness.attacks.fgsm import FGSM
from pytest_robustness.attacks.pgd import PGD
from pytest_robustness.attacks.registry import ATTACKS, make_attack
from pytest_robustness.attacks.sanity import zero_gradients

__all__ = ["ATTACKS", "BIM", "FGSM", "PGD", "Attack", "NormAttack", "make_attack", "zero_gradients"]
