"""The tools of the twins: shares in logarithms, guides that change no value, scores that point where they should."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pytest_robustness.classifiers.outputs import LINKS
from pytest_robustness.classifiers.twins import heads, pointed_at

_SCORES = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(2, 5)), elements=st.floats(-50, 50))
_VALUES = arrays(
    np.float64, st.tuples(st.integers(1, 4), st.integers(2, 5)), elements=st.sampled_from([0, 1e-300, 1e-9, 0.25, 1])
)


@pytest.mark.parametrize("name", LINKS)
@given(scores=_SCORES)
def test_links_in_torch_are_those_in_numpy(name, scores):
    with np.errstate(divide="ignore"):
        theirs = np.exp(LINKS[name](scores))
    np.testing.assert_allclose(heads.LOG_LINKS[name](torch.from_numpy(scores)).exp(), theirs, rtol=1e-12, atol=1e-300)


def test_every_link_has_its_twin():
    assert heads.LOG_LINKS.keys() == LINKS.keys()


@given(values=_VALUES)
def test_shares_are_the_values_divided_by_their_sum(values):
    guides = torch.linspace(-3, 0, values.size).double().reshape(values.shape)
    sums = values.sum(axis=1, keepdims=True)
    wanted = np.where(sums > 0, values / np.where(sums > 0, sums, 1), 1 / values.shape[1])
    logs = heads.log_shares(torch.from_numpy(values).log(), guides)
    assert logs.isfinite().all()
    np.testing.assert_allclose(logs.exp(), wanted, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
def test_shares_that_are_flat_have_the_gradient_of_their_guides(values):
    leaf = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    logs = heads.log_shares(torch.tensor([values], dtype=torch.float64).log(), torch.nn.functional.logsigmoid(leaf))
    for k in range(3):
        (gradient,) = torch.autograd.grad(logs[0, k], leaf, retain_graph=True)
        # Above what float32 takes for zero, in which it reaches the pixels.
        assert gradient[0, k] > 1e-30


def test_guides_do_not_change_a_bit():
    generator = torch.Generator().manual_seed(0)
    value, guide = torch.randn(2, 1000, generator=generator, dtype=torch.float64) * 1e3
    assert torch.equal(heads.led_by(value, guide), value)
    assert torch.equal(heads.with_gradient_of(value, guide), value)
    leaf = guide.clone().requires_grad_()
    (replaced,) = torch.autograd.grad(heads.with_gradient_of(value * leaf, 3 * leaf).sum(), leaf)
    assert torch.equal(replaced, torch.full_like(leaf, 3))
    (added,) = torch.autograd.grad(heads.led_by(0 * leaf, 3 * leaf).sum(), leaf)
    assert (added > 0).all()
    assert (added < 1e-15).all()


@given(scores=_SCORES)
def test_odds_are_those_of_one_class_against_the_others(scores):
    logs = torch.from_numpy(scores).log_softmax(dim=1)
    chances = logs.exp().numpy()
    odds = heads.log_odds(logs).numpy()
    others = chances.sum(axis=1, keepdims=True) - chances
    clear = others > 1e-6
    np.testing.assert_allclose(odds[clear], np.log(chances[clear] / others[clear]), rtol=1e-7, atol=1e-7)


def test_odds_of_a_certain_class_have_a_gradient():
    leaf = torch.tensor([[0.0, 900.0, 10.0]], dtype=torch.float64, requires_grad=True)
    logs = leaf.log_softmax(dim=1)
    assert torch.autograd.grad(logs[0, 1], leaf, retain_graph=True)[0].count_nonzero() == 0
    gradient = torch.autograd.grad(heads.log_odds(logs)[0, 1], leaf)[0]
    torch.testing.assert_close(gradient, torch.tensor([[-4.5e-5, 1, -1]], dtype=torch.float64), atol=1e-4, rtol=0)


@given(scores=_SCORES, data=st.data(), scale=st.sampled_from([1.0, 1e-12, 1e8]))
def test_scores_point_at_the_label(scores, data, scale):
    values = torch.from_numpy(scores * scale)
    rows, classes = values.shape
    labels = torch.tensor(data.draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows)))
    leaf = values.clone().requires_grad_()
    pointed = pointed_at(leaf, labels)
    assert torch.equal(pointed.argmax(dim=1), labels)
    right = values.argmax(dim=1) == labels
    assert torch.equal(pointed[right], values[right])
    others = torch.ones_like(values, dtype=torch.bool).scatter(1, labels[:, None], False)
    assert torch.equal(pointed[others], values[others])
    weights = torch.arange(1.0, values.numel() + 1).double().reshape(values.shape)
    (gradient,) = torch.autograd.grad((weights * pointed).sum(), leaf)
    assert torch.equal(gradient, weights)


def test_headway_shows_behind_a_prediction_that_does_not_follow():
    # The further the surrogate has left the label behind, the closer the race.
    scores = torch.tensor([[0.0, 1.0], [0.0, 2.0], [0.0, 50.0]], dtype=torch.float64)
    leads = pointed_at(scores - scores[:, 1:], torch.zeros(3, dtype=torch.long))
    margins = leads[:, 0] - leads[:, 1]
    assert (margins > 0).all()
    assert (margins.diff() < 0).all()
