from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_robustness.attacks.balls import BALLS
from pytest_robustness.attacks.batch import Batch
from pytest_robustness.attacks.class_gradients import (
    class_gradients,
    lead,
    leads,
    likely_classes,
    nearest_boundary,
    scaled,
)
from pytest_robustness.errors import ClassifierError

LOGITS = torch.tensor([[1.0, 5.0, 3.0, 4.0], [7.0, 2.0, 9.0, 8.0]])


def batch(targets=None):
    images = torch.zeros(2, 1, 2, 3)
    ball = BALLS["linf"].around(images, 0.1)
    labels = torch.tensor([1, 2])
    return Batch(images=images, labels=labels, ball=ball, ids=np.arange(2), seed=0, targets=targets)


def test_likely_classes_leave_out_the_label():
    assert likely_classes(LOGITS, batch().labels, 2).tolist() == [[3, 2], [3, 0]]
    assert likely_classes(LOGITS, batch().labels, 9).tolist() == [[3, 2, 0], [3, 0, 1]]


def test_leads_over_the_label_or_over_the_strongest_rival_of_the_target():
    classes = torch.tensor([[0, 3], [0, 3]])
    assert leads(LOGITS, batch(), classes).tolist() == [[-4.0, -1.0], [-2.0, -1.0]]
    assert lead(LOGITS, batch()).tolist() == [-1.0, -1.0]
    targets = torch.tensor([0, 2])
    assert leads(LOGITS, batch(targets), targets[:, None]).tolist() == [[-4.0], [1.0]]
    assert lead(LOGITS, batch(targets)).tolist() == [-4.0, 1.0]


def test_gradients_of_several_classes_from_one_pass():
    weights = torch.arange(24.0).reshape(4, 6)
    points = torch.full((2, 1, 2, 3), 0.5, requires_grad=True)
    logits = points.flatten(1) @ weights.T
    classes = torch.tensor([[0, 3], [3, 1]])
    found = class_gradients(leads(logits, batch(), classes), points)
    expected = weights[classes] - weights[batch().labels][:, None]
    assert torch.equal(found.flatten(2), expected)


def test_a_path_that_is_cut_has_no_slope():
    points = torch.zeros(2, 1, 2, 3, requires_grad=True)
    assert not class_gradients(torch.ones(2, 3), points).any()
    other = torch.ones(2, 3, requires_grad=True)
    assert class_gradients(other * 2, points).shape == (2, 3, 1, 2, 3)


def test_an_infinite_slope_is_refused():
    points = torch.zeros(2, 1, 2, 3, requires_grad=True)
    with pytest.raises(ClassifierError, match="not finite"):
        class_gradients(points.flatten(1).sum(dim=1, keepdim=True).sqrt(), points)


@pytest.mark.parametrize(("norm", "chosen"), [("linf", 1), ("l2", 0)])
def test_the_nearest_boundary_depends_on_the_norm(norm, chosen):
    # Distances: linf 6 / 6 and 9 / 10, l2 6 / 6 and 9 / sqrt(52).
    gradients = torch.tensor([[[6.0, 0.0], [6.0, 4.0]]])
    slopes, value = nearest_boundary(torch.tensor([[-6.0, -9.0]]), gradients, norm)
    assert torch.equal(slopes, gradients[:, chosen] / 6)
    assert value.tolist() == [[-1.0], [-1.5]][chosen]


def test_scaling_keeps_the_ratio_and_survives_zero():
    slopes, values = scaled(torch.tensor([[1e-25, -2e-25], [0.0, 0.0]]), torch.tensor([1e-25, 0.0]))
    assert torch.allclose(slopes, torch.tensor([[0.5, -1.0], [0.0, 0.0]]))
    assert torch.allclose(values, torch.tensor([0.5, 0.0]))
