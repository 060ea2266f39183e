"""Accuracy under attack: which samples stand, stage after stage, radius after radius."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pytest_robustness.attacks import ATTACKS, Attack, make_attack
from pytest_robustness.attacks.registry import is_option
from pytest_robustness.attacks.sanity import faults, probe, weakness, work_faults
from pytest_robustness.errors import ParameterError, check_number, unknown_name
from pytest_robustness.evaluations.adversarial.attacked import Stage, attack_samples, join_samples, standing_at
from pytest_robustness.evaluations.adversarial.course import Course
from pytest_robustness.evaluations.adversarial.pictures import examples, has_examples, picture_details
from pytest_robustness.evaluations.base import Arrays, Block, Evaluation, Outcome, Subject, blocks_of_rows, to_plain
from pytest_robustness.evaluations.summaries import class_parts, correct_part, measured, share_correct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_robustness.datasets import Dataset
    from pytest_robustness.evaluations.early import EarlyStop
    from pytest_robustness.evaluations.measurement import Measurement

CHECK = "check"
"""The part of the block in which the attack itself is examined."""

CHECKED = 64
"""Samples that it is examined on."""


@dataclass(frozen=True, init=False)
class AdversarialAccuracy(Evaluation):
    """Share of the samples that are classified correctly before and after an attack (robust accuracy).

    Parameters
    ----------
    attack : str or object
        A name of `pytest_robustness.attacks.ATTACKS`, an attack object of this package, or one of foolbox, torchattacks
        or the Adversarial Robustness Toolbox.
    trained_on : sequence of str
        Names of the attacks that the model was trained on, so that the scorecard can say where it is gated by one.
    save : str, optional
        An ``.npz`` file for the adversarial images, see `save_samples`.
    **options
        The parameters of the named attack: ``norm="linf"``, ``eps=0.1``, ``steps=40`` and so on. Several radii,
        ``eps=(0.05, 0.1, 0.2)``, give a curve; the value is then that at the largest.
    """

    family = "adversarial"
    stops_early = True

    attack: Attack
    radii: tuple[float, ...]
    trained_on: tuple[str, ...]
    save: str | None

    def __init__(
        self,
        attack: object = "autoattack",
        *,
        trained_on: str | Sequence[str] = (),
        save: str | None = None,
        **options: Any,
    ) -> None:
        radii = _radii(options.get("eps"))
        if radii:
            options["eps"] = radii[-1]
        if radii and isinstance(attack, Attack):
            attack = attack.at(options.pop("eps"))
        object.__setattr__(self, "attack", make_attack(attack, **options))
        object.__setattr__(self, "radii", radii)
        object.__setattr__(self, "trained_on", _checked_names(trained_on))
        object.__setattr__(self, "save", _checked_path(save))

    @classmethod
    def build(cls, **parameters: Any) -> Self:
        """Make the evaluation; the attack itself refuses the options that it does not have."""
        return cls(**parameters)

    @classmethod
    def knows(cls, name: str) -> bool:
        """Return whether there is a parameter of this name, here or in any attack."""
        return super().knows(name) or is_option(name)

    def parameters(self) -> dict[str, Any]:
        """Return the name and the options of the attack."""
        found = {"attack": self.attack.name, **{k: to_plain(v) for k, v in self.attack.parameters().items()}}
        return found | ({"eps": list(self.radii)} if self.radii else {})

    def plan(self, subject: Subject, outcomes: Mapping[Block, Outcome]) -> Sequence[Block]:
        """Send the samples that stand into the next stage; in the end, have the attack examined."""
        stages = self._stages(subject)
        course = self._course(subject, outcomes, stages)
        early = self._early(subject)
        if early is None:
            for number, stage in enumerate(stages):
                if len(waiting := course.waiting(number)):
                    return blocks_of_rows(waiting, stage.part)
        else:
            settled = early.settled(course, subject.dataset.population) if outcomes else None
            if settled is None and (ahead := early.next_rows(course)):
                number, rows = ahead
                return blocks_of_rows(rows, stages[number].part)
            if settled is not None and settled.decision == "failed":
                return []  # whatever the attack missed could only make it worse
        done = any(block.part == CHECK for block in outcomes) or self.attack.reach.eps == 0
        return [] if done else _check_blocks(course)

    def blocks_expected(self, subject: Subject, planned: int) -> int | None:
        """Return those of all stages, as if no sample fell before the last, and that of the check."""
        return None if self._early(subject) else planned * len(self._stages(subject)) + 1

    def run_block(self, subject: Subject, block: Block) -> Arrays:
        """Classify the samples of a block, attack them, or examine the attack on them."""
        samples = subject.samples(block)
        if block.part == CHECK:
            return self._examine(subject, samples)
        stage = next(stage for stage in self._stages(subject) if stage.part == block.part)
        if stage.attack is None:
            return attack_samples(None, subject, samples, keep_images=False)
        shows = has_examples(block)
        arrays = attack_samples(stage.attack, subject, samples, keep_images=shows or self.save is not None)
        shown = examples(subject, samples, arrays, block, needs=stage.attack.needs) if shows else {}
        kept = {key: value for key, value in arrays.items() if key != "images" or self.save is not None}
        return {**kept, **shown}

    def summarise(
        self, subject: Subject, outcomes: Mapping[Block, Outcome], *, confidence: float
    ) -> tuple[Measurement, ...]:
        """Reduce to the robust accuracy; the clean accuracy, and that of each radius or class, are its parts."""
        stages = self._stages(subject)
        course = self._course(subject, outcomes, stages)
        samples = join_samples(subject, outcomes, stages, course, keep_images=self.save is not None)
        early = self._early(subject)
        settled = None if early is None else early.settled(course, subject.dataset.population)
        over, correct = course.over, course.standing
        parts = [correct_part("clean", (course.fell > 0)[over], confidence)]
        if settled is not None:
            parts = []  # who fell early is known first: no part of an unfinished measurement is a fair sample
        elif self.radii:
            standing = standing_at(self.radii, stages, course, samples["distance"])
            rows = zip(self.radii, standing, strict=True)
            parts += [correct_part(f"eps={radius:g}", stands[over], confidence) for radius, stands in rows]
            correct = standing[-1]
        else:
            parts += class_parts(correct[over], subject.dataset.labels[over], confidence)
        pictures = picture_details(
            subject,
            outcomes,
            [stage.part for stage in stages],
            np.where(correct, subject.dataset.labels, samples["prediction"]),
            whole=settled is None,
        )
        fallen = {stage.part: int((course.fell == number).sum()) for number, stage in enumerate(stages)}
        return (
            measured(
                self,
                subject,
                outcomes,
                "accuracy",
                share_correct(correct[over], confidence),
                confidence=confidence,
                parts=parts,
                details={"norm": self.attack.reach.norm or "linf", "fallen": fallen, **pictures},
                warnings=[*self._warnings(subject, stages), *_seen(outcomes, "warnings")],
                faults=[*_seen(outcomes, "faults"), *work_faults(samples, moves=self._moves())],
                settled=settled,
                samples=samples | {"correct": correct},
            ),
        )

    def _early(self, subject: Subject) -> EarlyStop | None:
        """Return the verdict to stop at; none for a curve or saved images, which want all samples."""
        return subject.early if len(self.radii) < 2 and self.save is None else None

    def _stages(self, subject: Subject) -> list[Stage]:
        """Return the clean images, then each attack at each radius; one that looks for the nearest serves them all."""
        radii = self.radii or (None,)
        images = "+images" if self.save else ""
        found = [Stage("clean", None, 0)]
        for number, radius in enumerate(radii):
            if radius == 0 or (_serves_all(self.attack) and radius is not radii[-1]):
                continue
            attack = self.attack if radius is None else self.attack.at(radius)
            if self._early(subject) and (opening := attack.opening(subject.classifier)):
                found.append(Stage(f"{number}.opening {opening.name}{images}", opening, number))
            for place, step in enumerate(attack.stages(subject.classifier)):
                found.append(Stage(f"{number}.{place} {step.name}{images}", step, number))
        return found

    def _course(self, subject: Subject, outcomes: Mapping[Block, Outcome], stages: list[Stage]) -> Course:
        fallen = ((block, o.arrays["fooled"]) for block, o in outcomes.items() if block.part != CHECK)
        return Course.of(len(subject.dataset), [stage.part for stage in stages], fallen)

    def _examine(self, subject: Subject, samples: Dataset) -> Arrays:
        """Look for signs, on samples that resisted, that the attack could not have worked."""
        attack, classifier = self.attack.examined(subject.classifier)
        clean, labels = samples.pixels(), samples.labels
        known = classifier.predict(clean, batch_size=subject.batch_size) == labels
        if 2 * known.sum() < len(known):
            text = f"the model that the gradients come from gets only {known.sum()} of {len(known)} samples right"
            return {"faults": np.array([text]), "warnings": np.zeros(0, np.str_)}
        seen = probe(
            classifier,
            attack,
            clean[known],
            labels[known],
            ids=samples.ids[known],
            seed=subject.seed,
            resisted=np.ones(int(known.sum()), np.bool_),
        )
        found, doubts = faults(seen), list[str]()
        # A targeted attack has less to find than the untargeted one that it would be held against.
        if attack is self.attack and attack.target is None and (weak := weakness(seen)) is not None:
            # One step is weak by nature, and asked for as such.
            (found if weak.hopeless and attack.name != "fgsm" else doubts).append(weak.text)
        return {"faults": np.array(found, dtype=np.str_), "warnings": np.array(doubts, dtype=np.str_)}

    def _moves(self) -> bool:
        """Return whether whoever resists is moved all the same: by steps along gradients, not by a search."""
        attack = self.attack
        return attack.needs == "gradients" and not attack.minimal and attack.reach.eps > 0

    def _warnings(self, subject: Subject, stages: list[Stage]) -> list[str]:
        attacks = [stage.attack for stage in stages if stage.attack is not None]
        names = list(dict.fromkeys(attack.name for attack in attacks))
        found = []
        if known := [name for name in dict.fromkeys([self.attack.name, *names]) if name in self.trained_on]:
            found.append(f"the model was trained on {known[0]}, an attack that it is gated by")
        if not any(attack.needs == "gradients" for attack in attacks) and names and names != [self.attack.name]:
            what = "scores" if any(attack.needs == "scores" for attack in attacks) else "labels"
            found.append(f"no gradients: attacked through its {what}, by {' and '.join(names)}")
        elif getattr(subject.classifier.backend, "surrogate", None) is not None:
            found.append("the gradients are those of a smooth surrogate of the model")
        return found


def _check_blocks(course: Course) -> list[Block]:
    """Return the block that examines the attack on samples that resisted it; none where none did."""
    resisted = np.flatnonzero(course.standing & course.over)[:CHECKED]
    return blocks_of_rows(resisted, CHECK)


def _seen(outcomes: Mapping[Block, Outcome], name: str) -> list[str]:
    return [str(text) for block, o in outcomes.items() if block.part == CHECK for text in o.arrays[name]]


def _serves_all(attack: Attack) -> bool:
    """Return whether one run at the largest radius answers for the smaller ones: it must not stop or give up for it."""
    return attack.minimal and not getattr(attack, "stop_at_eps", False) and getattr(attack, "patience", None) is None


def _checked_names(trained_on: object) -> tuple[str, ...]:
    """Return the names of attacks; raise ParameterError where one is none."""
    names = (trained_on,) if isinstance(trained_on, str) else trained_on
    if not isinstance(names, (list, tuple)):
        raise ParameterError("trained_on must be names of attacks", got=trained_on, allowed='["pgd"], for instance')
    for name in names:
        if name not in tuple(ATTACKS):
            raise unknown_name("attack in trained_on", name, ATTACKS)
    return tuple(names)


def _radii(eps: object) -> tuple[float, ...]:
    """Return several radii in ascending order; none where there is one."""
    if not isinstance(eps, (list, tuple, np.ndarray)):
        return ()
    if len(eps) == 0:
        raise ParameterError("eps needs at least one radius", got=eps)
    for radius in eps:
        check_number("eps", radius, minimum=0.0)
    return tuple(sorted({to_plain(radius) for radius in eps}))


def _checked_path(save: object) -> str | None:
    if save is None:
        return None
    if not str(save).endswith(".npz"):
        raise ParameterError("adversarial images are saved as .npz", got=str(save), allowed="a path that ends in .npz")
    return str(save)
