"""Attacks of other libraries: foolbox, torchattacks, the Adversarial Robustness Toolbox."""

from pytest_robustness.attacks.foreign.base import Foreign, as_attack

__all__ = ["Foreign", "as_attack"]
