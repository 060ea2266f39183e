"""The gate of LeNet-5. Every bound is a little below what the model reaches: it holds what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_robustness import Robustness


@pytest.fixture(scope="session")
def robustness_model() -> str:
    return "example_models.lenet5:load"


@pytest.mark.accuracy(min_accuracy=0.975)
@pytest.mark.calibration(max_ece=0.02, max_brier=0.035)
def test_clean_digits() -> None: ...


# Nothing was done against attacks in training: forty steps leave a third of the digits, AutoAttack a quarter.
@pytest.mark.adversarial(attack="pgd", norm="linf", eps=0.1, steps=40, min_accuracy=0.29)
@pytest.mark.adversarial(attack="autoattack-fast", norm="linf", eps=0.1, min_accuracy=0.20)
def test_small_changes_of_every_pixel() -> None: ...


def test_a_small_change_in_all(robustness: Robustness) -> None:
    assert robustness.adversarial_accuracy("pgd", norm="l2", eps=0.5, steps=40) >= 0.88


# The fifteen of MNIST-C. The hardest is fog: on a grey ground half of the answers are wrong.
@pytest.mark.corruption(suite="mnist-c-generated", min_accuracy=0.82, min_each=0.40)
def test_corrupted_digits() -> None: ...


@pytest.mark.sensitivity(gamma=(0.5, 2.0), brightness=(-0.2, 0.2), points=36, min_mean=0.96, min_worst=0.92)
def test_lighter_and_darker_digits() -> None: ...


def test_no_digit_at_all(robustness: Robustness) -> None:
    assert robustness.ood("photo-patches", score="msp") >= 0.98
    # Many letters do look like a digit: S like 5, Z like 2, b like 6.
    assert robustness.ood("letters", score="msp") >= 0.88
