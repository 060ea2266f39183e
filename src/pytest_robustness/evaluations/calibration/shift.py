"""Other forms of the data that calibration is measured on: corrupted or adversarial images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.attacks.sanity import outside, unconfirmed, unmoved, work_faults
from pytest_robustness.errors import ParameterError, unknown_name
from pytest_robustness.evaluations.adversarial.evaluation import CHECK, CHECKED, AdversarialAccuracy
from pytest_robustness.evaluations.base import blocks_of_rows, gather
from pytest_robustness.evaluations.corruption.evaluation import CorruptionAccuracy
from pytest_robustness.evaluations.corruption.suites import SUITES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.attacks import Attack
    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations.base import Block, Outcome, Subject

Shift = CorruptionAccuracy | AdversarialAccuracy

UNDER_ATTACK = "adversarial"
"""What `under` calls an attack, and the part of the blocks of adversarial images."""

_FACTS = ("fooled", "unconfirmed", "unmoved", "outside")
_OWN = ("bins", "under", "temperature", "attack")
_OF_SUITES = ("corruptions", "severities")


def make_shift(under: object, attack: object, options: dict[str, Any]) -> Shift | None:
    """Return what makes the images that calibration is measured on; None for the images as they are.

    Raises
    ------
    ParameterError
        For an unknown shift, and for options that do not go with it.
    """
    if under == UNDER_ATTACK:
        return _make_attack("pgd" if attack is None else attack, options)
    if attack is not None:
        raise ParameterError("an attack goes with under='adversarial'", got=f"under={under!r}")
    if under is None:
        for name in options:
            mend = "Options of attacks go with under='adversarial', those of corruptions with under='mnist-c'."
            raise unknown_name("parameter of the family 'calibration'", name, _OWN, mend=mend)
        return None
    if under not in tuple(SUITES):
        raise unknown_name("shift for calibration", under, [*SUITES, UNDER_ATTACK])
    for name in options:
        if name not in _OF_SUITES:
            raise unknown_name(f"option of calibration under {under!r}", name, _OF_SUITES)
    return CorruptionAccuracy(suite=str(under), **options)


def _make_attack(attack: object, options: dict[str, Any]) -> AdversarialAccuracy:
    for name in ("save", "trained_on"):
        if name in options:
            raise ParameterError(f"calibration takes no {name}", mend="Measure the adversarial accuracy with it.")
    made = AdversarialAccuracy(attack, **options)
    if made.radii:
        raise ParameterError("calibration is measured at one radius", got=f"eps={list(made.radii)}")
    return made


def attacked_images(
    attack: Attack, subject: Subject, samples: Dataset
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.bool_]]]:
    """Attack the samples of a block.

    Returns
    -------
    images : ndarray of float32, shape (B, C, H, W)
        Those that the classifier gets wrong as they were, those that resisted as the attack left them.
    facts : dict of str to ndarray of bool, shape (B,)
        See `pytest_robustness.attacks.sanity`. A sample that was wrong before counts as fooled.
    """
    clean, labels, size = samples.pixels(), samples.labels, subject.batch_size
    right = subject.classifier.predict(samples.images, batch_size=size) == labels
    images = np.array(clean, dtype=np.float32)
    facts = {name: np.zeros(len(labels), np.bool_) for name in _FACTS} | {"fooled": ~right}
    if right.any():
        at, truth = clean[right], labels[right]
        found, claimed = attack.search(
            subject.classifier, at, truth, ids=samples.ids[right], seed=subject.seed, batch_size=size
        )
        wrong = subject.classifier.predict(found, batch_size=size) != truth
        images[right], facts["fooled"][right] = found, wrong
        facts["unconfirmed"][right] = unconfirmed(claimed, ~wrong)
        facts["unmoved"][right] = unmoved(at, found, ~claimed) & (truth != attack.target)
        facts["outside"][right] = outside(at, found, norm=attack.reach.norm, eps=attack.reach.eps)
    return images, facts


def check_blocks(attack: Attack | None, outcomes: Mapping[Block, Outcome]) -> list[Block]:
    """Return the block in which an attack is examined on samples that resisted it, unless that is done."""
    if attack is None or attack.reach.eps == 0 or any(block.part == CHECK for block in outcomes):
        return []
    resisted = np.flatnonzero(~gather(outcomes, "fooled", part=UNDER_ATTACK))
    return blocks_of_rows(resisted[:CHECKED], CHECK)


def attack_faults(attack: Attack | None, outcomes: Mapping[Block, Outcome]) -> list[str]:
    """Return what is wrong with the work of an attack, in words; nothing where there is none."""
    if attack is None:
        return []
    facts = {name: gather(outcomes, name, part=UNDER_ATTACK) for name in _FACTS}
    # By steps along gradients, not by a search: whoever resists is moved all the same.
    moves = attack.needs == "gradients" and not attack.minimal and attack.reach.eps > 0
    return work_faults(facts, moves=moves)


def seen(outcomes: Mapping[Block, Outcome], name: str) -> Sequence[str]:
    """Return the faults or the warnings that came of examining the attack.

    They speak of the value of an accuracy, which a weak attack leaves too high; a calibration error it leaves too low.
    """
    texts = [str(text) for block, o in outcomes.items() if block.part == CHECK for text in o.arrays[name]]
    return [text.replace("the value", "the accuracy under it") for text in texts]
