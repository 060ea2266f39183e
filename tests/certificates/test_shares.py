from __future__ import annotations

import pickle

import numpy as np
import torch

from pytest_robustness.attacks import SparseRS
from pytest_robustness.certificates import DiscreteNoise, GaussianNoise, SmoothedClassifier
from pytest_robustness.classifiers import load_classifier

SHAPE = (1, 4, 4)
# From all black to all white, and grey in between.
IMAGES = np.clip(np.random.default_rng(1).random((10, *SHAPE)) + np.linspace(-0.6, 0.6, 10)[:, None, None, None], 0, 1)
SALT = DiscreteNoise(0.95)


def model(noise: DiscreteNoise | GaussianNoise = SALT) -> SmoothedClassifier:
    linear = torch.nn.Linear(16, 3)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0], [0.0], [-1.0]]).expand(3, 16))
        linear.bias.copy_(torch.tensor([-8.0, 2.0, 8.0]))
    return SmoothedClassifier(
        load_classifier(torch.nn.Sequential(torch.nn.Flatten(), linear), input_shape=SHAPE), noise
    )


def test_outputs_are_shares_of_votes_and_always_the_same() -> None:
    for noise in (SALT, GaussianNoise(0.1)):
        shares = model(noise).as_classifier(n=200)
        found = shares.probabilities(IMAGES)
        assert np.allclose(found * 200, np.rint(found * 200))
        assert np.allclose(found.sum(axis=1), 1)
        assert np.array_equal(found, shares.probabilities(IMAGES))
        assert np.array_equal(found[3:5], shares.probabilities(IMAGES[3:5], batch_size=1))
    assert shares.offers == {"labels", "probabilities"}
    assert (shares.input_shape, shares.num_classes) == (SHAPE, 3)


def test_all_images_meet_the_same_noise() -> None:
    shares = model().as_classifier(n=100)
    same = np.tile(IMAGES[:1], (4, 1, 1, 1))
    assert (np.ptp(shares.probabilities(same), axis=0) == 0).all()
    assert not np.array_equal(shares.probabilities(IMAGES), model().as_classifier(n=100, seed=1).probabilities(IMAGES))


def test_fingerprints_tell_what_differs() -> None:
    made = [
        model().as_classifier(),
        model().as_classifier(n=999),
        model().as_classifier(seed=1),
        model(DiscreteNoise(0.8)).as_classifier(),
        model(GaussianNoise(0.1)).as_classifier(),
    ]
    assert len({one.fingerprint for one in made}) == len(made)
    assert model().as_classifier().fingerprint == made[0].fingerprint
    assert made[0].cacheable == model().base.cacheable


def test_it_can_be_sent_to_another_process() -> None:
    shares = model().as_classifier(n=50)
    assert np.array_equal(pickle.loads(pickle.dumps(shares)).probabilities(IMAGES), shares.probabilities(IMAGES))


def test_no_certified_image_is_broken_within_its_radius() -> None:
    smoothed = model()
    found = smoothed.certify(IMAGES, n=3000)
    shares = smoothed.as_classifier(n=500)
    assert (found.radius >= 1).any()
    broken = []
    for radius in (1, 2, 6):
        images = (IMAGES > 0.5).astype(np.float32)
        labels = shares.predict(images)
        attacked = SparseRS(norm="l0", eps=radius, queries=60).run(shares, images, labels)
        fooled = shares.predict(attacked) != labels
        assert not (fooled & (found.radius >= radius) & (found.labels == labels)).any()
        broken.append(int(fooled.sum()))
    assert broken[-1] > 0  # the attack can win where it may change enough
