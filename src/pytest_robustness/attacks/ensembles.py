"""Ensembles: attacks that run one after the other, each on the samples that resisted those before it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_robustness.attacks.apgd import APGDCE, APGDDLR, APGDT
from pytest_robustness.attacks.averaged import Averaged
from pytest_robustness.attacks.base import Attack, Reach, Result
from pytest_robustness.attacks.fab import FABT
from pytest_robustness.attacks.fgsm import FGSM
from pytest_robustness.attacks.hopskipjump import HopSkipJump
from pytest_robustness.attacks.inputs import can_attack, check_ball
from pytest_robustness.attacks.sparse_rs import SparseRS
from pytest_robustness.attacks.square import GuidedSquare, Square
from pytest_robustness.attacks.straight_through import straight_through
from pytest_robustness.attacks.through import StraightThrough

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from pytest_robustness.classifiers import Classifier


@dataclass(frozen=True, kw_only=True)
class Ensemble(Attack):
    """Several attacks inside one norm ball, chosen by what a classifier offers.

    A classifier without gradients is attacked through its scores, one without scores through its labels.

    Parameters
    ----------
    norm : {"linf", "l2"}
    eps : float
        Radius of the ball, in units of pixels in [0, 1].
    """

    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    needs: ClassVar[str] = "labels"
    targetable: ClassVar[bool] = False

    norm: str = "linf"
    eps: float

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_ball(self.name, self.norm, self.eps, self.norms)

    @property
    def reach(self) -> Reach:
        """The ball of its norm and radius."""
        return Reach(self.norm, self.eps)

    def stages(self, classifier: Classifier) -> Sequence[Attack]:
        """Return what the classifier allows: attacks on its gradients, else on its scores, else on its labels."""
        if can_attack(classifier, "gradients"):
            fitting = [stage for stage in self._on_gradients() if can_attack(classifier, stage.needs)]
            return fitting if can_attack(classifier, "scores") else [*fitting, *self._on_labels()]
        return self._on_scores() if can_attack(classifier, "scores") else self._on_labels()

    def opening(self, classifier: Classifier) -> Attack | None:
        """Return one step along the gradient, where there is one: it fells the weakest samples for two passes each."""
        return FGSM(**self._ball) if self.norm in FGSM.norms and can_attack(classifier, "gradients") else None

    @property
    def _ball(self) -> dict[str, Any]:
        return {"norm": self.norm, "eps": self.eps}

    @abstractmethod
    def _on_gradients(self) -> Sequence[Attack]:
        """Return the stages for a classifier with gradients."""

    def _on_scores(self) -> Sequence[Attack]:
        return (Square(**self._ball), *self._on_labels())

    def _on_labels(self) -> Sequence[Attack]:
        return (HopSkipJump(**self._ball, stop_at_eps=True),)

    def _attack(
        self,
        classifier: Classifier,
        images: NDArray[np.float32],
        labels: NDArray[np.int64],
        ids: NDArray[np.int64],
        seed: int,
    ) -> Result:
        return self.search(classifier, images, labels, ids=ids, seed=seed, batch_size=len(images))


@dataclass(frozen=True, kw_only=True)
class AutoAttack(Ensemble):
    """The standard ensemble with its published budgets (Croce and Hein 2020, arXiv:2003.01690, section 5).

    APGD on the cross-entropy (100 steps), FAB-T and APGD-T (9 targets, 100 steps each) and Square (5,000 queries).
    Three things differ: the gradients of APGD carry a little noise, which finds more in models that mask theirs; FAB-T
    comes before APGD-T, because it takes fewer passes for every sample that falls; and samples without hope leave
    early. What these rules lose was measured: nothing on honest models, three samples in a thousand on one that masks
    its gradients, where the noise finds more than ten times as many. See ``docs/attacks.md``.
    """

    name = "autoattack"

    def _on_gradients(self) -> Sequence[Attack]:
        return (
            APGDCE(**self._ball, noise=_NOISE, patience=1.0),
            FABT(**self._ball, stop_at_eps=True, patience=_FAB_PATIENCE[self.norm]),
            APGDT(**self._ball, patience=1.0),
            Square(**self._ball, patience=2.5),
        )


@dataclass(frozen=True, kw_only=True)
class FastAutoAttack(Ensemble):
    """The same attacks as in `AutoAttack` for a fraction of its passes: samples without much hope leave at once.

    It is meant for the everyday run. Where it finds less than the full ensemble is measured in ``docs/attacks.md``.
    """

    name = "autoattack-fast"

    def _on_gradients(self) -> Sequence[Attack]:
        first, second = {"linf": (0.5, 0.4), "l2": (1.0, 1.0)}[self.norm]
        return (
            APGDCE(**self._ball, noise=_NOISE, patience=first),
            FABT(**self._ball, targets=3, stop_at_eps=True, patience=_FAB_HASTE[self.norm]),
            APGDT(**self._ball, patience=second),
            GuidedSquare(**self._ball, queries=1000, patience=6.0),
        )

    def _on_scores(self) -> Sequence[Attack]:
        return (Square(**self._ball, queries=1000, patience=2.0), *self._on_labels())

    def _on_labels(self) -> Sequence[Attack]:
        return (HopSkipJump(**self._ball, steps=20, max_queries=2500, stop_at_eps=True),)


@dataclass(frozen=True, kw_only=True)
class RandomAutoAttack(Ensemble):
    """The ensemble for models whose outputs change from call to call (section 5.1 of the paper of `AutoAttack`).

    APGD on the cross-entropy and on the difference-of-logits ratio, each step averaged over 20 calls. The measurement
    of such a model is still not a gate: its value changes from run to run.
    """

    name = "autoattack-rand"

    def _on_gradients(self) -> Sequence[Attack]:
        return Averaged(attack=APGDCE(**self._ball)), Averaged(attack=APGDDLR(**self._ball))


@dataclass(frozen=True, kw_only=True)
class Strongest(Ensemble):
    """All that a classifier allows, without giving anybody up.

    The attacks of `AutoAttack`, with gradients that pass straight through the steps of a model that rounds, a guided
    search from where they lead, and Square; for l0 sparse-RS.
    """

    name = "strongest"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l0")

    def slopes(self) -> AbstractContextManager[object]:
        """Return the context in which steps have slopes."""
        return straight_through()

    def stages(self, classifier: Classifier) -> Sequence[Attack]:
        """Return what the classifier allows; for l0 an attack on its scores, whatever else it offers."""
        if self.norm == "l0":
            return SparseRS(**self._ball, queries=10_000).stages(classifier)
        return super().stages(classifier)

    def _on_gradients(self) -> Sequence[Attack]:
        ball = self._ball
        return (
            StraightThrough(attack=APGDCE(**ball, noise=_NOISE)),
            StraightThrough(attack=FABT(**ball, stop_at_eps=True, patience=1.5)),
            StraightThrough(attack=APGDT(**ball)),
            StraightThrough(attack=GuidedSquare(**ball, queries=5000)),
            Square(**ball),
        )


_NOISE = 0.1
_FAB_PATIENCE = {"linf": 1.05, "l2": 1.5}
_FAB_HASTE = {"linf": 1.02, "l2": 1.05}
