from __future__ import annotations

import pickle

import numpy as np
import pytest
from torch import nn

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.errors import CapabilityError, ParameterError
from pytest_robustness.saliency import (
    SALIENCY,
    Gradient,
    GradientTimesInput,
    IntegratedGradients,
    Occlusion,
    make_map,
    map_for,
)


@pytest.mark.parametrize("name", SALIENCY)
def test_names(name):
    made = make_map(name)
    assert (made.name, made.label()) == (name, name)
    assert make_map(made) is made
    assert pickle.loads(pickle.dumps(made)) == made
    assert hash(made) == hash(make_map(name))


def test_options_show_in_the_label():
    assert make_map("integrated-gradients", steps=64).label() == "integrated-gradients(steps=64)"
    assert GradientTimesInput(baseline="mean").label() == "gradient-times-input(baseline=mean)"
    assert IntegratedGradients(baseline="zero") == IntegratedGradients()
    assert Occlusion(size=2, value=0.5).label() == "occlusion(size=2, value=0.5)"


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ("gradiant", {}, "unknown saliency map: got 'gradiant'; allowed: gradient, .*Did you mean 'gradient'"),
        (3, {}, "unknown saliency map: got 3"),
        ("integrated-gradients", {"stepps": 3}, "unknown option of .*'stepps'; allowed: steps, baseline"),
        ("smoothgrad", {"steps": 3}, "'steps'; allowed: samples, sigma. steps is an option of integrated-gradients"),
        ("gradient", {"size": 3}, "'gradient' has no options: got 'size'. size is an option of occlusion"),
        (IntegratedGradients(), {"steps": 3}, "brings its own options"),
    ],
)
def test_unknown_names(arguments, options, message):
    with pytest.raises(ParameterError, match=message):
        make_map(arguments, **options)


def test_a_map_of_someone_else_is_refused():
    # Its code would not be part of the key that stored outcomes are found by.
    class Mine(Gradient):
        pass

    with pytest.raises(ParameterError, match="unknown saliency map"):
        make_map(Mine())


def test_the_map_where_none_is_asked_for():
    images = np.random.default_rng(0).random((4, 1, 2, 2)).astype(np.float32)
    net = load_classifier(nn.Sequential(nn.Flatten(), nn.Linear(4, 3))).bound(images)
    scores = load_classifier(lambda batch: np.asarray(batch)[:, 0].reshape(-1, 4)).bound(images)
    labels = load_classifier(lambda batch: np.zeros(len(batch), int), outputs="labels").bound(images, num_classes=2)
    assert (map_for(net), map_for(scores)) == (IntegratedGradients(steps=8), Occlusion())
    # Both start from what pixels are replaced by.
    for mask in (0.5, "mean", "invert"):
        assert map_for(net, mask) == IntegratedGradients(steps=8, baseline=mask)
        assert map_for(scores, mask) == Occlusion(value=mask)
    with pytest.raises(CapabilityError, match="returns logits or probabilities"):
        map_for(labels)
