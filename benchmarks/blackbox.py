"""A scikit-learn classifier: attacks that only ask for its outputs, beside gradients of its differentiable twin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tabulate import tabulate

from benchmarks.contenders import available, quietly
from benchmarks.timing import race
from pytest_robustness import load_classifier, load_dataset
from pytest_robustness.attacks import PGD

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.contenders import Images

IMAGES = 100
EPS = 0.1


def table() -> str:
    """Return robust accuracy and CPU time of the multilayer perceptron at eps 0.1 in Linf, 100 images."""
    from example_models.mlp_adam import load

    found, notes = available("art")
    model, data = load(), load_dataset("mnist-5k", n=IMAGES, seed=0)
    classifier = load_classifier(model)
    images, labels = data.pixels(), data.labels.copy()
    asked = {"n": 0}

    def scores(pixels: Images) -> Images:
        asked["n"] += len(pixels)
        # Logarithms, since probabilities that have rounded to 0 and 1 would tell Square nothing.
        return np.log(np.maximum(model.predict_proba(pixels.reshape(len(pixels), -1)), 1e-300))

    def counted(run: Callable[[], Images]) -> Callable[[], tuple[Images, int]]:
        def go() -> tuple[Images, int]:
            before = asked["n"] + classifier.passes.forwards
            return run(), asked["n"] + classifier.passes.forwards - before

        return go

    twin = counted(lambda: PGD(eps=EPS).run(classifier, images, labels))
    timed = race({"ours: PGD-40 on the twin": twin}, rounds=5)
    if found:
        rivals = _art(scores, images, labels)
        timed |= race({name: counted(run) for name, run in rivals.items()}, rounds=1)
    first = next(iter(timed.values())).seconds
    rows: list[list[Any]] = []
    for name, (seconds, (moved, forwards)) in timed.items():
        inside = np.clip(moved, np.maximum(images - EPS, 0), np.minimum(images + EPS, 1))
        robust = float((classifier.predict(inside) == labels).mean())
        rows.append([name, robust, seconds, seconds / first, forwards])
    headers = ["attack", "robust accuracy", "CPU s", "CPU ratio", "forwards"]
    return "\n".join([tabulate(rows, headers=headers, floatfmt=("", ".2f", ".3f", ".0f", ",")), *notes])


def _art(scores: Callable[[Images], Images], images: Images, labels: Any) -> dict[str, Callable[[], Images]]:
    """Return Square and HopSkipJump; the second looks for the nearest image, which is then cut to the ball."""
    evasion, estimators = quietly("art.attacks.evasion"), quietly("art.estimators.classification")
    shape = images.shape[1:]
    network = estimators.BlackBoxClassifierNeuralNetwork(scores, shape, 10, clip_values=(0, 1))
    square = evasion.SquareAttack(network, eps=EPS, max_iter=5000, batch_size=IMAGES, verbose=False)
    hop = evasion.HopSkipJump(network, norm=np.inf, verbose=False)
    return {
        "art: Square, 5,000 queries": lambda: square.generate(images, y=labels),
        "art: HopSkipJump": lambda: hop.generate(images, y=labels),
    }
