"""The ensembles: the mean of what their members say."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from example_models import lenet5, lenet5_ensemble_3, lenet5_ensemble_5, lenet5_ensemble_10
from example_models.weights import rounded


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand((16, 1, 28, 28), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("package", "size"), [(lenet5_ensemble_3, 3), (lenet5_ensemble_5, 5), (lenet5_ensemble_10, 10)]
)
def test_the_probabilities_are_the_mean_of_those_of_the_members(package: Any, size: int, images: torch.Tensor) -> None:
    ensemble = package.load()
    assert not ensemble.training
    each = torch.stack([member(images).softmax(dim=1) for member in ensemble.members])
    assert len(each) == size
    torch.testing.assert_close(ensemble(images).exp(), each.mean(dim=0))
    torch.testing.assert_close(ensemble(images).softmax(dim=1), each.mean(dim=0))
    assert (each - each[0]).abs().amax(dim=(1, 2))[1:].min() > 1e-3  # no two of them are the same


def test_smaller_ensembles_are_the_first_of_the_ten(images: torch.Tensor) -> None:
    all_ten = lenet5_ensemble_10.load().members
    for package in (lenet5_ensemble_3, lenet5_ensemble_5):
        for member, one_of_ten in zip(package.load().members, all_ten, strict=False):
            torch.testing.assert_close(member(images), one_of_ten(images), rtol=0, atol=0)


def test_the_first_is_lenet5_itself(images: torch.Tensor) -> None:
    first = lenet5_ensemble_10.load().members[0]
    torch.testing.assert_close(first(images), rounded(lenet5.load())(images), rtol=0, atol=0)
