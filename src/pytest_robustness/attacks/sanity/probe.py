"""A closer look at a few samples: do the gradients of this model lead an attack anywhere?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pytest_robustness.attacks.balls import BALLS
from pytest_robustness.attacks.batch import Batch
from pytest_robustness.attacks.inputs import NEEDS, can_attack, opened
from pytest_robustness.attacks.sanity.climbs import count_after_square, look_at_climbs, survivors
from pytest_robustness.attacks.sanity.gradients import look_at_gradients

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_robustness.attacks.base import Attack
    from pytest_robustness.classifiers import Classifier, Forward

LARGEST = 64
"""Samples that are enough: more make the probe dearer, and no clearer."""

SURVIVORS = 20
"""Samples that resisted which other attacks are tried on."""

BLIND = 0.5
"""Share of gradients of exactly zero above which nothing more is tried."""

MOST_NOISE = 1e-3
"""Largest difference between two equal calls, in ranges of the scores. Rounding: 1e-6; dropout: 0.1 and more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What was seen on N samples, all of them classified correctly before the attack.

    Arrays of samples have the shape (N,). What needs gradients is empty, or None, where the attack follows none or most
    are zero.

    Attributes
    ----------
    resisted : ndarray of bool
        Which samples the attack left standing.
    classes, levels : int
        Number of classes, and of different values among all scores.
    scores : bool
        Whether the attack goes by scores or gradients at all.
    averaged : bool
        Whether it averages over the noise of the model.
    noise : float
        Largest difference between two answers to the same images, as a share of the range of the scores.
    neighbours : float
        The same between the answers to an image in two batches.
    training : tuple of str
        Parts of the model that were in training mode after a call.
    zero, faint, flat : ndarray of bool
    kept, turn : ndarray of float
        See `pytest_robustness.attacks.sanity.gradients.Gradients`.
    rose : ndarray of bool
        Whether five steps up the gradient raise the loss.
    control : int or None
        Samples that stand after ten steps in the largest ball, which holds every image.
    standing : ndarray of bool
        Which of the samples that resisted, of the first `SURVIVORS` of them, also resist another gradient attack.
    wider : int or None
        How many of these resist it at twice the radius.
    tried, fooled : int
        Samples of `standing` that Square was tried on, and that it fooled.
    forwards, backwards : int
        Passes that this took.
    """

    resisted: NDArray[np.bool_]
    classes: int
    levels: int
    scores: bool
    averaged: bool = False
    noise: float
    neighbours: float
    training: tuple[str, ...] = ()
    zero: NDArray[np.bool_]
    faint: NDArray[np.bool_]
    flat: NDArray[np.bool_]
    kept: NDArray[np.float64]
    turn: NDArray[np.float64]
    rose: NDArray[np.bool_]
    control: int | None = None
    standing: NDArray[np.bool_]
    wider: int | None = None
    tried: int = 0
    fooled: int = 0
    forwards: int = 0
    backwards: int = 0


def probe(
    classifier: Classifier,
    attack: Attack,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    ids: NDArray[np.int64],
    seed: int,
    resisted: NDArray[np.bool_],
) -> Probe:
    """Look at up to 64 samples; at most about 90 forward passes for each.

    Parameters
    ----------
    classifier : Classifier
    attack : Attack
        The one that was run. Its kind, norm and radius count; it is not run again.
    images : ndarray of float32, shape (N, C, H, W)
        Clean images that the classifier gets right, at least one. Those after the 64th are not looked at.
    labels : ndarray of int64, shape (N,)
    ids : ndarray of int64, shape (N,)
        Identity of each sample: the key of its noise.
    seed : int
        Seed of the run.
    resisted : ndarray of bool, shape (N,)
        Which samples the attack left standing.
    """
    size = min(LARGEST, len(images))
    images, labels, ids, resisted = images[:size], labels[:size], ids[:size], resisted[:size]
    before = classifier.passes.snapshot()
    aim = _aim(attack, classifier)
    with attack.slopes(), opened(classifier, aim.needs) as forward:
        points = torch.tensor(images, device=forward.device)
        found = _look_at_outputs(classifier, forward, points, aim)
        found = replace(found, resisted=resisted)
        # In noise nothing else can be seen.
        steady = max(found.noise, found.neighbours) <= MOST_NOISE
        if steady and aim.needs == "gradients" and aim.norm in BALLS_WITH_SLOPES and aim.eps > 0 and resisted.any():
            truth = torch.tensor(labels, device=forward.device)
            ball = BALLS[aim.norm].around(points, aim.eps)
            batch = Batch(images=points, labels=truth, ball=ball, ids=ids, seed=seed)
            found = replace(found, **_look_at_slopes(forward, batch, resisted, norm=aim.norm, eps=aim.eps))
            if classifier.kind == "scikit-learn":
                # Twins of estimators that count votes are steps with a slope of their own: they promise no rise.
                found = replace(found, kept=np.zeros(0))
    if found.standing.any() and can_attack(classifier, "scores"):
        rows = np.flatnonzero(found.standing)
        tried, fooled = count_after_square(
            classifier, images[rows], labels[rows], ids=ids[rows], seed=seed, norm=aim.norm, eps=aim.eps
        )
        found = replace(found, tried=tried, fooled=fooled)
    spent = classifier.passes - before
    return replace(found, forwards=spent.forwards, backwards=spent.backwards)


BALLS_WITH_SLOPES = ("linf", "l2")
"""Norms whose balls a gradient leads through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aim:
    """What an attack goes by, and in which ball."""

    needs: str
    norm: str
    eps: float
    averaged: bool
    by_scores: bool


