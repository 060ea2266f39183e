from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from pytest_robustness.certificates import DiscreteNoise, GaussianNoise, plan_of_looks
from pytest_robustness.certificates.smoothing import _decided
from pytest_robustness.certificates.voting import Copies, Source, checked_base, copies_of, drawn_noise, labels_of
from pytest_robustness.classifiers import load_classifier

SHAPE = (1, 4, 5)
SOURCE = Source(3, "estimate", 11)
NOISES = [DiscreteNoise(0.8), DiscreteNoise(0.4, 9), GaussianNoise(0.3)]


def drawn(noise: Any, start: int, stop: int, shape: tuple[int, ...] = SHAPE, source: Source = SOURCE) -> Any:
    return np.concatenate(list(drawn_noise(noise, shape, source, start, stop)))


@pytest.mark.parametrize("noise", NOISES)
def test_a_draw_is_the_same_whoever_asks(noise: Any) -> None:
    whole = drawn(noise, 0, 1000)
    assert whole.shape == (1000, *SHAPE)
    for start, stop in ((0, 1), (255, 257), (256, 512), (300, 301), (17, 990)):
        assert np.array_equal(drawn(noise, start, stop), whole[start:stop])
    assert len(np.unique(whole.reshape(1000, -1), axis=0)) > 800  # and hardly two are the same


@pytest.mark.parametrize("noise", NOISES)
def test_other_streams_samples_and_seeds_are_other_draws(noise: Any) -> None:
    sources = [SOURCE, Source(3, "selection", 11), Source(3, "estimate", 12), Source(4, "estimate", 11)]
    found = [drawn(noise, 0, 50, source=source) for source in sources]
    assert all(not np.array_equal(a, b) for i, a in enumerate(found) for b in found[:i])


@pytest.mark.parametrize(("shape", "most"), [(SHAPE, 256), ((1, 28, 28), 83), ((3, 224, 224), 1)])
def test_memory_is_bounded(shape: tuple[int, ...], most: int) -> None:
    sizes = [len(part) for part in drawn_noise(NOISES[0], shape, SOURCE, 0, 3 * most)]
    assert sizes == [most] * 3


def copies(model: Any, *, batch_size: int = 500, **options: Any) -> Copies:
    base = checked_base(load_classifier(model, input_shape=SHAPE, **options), NOISES[0])
    prepared = NOISES[0].prepared(np.zeros((1, *SHAPE), dtype=np.uint8), binarise=True)
    return copies_of(base, NOISES[0], prepared, seed=0, ids=None, batch_size=batch_size)[0]


def test_votes_are_counted_in_batches_and_so_are_the_passes() -> None:
    sizes: list[int] = []

    def model(images: Any) -> Any:
        sizes.append(len(images))
        return np.stack([images.sum(axis=(1, 2, 3)), np.full(len(images), 4.0)], axis=1)

    some = copies(model, batch_size=300, num_classes=2, outputs="logits")
    votes = some.votes("estimate", 100, 850)
    assert sizes == [300, 300, 150]
    assert votes.sum() == some.base.passes.forwards == 750
    assert np.array_equal(some.votes("estimate", 100, 400) + some.votes("estimate", 400, 850), votes)


class Counting:
    """Noise that counts how often it is drawn."""

    def __init__(self) -> None:
        self.times = 0

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Any:
        self.times += 1
        return NOISES[0].draw(generator, shape)

    def noisy(self, image: Any, drawn: Any) -> Any:
        return NOISES[0].noisy(image, drawn)


def test_small_batches_do_not_draw_the_noise_again() -> None:
    def votes_of(batch_size: int) -> tuple[Any, int]:
        counting = Counting()
        prepared = NOISES[0].prepared(np.zeros((2, *SHAPE), dtype=np.uint8), binarise=True)
        base = checked_base(load_classifier(lambda images: images[:, 0, 0], input_shape=SHAPE), NOISES[0])
        some = copies_of(base, counting, prepared, seed=0, ids=None, batch_size=batch_size)  # type: ignore[arg-type]
        found = [each.votes("estimate", start, start + 64) for each in some for start in range(0, 512, 64)]
        return np.stack(found), counting.times

    whole, times = votes_of(500)
    assert times == 4  # two images, 512 draws in two chunks of 256
    few, times = votes_of(8)
    assert times == 4
    assert np.array_equal(few, whole)


def test_labels_of_images_outside_the_range() -> None:
    base = load_classifier(lambda images: images[:, 0, 0, :3], input_shape=SHAPE, outputs="logits")
    images = np.zeros((2, *SHAPE), dtype=np.float32)
    images[0, 0, 0, 2], images[1, 0, 0] = 7, -3
    assert labels_of(base, images).tolist() == [2, 0]


class Watched:
    """Copies that note which draws are asked for, and of which so many fail."""

    def __init__(self, failing: float) -> None:
        self.asked: list[tuple[str, int, int]] = []
        self._failing = failing

    def votes(self, stream: str, start: int, stop: int) -> Any:
        self.asked.append((stream, start, stop))
        failed = int(self._failing * stop) - int(self._failing * start)
        return np.array([failed, stop - start - failed])


def test_the_class_is_selected_by_draws_that_the_estimate_does_not_use() -> None:
    plan = plan_of_looks(Fraction(7, 8), error=Fraction(1, 1000), n=1000)
    assert plan is not None
    clear = Watched(0)
    label, certified, draws, failures = _decided(clear, plan, 20, 15)  # type: ignore[arg-type]
    looks = [0, *plan.looks[: [most >= 0 for most in plan.most].index(True) + 1]]
    steps = [("estimate", a, b) for a, b in pairwise(looks)]
    assert clear.asked == [("selection", 0, 20), *steps]
    assert (label, certified, draws, failures) == (1, True, 20 + looks[-1], 0)


def test_the_search_ends_where_nothing_can_be_certified_any_more() -> None:
    plan = plan_of_looks(Fraction(7, 8), error=Fraction(1, 1000), n=1000)
    assert plan is not None
    bad = Watched(0.13)
    label, certified, draws, failures = _decided(bad, plan, 20, 15)  # type: ignore[arg-type]
    assert (label, certified) == (1, False)
    assert failures > plan.most[-1]
    assert draws < 1020
    selected = Watched(0.45)
    assert _decided(selected, plan, 20, 9) == (1, False, 20, 0)  # type: ignore[arg-type]
    assert selected.asked == [("selection", 0, 20)]
