from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from pytest_robustness.certificates import ABSTAIN, DiscreteNoise, GaussianNoise, SmoothedClassifier
from pytest_robustness.certificates.smoothing import _clear_winners
from pytest_robustness.certificates.thresholds import exact_share
from pytest_robustness.classifiers import Classifier, load_classifier
from pytest_robustness.errors import ClassifierError, DatasetError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SHAPE = (1, 3, 3)
IMAGES = np.random.default_rng(0).random((6, *SHAPE)).astype(np.float32)


def brightness(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Three classes by the sum of the pixels."""
    total = images.reshape(len(images), -1).sum(axis=1)
    return np.stack([total, np.full_like(total, 4.5), 9 - total * 1.5], axis=1)


def base(function: Any = brightness, **options: Any) -> Classifier:
    return load_classifier(function, **{"input_shape": SHAPE, **options})


def steady(label: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    return lambda images: np.tile(np.eye(3, dtype=np.float32)[label], (len(images), 1))


NOISES = [DiscreteNoise(0.8), GaussianNoise(0.25)]


@pytest.mark.parametrize("noise", NOISES)
def test_results_do_not_depend_on_company_order_or_batches(noise: Any) -> None:
    model, ids = SmoothedClassifier(base(), noise), np.array([7, 3, 2**40, 0, 5, 11])
    options: dict[str, Any] = {"n0": 20, "n": 700, "confidence": 0.9, "seed": 4}
    whole = model.certify(IMAGES, ids=ids, **options)
    order = [4, 0, 2]
    part = model.certify(IMAGES[order], ids=ids[order], batch_size=37, **options)
    for name in ("labels", "p_lower", "radius", "counts"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[order])
    radius = 1 if noise.norm == "l0" else 0.1
    all_at, some_at = (
        model.certify_at(IMAGES[rows], radius, ids=ids[rows], batch_size=size, **options)
        for rows, size in ((list(range(6)), 500), (order, 37))
    )
    for name in ("labels", "certified", "draws", "failures"):
        assert np.array_equal(getattr(some_at, name), getattr(all_at, name)[order])
    assert np.array_equal(
        model.predict(IMAGES[order], ids=ids[order], n=50, batch_size=3), model.predict(IMAGES, ids=ids, n=50)[order]
    )
    assert not np.array_equal(model.certify(IMAGES, ids=ids, **{**options, "seed": 5}).counts, whole.counts)
    assert not np.array_equal(model.certify(IMAGES, **options).counts, whole.counts)


@pytest.mark.parametrize("noise", NOISES)
def test_both_plans_see_the_same_draws(noise: Any) -> None:
    model = SmoothedClassifier(base(), noise)
    at = model.certify_at(IMAGES, 0, n0=30, n=3000, confidence=0.9)
    assert at.certified.any()
    for row, drawn in enumerate(at.draws - 30):
        if drawn:
            same = model.certify(IMAGES[row : row + 1], n0=30, n=int(drawn), confidence=0.9, ids=[row])
            assert same.counts.sum() == drawn
            assert drawn - same.counts[0, at.labels[row]] == at.failures[row]


def test_a_model_that_never_changes_its_mind() -> None:
    # Clopper & Pearson of n of n at 0.999, and the largest radius of each alpha, as published by Lee et al.
    shape = (1, 4, 4)
    images = np.zeros((1, *shape), dtype=np.uint8)
    for n, p_lower, radii in ((1000, 0.9931160, (7, 4, 2, 1)), (10_000, 0.99930946, (12, 6, 3, 2))):
        for alpha, radius in zip((0.72, 0.8, 0.88, 0.96), radii, strict=True):
            found = SmoothedClassifier(base(steady(1), input_shape=shape), DiscreteNoise(alpha)).certify(images, n=n)
            assert (found.labels[0], found.radius[0]) == (1, radius)
            assert found.p_lower[0] == pytest.approx(p_lower, abs=1e-7)
            assert found.counts.tolist() == [[0, n, 0]]
    # Cohen et al.: 0.25 * ppf(0.9931160).
    gaussian = SmoothedClassifier(base(steady(2), input_shape=shape), GaussianNoise(0.25)).certify(images, n=1000)
    assert gaussian.radius[0] == pytest.approx(0.615816, abs=1e-6)


def test_no_image_is_certified_beyond_the_values_that_it_has() -> None:
    images = np.zeros((1, 1, 2, 2), dtype=np.uint8)
    model = SmoothedClassifier(base(steady(1), input_shape=(1, 2, 2)), DiscreteNoise(0.72))
    assert model.noise.certified_radius(model.certify(images, n=10_000).p_lower[0]) == 12
    assert model.certify(images, n=10_000).radius.tolist() == [4]
    assert model.certify_at(images, 4, n=10_000).certified.tolist() == [True]
    with pytest.raises(ParameterError, match=r"larger than the images have values: got 5; allowed: 0 to 4, for images"):
        model.certify_at(images, 5, n=10_000)
    gaussian = SmoothedClassifier(base(steady(1), input_shape=(1, 2, 2)), GaussianNoise(4.0))
    assert gaussian.certify_at(images, 5, n=1000).certified.all()


def test_what_was_selected_is_known_where_nothing_is_certified() -> None:
    half = base(lambda images: np.stack([images[:, 0, 0, 0] - 0.5, 0.5 - images[:, 0, 0, 0]], axis=1))
    found = SmoothedClassifier(half, DiscreteNoise("0.5")).certify(IMAGES, n=200)
    assert (found.labels == ABSTAIN).all()
    assert set(found.selected) <= {0, 1}
    assert np.array_equal(found.successes, found.counts[np.arange(6), found.selected])


def test_one_radius_takes_few_draws() -> None:
    images = np.zeros((1, *SHAPE), dtype=np.uint8)
    classifier = base(steady(1))
    model = SmoothedClassifier(classifier, DiscreteNoise(0.8))
    before = classifier.passes.forwards
    found = model.certify_at(images, 3)
    assert (found.labels[0], bool(found.certified[0]), found.failures[0]) == (1, True, 0)
    assert 881 + 100 < found.draws[0] <= 970 + 100
    assert model.base.passes.forwards - before - found.draws[0] in range(100)  # those are of the trial


def test_a_hopeless_image_is_given_up_in_the_selection() -> None:
    images = np.zeros((1, *SHAPE), dtype=np.uint8)
    half = base(lambda images: np.stack([images[:, 0, 0, 0] - 0.5, 0.5 - images[:, 0, 0, 0]], axis=1))
    # The probability of class 1 is that of one pixel to stay black: 0.8, less than the 0.992 of radius 3.
    found = SmoothedClassifier(half, DiscreteNoise(0.8)).certify_at(images, 3)
    assert (found.labels[0], bool(found.certified[0]), found.draws[0]) == (1, False, 100)


@pytest.mark.parametrize(("first", "label"), [(66, ABSTAIN), (67, 1)])
def test_predictions_abstain_where_the_votes_are_close(first: int, label: int) -> None:
    # Two-sided binomial test at 0.001: 67 of 100 are the fewest that are enough.
    error = 1 - exact_share(0.999, "confidence")
    assert _clear_winners(np.array([[100 - first, first, 0]]), error).tolist() == [label]
    # Votes for further classes do not count.
    assert _clear_winners(np.array([[100 - first, first, 30]]), error).tolist() == [label]


def test_predictions() -> None:
    images = np.zeros((3, *SHAPE), dtype=np.uint8)
    images[1, 0, :2], images[2] = 255, 255
    predicted = SmoothedClassifier(base(), DiscreteNoise(0.9)).predict(images, n=300)
    assert predicted.tolist() == [2, 0, 0]
    assert SmoothedClassifier(base(), DiscreteNoise(0.5)).predict(images, n=100, confidence=0.9999)[1] == ABSTAIN


def test_a_class_without_a_majority_is_not_certified() -> None:
    images = np.zeros((4, *SHAPE), dtype=np.uint8)
    found = SmoothedClassifier(base(), DiscreteNoise(0.5)).certify(images, n=500)  # one draw is as good as another
    undecided = found.p_lower <= 0.5
    assert undecided.any()
    assert (found.labels[undecided] == ABSTAIN).all()
    assert (found.radius[undecided] == -1).all()


def test_binarising_belongs_to_the_model() -> None:
    grey, noise = IMAGES, DiscreteNoise(0.8)
    black_and_white = (grey > 0.5).astype(np.float32)
    model = SmoothedClassifier(base(), noise)
    assert np.array_equal(model.votes(grey, 100), model.votes(black_and_white, 100))
    plain = SmoothedClassifier(base(), noise, binarise=False)
    assert np.array_equal(plain.votes(black_and_white, 100), model.votes(grey, 100))
    with pytest.raises(DatasetError, match="levels=1"):
        plain.votes(grey, 100)
    with pytest.raises(DatasetError, match="levels=3"):
        SmoothedClassifier(base(), DiscreteNoise(0.8, 3)).votes(grey, 100)
    assert SmoothedClassifier(base(), DiscreteNoise(0.8, 255)).votes((grey * 255).astype(np.uint8), 10).sum() == 60


def test_gaussian_noise_reaches_the_model_unclipped_and_in_its_own_range() -> None:
    seen = []

    def watching(images: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(images)
        return brightness(images)

    model = SmoothedClassifier(base(watching, bounds=(-1, 1), num_classes=3, outputs="logits"), GaussianNoise(0.5))
    model.votes(np.zeros((1, *SHAPE), dtype=np.float32), 500)
    pixels = np.concatenate(seen)
    # Noise of 0.5 around 0 in [0, 1] is noise of 1 around -1 in [-1, 1].
    assert pixels.min() < -3
    assert pixels.mean() == pytest.approx(-1, abs=0.05)
    assert pixels.std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("noise", NOISES)
def test_every_kind_of_model_can_be_smoothed(noise: Any) -> None:
    flat = IMAGES.reshape(6, 9)
    models: dict[str, Classifier] = {
        "torch": load_classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 3)), input_shape=SHAPE),
        "estimator": load_classifier(LogisticRegression().fit(flat, [0, 1, 2, 0, 1, 2]), input_shape=SHAPE),
        "probabilities": base(lambda images: np.full((len(images), 4), 0.25), outputs="probabilities"),
        "labels": base(lambda images: (images.sum(axis=(1, 2, 3)) > 4.5).astype(int)),
    }
    for name, model in models.items():
        smoothed = SmoothedClassifier(model, noise)
        votes = smoothed.votes(IMAGES, 40)
        assert (votes.sum(axis=1) == 40).all(), name
        assert votes.shape[1] == (smoothed.base.num_classes or 2), name


def test_a_model_of_labels_alone_may_have_any_number_of_classes() -> None:
    model = SmoothedClassifier(base(lambda images: np.full(len(images), 7), outputs="labels"), DiscreteNoise(0.8))
    assert model.base.num_classes is None
    assert model.certify(IMAGES, n=100).labels.tolist() == [7] * 6
    assert model.certify_at(IMAGES, 1, n=1000).certified.all()
    with pytest.raises(ClassifierError, match=r"number of classes.*num_classes"):
        model.as_classifier()


def smoothed(**options: Any) -> SmoothedClassifier:
    return SmoothedClassifier(base(), DiscreteNoise(0.8), **options)


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda: SmoothedClassifier(load_classifier(brightness), DiscreteNoise(0.8)), ClassifierError,
         r"fixed shape.*allowed: input_shape=\(C, H, W\)\. Give load_classifier an input_shape"),
        (lambda: smoothed().certify(IMAGES[:0]), ClassifierError, "N > 0"),
        (lambda: smoothed().certify(IMAGES[:, :, :2]), ClassifierError, r"got \(1, 2, 3\); allowed: \(1, 3, 3\)"),
        (lambda: smoothed().certify(IMAGES + 1), ClassifierError, "out of range"),
        (lambda: smoothed().certify(IMAGES, n0=0), ParameterError, "n0 is out of range: got 0"),
        (lambda: smoothed().certify(IMAGES, n=0), ParameterError, "n is out of range: got 0"),
        (lambda: smoothed().certify(IMAGES, n=1e5), ParameterError, "n is out of range: got 100000.0"),
        (lambda: smoothed().certify(IMAGES, confidence=1), ParameterError, "confidence is out of range"),
        (lambda: smoothed().certify(IMAGES, ids=[1, 2]), ParameterError, "ids must be 6 integers"),
        (lambda: smoothed().certify(IMAGES, ids=-np.arange(6)), ParameterError, "a sample id is out of range"),
        (lambda: smoothed().certify(IMAGES, n=2, n0=2, seed=0.5), ParameterError, "seed must be an integer"),  # type: ignore[arg-type]
        (lambda: smoothed().certify(IMAGES, batch_size=0), ParameterError, "batch_size is out of range"),
        (lambda: smoothed().predict(IMAGES, confidence=0), ParameterError, "confidence is out of range"),
        (lambda: smoothed().votes(IMAGES, 0), ParameterError, "n is out of range"),
        (lambda: smoothed().as_classifier(n=0), ParameterError, "n is out of range"),
        (lambda: smoothed().certify_at(IMAGES, 1, loss=1.1), ParameterError, "loss is out of range"),
        (lambda: smoothed().certify_at(IMAGES, -1), ParameterError, "radius is out of range"),
        (lambda: smoothed().certify_at(IMAGES, 3, n=880), ParameterError,
         r"n=880 .* at confidence=0.999: got 3; allowed: up to 2\. This radius needs n=881"),
        (lambda: smoothed().certify_at(IMAGES, 0, n=3), ParameterError, "none with so few draws"),
        (lambda: SmoothedClassifier(base(), GaussianNoise(0.25)).certify_at(IMAGES, 1.2, n=1000), ParameterError,
         r"got 1\.2; allowed: up to 0\.6158.*needs n=\d+"),
        (lambda: SmoothedClassifier(base(), GaussianNoise(0.25)).certify_at(IMAGES, 9), ParameterError,
         "No feasible number of draws"),
        # 0.25 * ppf(1 - 1e-20): that many draws are a number, but nobody makes them.
        (lambda: SmoothedClassifier(base(), GaussianNoise(0.25)).certify_at(IMAGES, 2.0), ParameterError,
         "No feasible number of draws"),
        (lambda: smoothed().certify(IMAGES, n=10**8), ParameterError, "n is out of range: got 100000000; allow"),
        (lambda: smoothed().certify_at(IMAGES, 1, n0=10**8), ParameterError, "n0 is out of range"),
        (lambda: smoothed().predict(IMAGES, n=10**8), ParameterError, "n is out of range"),
        (lambda: SmoothedClassifier(base(), 0.8), ParameterError,  # type: ignore[arg-type]
         r"no noise to smooth with: got 0\.8; allowed: DiscreteNoise\(alpha\) for L0, GaussianNoise\(sigma\) for L2"),
        (lambda: SmoothedClassifier(base(), "l0"), ParameterError, "no noise to smooth with"),  # type: ignore[arg-type]
        (lambda: SmoothedClassifier(base(), DiscreteNoise), ParameterError,  # type: ignore[arg-type]
         "no noise to smooth with"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(ask: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        ask()


def test_failures_of_the_model_are_told_as_such() -> None:
    def failing(images: NDArray[np.float32]) -> NDArray[np.float32]:
        raise RuntimeError("no")

    with pytest.raises(ClassifierError, match="failed on images"):
        SmoothedClassifier(base(failing, num_classes=3, outputs="logits"), DiscreteNoise(0.8)).votes(IMAGES, 5)