def _aim(attack: Attack, classifier: Classifier) -> _Aim:
    """Return the most that any stage of the attack needs of this classifier, and how it goes about it."""
    from pytest_robustness.attacks.averaged import Averaged

    stages = attack.stages(classifier)
    needs = {stage.needs for stage in stages}
    reach = attack.reach
    return _Aim(
        needs=next(need for need in NEEDS if need in needs),
        norm=str(reach.norm),
        eps=float(reach.eps),
        averaged=any(isinstance(stage, Averaged) for stage in stages),
        by_scores="labels" not in needs,
    )


def _look_at_outputs(classifier: Classifier, forward: Forward, points: Tensor, aim: _Aim) -> Probe:
    """Ask twice, and once more in smaller batches."""
    half = len(points) // 2
    with torch.no_grad():
        first, again = forward(points), forward(points)
        # A batch of one is asked for only where there is no more: layers that normalise by the batch refuse it.
        part = forward(points[:half]) if half > 1 else first[:half]
    reach = float((first.max() - first.min()).clamp_min(torch.finfo(first.dtype).tiny))
    module: Any = getattr(classifier.backend, "module", None)
    parts = module.named_modules() if isinstance(module, torch.nn.Module) else []
    none = np.zeros(0, dtype=np.bool_)
    return Probe(
        resisted=none,
        classes=first.shape[1],
        levels=int(np.unique(first.cpu().numpy()).size),
        scores=aim.by_scores,
        averaged=aim.averaged,
        noise=float((first - again).abs().max()) / reach,
        neighbours=float((first[:half] - part).abs().max()) / reach if half else 0.0,
        training=tuple(name or type(part).__name__ for name, part in parts if part.training),
        zero=none,
        faint=none,
        flat=none,
        kept=np.zeros(0),
        turn=np.zeros(0),
        rose=none,
        standing=none,
    )


def _look_at_slopes(
    forward: Forward, batch: Batch, resisted: NDArray[np.bool_], *, norm: str, eps: float
) -> dict[str, Any]:
    """Measure what needs gradients; where most are zero that is all there is to say, and no attack is tried."""
    slopes = look_at_gradients(forward, batch, norm=norm, eps=eps)
    names = ("zero", "faint", "flat", "kept", "turn")
    found: dict[str, Any] = {name: getattr(slopes, name).cpu().numpy() for name in names}
    if found["zero"][resisted].mean() > BLIND:
        return found
    rose, control = look_at_climbs(forward, batch, norm=norm, eps=eps)
    rows = np.flatnonzero(resisted)[:SURVIVORS]
    few = batch.keep(torch.as_tensor(rows, device=batch.images.device))
    standing = np.zeros(len(resisted), dtype=np.bool_)
    standing[rows[survivors(forward, few, eps=eps)]] = True
    wide = min(1.0, 2 * eps) if norm == "linf" else 2 * eps
    wider = survivors(forward, replace(few, ball=BALLS[norm].around(few.images, wide)), eps=wide)
    return {**found, "rose": rose, "control": control, "standing": standing, "wider": int(wider.sum())}
