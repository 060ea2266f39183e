from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_robustness.attacks.balls import BALLS
from pytest_robustness.attacks.batch import Batch
from pytest_robustness.attacks.nearest import Nearest, distances


@pytest.fixture
def batch():
    clean = torch.full((48, 1, 2, 2), 0.5)
    return Batch(
        images=clean,
        labels=torch.zeros(48, dtype=torch.int64),
        ball=BALLS["linf"].around(clean, 0.2),
        ids=np.arange(48),
        seed=0,
    )


def forward(images):
    """Two classes: wrong where the mean exceeds 0.6."""
    mean = images.flatten(1).mean(dim=1)
    return torch.stack([0.6 - mean, mean - 0.6], dim=1)


ALL = torch.ones(48, dtype=torch.bool)


def test_only_a_nearer_image_that_fools_replaces_another(batch):
    nearest = Nearest(batch, "linf")
    nearest.note(batch.images + 0.1, ~ALL)
    assert not nearest.found.any()
    for step, kept in ((0.3, 0.3), (0.4, 0.3), (0.25, 0.25)):
        nearest.note(batch.images + step, ALL)
        assert torch.allclose(nearest.distances, torch.tensor(kept, dtype=torch.float64))
        assert torch.allclose(nearest.images, batch.images + kept)
    assert nearest.keep() is None


@pytest.mark.parametrize(("norm", "expected"), [("linf", 0.1), ("l2", 0.2)])
def test_distances(batch, norm, expected):
    assert torch.allclose(distances(batch.images + 0.1, batch.images, norm), torch.tensor(expected).double())


def test_those_that_are_done_leave_when_it_pays_and_are_not_changed_before(batch):
    nearest = Nearest(batch, "linf", within=0.2)
    first, three = ALL.clone(), ALL.clone()
    first[1:], three[3:] = False, False
    assert nearest.note(batch.images + 0.15, first).sum() == 1
    assert nearest.keep() is None
    assert nearest.note(batch.images + 0.11, three).tolist() == [False, True, True] + [False] * 45
    assert nearest.distances[0] == pytest.approx(0.15)
    assert nearest.keep().tolist() == list(range(3, 48))
    nearest.give_up(torch.arange(45) < 40)
    assert nearest.note(batch.images[3:] + 0.11, ALL[3:]).sum() == 5
    assert len(nearest.keep()) == 0
    assert nearest.begin().tolist() == list(range(3, 43))


def test_the_end_keeps_to_the_ball_and_to_the_truth(batch):
    nearest = Nearest(batch, "linf")
    # Inside; outside, but adversarial at the edge too (0.5 + 0.2); outside, but harmless once a pixel is cut to 0.7.
    points = batch.images.clone()
    points[0] += 0.15
    points[1] += 0.3
    points[2, 0, 0, 0] = 1.0
    nearest.note(points, torch.arange(48) < 3)
    images, fooled = nearest.end(forward)
    assert fooled.tolist() == [True, True, False] + [False] * 45
    assert torch.equal(images[0], points[0])
    assert distances(images, batch.images, "linf").max() <= 0.2
    assert torch.equal(images[3:], batch.images[3:])


def test_the_line_is_searched_to_the_boundary(batch):
    nearest = Nearest(batch, "linf")
    nearest.note(batch.images + 0.4, torch.arange(48) < 10)
    nearest.pull_back(forward, 12)
    assert torch.allclose(nearest.distances[:10], torch.tensor(0.1).double(), rtol=0.01)
    assert (forward(nearest.images[:10]).argmax(dim=1) == 1).all()
    assert torch.equal(nearest.images[10:], batch.images[10:])


def test_what_is_near_enough_is_not_searched(batch):
    nearest = Nearest(batch, "linf")
    nearest.note(batch.images + 0.15, ALL)
    nearest.pull_back(forward, 5, until=0.2)
    assert torch.allclose(nearest.distances, torch.tensor(0.15).double())
