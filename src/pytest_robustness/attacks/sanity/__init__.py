"""Signs that an attack could not have worked: an adversarial measurement carries checks that fail it.

Pintor et al. 2022, "Indicators of attack failure" (arXiv:2106.09947); Athalye, Carlini and Wagner 2018
(arXiv:1802.00420), section 3.1; the flags of AutoAttack. `facts` looks at what an attack returned, `probe` spends some
thousand passes on a few samples to see whether the gradients of a model lead anywhere, `faults` puts in words what
failed.
"""

from pytest_robustness.attacks.sanity.checks import CHECKS, faults, weakness
from pytest_robustness.attacks.sanity.facts import outside, unconfirmed, unmoved, work_faults
from pytest_robustness.attacks.sanity.gradients import zero_gradients
from pytest_robustness.attacks.sanity.probe import Probe, probe

__all__ = [
    "CHECKS",
    "Probe",
    "faults",
    "outside",
    "probe",
    "unconfirmed",
    "unmoved",
    "weakness",
    "work_faults",
    "zero_gradients",
]
