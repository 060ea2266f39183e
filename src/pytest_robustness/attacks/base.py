"""What all attacks share: checked inputs, no work on samples that are already wrong, stages, exact projection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import nullcontext
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pytest_robustness.attacks.balls import BALLS, Ball
from pytest_robustness.attacks.batch import Batch, Found
from pytest_robustness.attacks.inputs import can_attack, check_ball, checked, opened
from pytest_robustness.attacks.targets import check_target, chosen_targets
from pytest_robustness.errors import CapabilityError, ParameterError, check_number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import ArrayLike, NDArray

    from pytest_robustness.classifiers import Classifier, Forward


class Result(NamedTuple):
    """Images (N, C, H, W) float32 in the ball, and which of them fool the classifier as the attack saw it, (N,)."""

    images: NDArray[np.float32]
    fooled: NDArray[np.bool_]


class Reach(NamedTuple):
    """Norm and radius of the ball that an attack stays in; None and infinity where it knows no ball."""

    norm: str | None
    eps: float


@dataclass(frozen=True, kw_only=True)
class Attack(ABC):
    """Looks for an allowed image near each clean one that the classifier gets wrong.

    Parameters
    ----------
    target : int or {"least-likely", "second", "random"}, optional
        The class that each sample is to be taken for: a fixed one, or one found from the scores of the clean image.
        Samples of that very class are left alone. Without it any wrong class will do.
    """

    name: ClassVar[str]
    needs: ClassVar[str] = "gradients"
    minimal: ClassVar[bool] = False
    """Whether it looks for the nearest adversarial image, so that one run answers for every radius."""
    targetable: ClassVar[bool] = True

    target: int | str | None = field(default=None, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        check_target(self.target, self.name, targetable=self.targetable)

    def stages(self, classifier: Classifier) -> Sequence[Attack]:
        """Return the attacks that run one after the other, each on the samples that resisted those before it.

        Raises
        ------
        CapabilityError
            Where the classifier lacks what the attack needs.
        """
        self.check_fits(classifier)
        return (self,)

    def opening(self, classifier: Classifier) -> Attack | None:
        """Return a cheap attack in the same ball that a gate which may stop early tries first; none for most."""
        del classifier
        return None

    def run(
        self,
        classifier: Classifier,
        images: ArrayLike,
        labels: ArrayLike,
        *,
        seed: int = 0,
        ids: ArrayLike | None = None,
        batch_size: int = 500,
    ) -> NDArray[np.float32]:
        """Return adversarial images.

        Parameters
        ----------
        classifier : Classifier
            Must offer what the attack `needs`.
        images : array_like of shape (N, C, H, W)
            uint8, or floats in [0, 1].
        labels : array_like of int, shape (N,)
            True labels.
        seed : int
            Seed of the run.
        ids : array_like of int, shape (N,), optional
            Identity of each sample, the key of its noise; by default its position.
        batch_size : int
            Images in a forward pass.

        Returns
        -------
        ndarray of float32, shape (N, C, H, W)
            Inside the ball and inside [0, 1], exactly. A sample that the classifier got wrong to begin with is returned
            as it was; one that resisted is returned as the attack left it.

        Raises
        ------
        CapabilityError
            Where the classifier lacks what the attack needs.
        ParameterError
            Where shapes, values or labels do not fit together.
        """
        check_number("batch_size", batch_size, minimum=1, whole=True)
        clean, truth, keys = checked(images, labels, ids)
        self.stages(classifier)  # refuses what does not fit before any pass is spent
        right = classifier.predict(clean, batch_size=batch_size) == truth
        adversarial = clean.copy()
        if right.any():
            result = self.search(
                classifier, clean[right], truth[right], ids=keys[right], seed=seed, batch_size=batch_size
            )
            adversarial[right] = result.images
        return adversarial

    def search(
        self,
        classifier: Classifier,
        images: NDArray[np.float32],
        labels: NDArray[np.int64],
        *,
        ids: NDArray[np.int64],
        seed: int,
        batch_size: int = 500,
    ) -> Result:
        """Attack samples that are all classified correctly, stage after stage; arguments as those of `run`, checked.

        Returns
        -------
        Result
            The last image of each sample, and whether it fools the classifier.
        """
        found, fooled = images.copy(), np.zeros(len(images), dtype=np.bool_)
        for stage in self.stages(classifier):
            rows = np.flatnonzero(~fooled)
            for start in range(0, len(rows), batch_size):
                chosen = rows[start : start + batch_size]
                part = stage._attack(classifier, images[chosen], labels[chosen], ids[chosen], seed)  # noqa: SLF001
                found[chosen], fooled[chosen] = part
        return Result(found, fooled)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that name this attack, without the rarely used ones that are at their default."""
        values = {f: getattr(self, f.name) for f in fields(self)}
        return {f.name: value for f, value in values.items() if not (f.metadata.get("quiet") and value == f.default)}

    def at(self, eps: float) -> Attack:
        """Return this attack at another radius.

        Raises
        ------
        ParameterError
            Where it has no radius.
        """
        if "eps" not in [f.name for f in fields(self)]:
            raise ParameterError(f"the attack {self.name!r} has no radius", got=f"eps={eps!r}")
        return replace(self, eps=eps)  # type: ignore[call-arg]

    @property
    @abstractmethod
    def reach(self) -> Reach:
        """How far it may go."""

    @property
    def surrogates(self) -> tuple[Classifier, ...]:
        """Further models whose state the result depends on."""
        return ()

    @property
    def identified(self) -> bool:
        """Whether its parameters say all that its result depends on, so that outcomes may be kept."""
        return all(surrogate.cacheable for surrogate in self.surrogates)

    def examined(self, classifier: Classifier) -> tuple[Attack, Classifier]:
        """Return the attack and the model that are examined for signs that it could not have worked."""
        return self, classifier

    def slopes(self) -> AbstractContextManager[object]:
        """Return the context in which its gradients are taken, for whoever examines them."""
        return nullcontext()

    def check_fits(self, classifier: Classifier) -> None:
        """Raise CapabilityError where the classifier lacks what the attack needs."""
        if not can_attack(classifier, self.needs):
            raise CapabilityError(
                f"{classifier.name} offers no {self.needs}, which the attack {self.name!r} needs",
                got=f"{classifier.kind} model with {', '.join(sorted(classifier.offers))}",
                mend=_ADVICE[self.needs],
            )

    @abstractmethod
    def _attack(
        self,
        classifier: Classifier,
        images: NDArray[np.float32],
        labels: NDArray[np.int64],
        ids: NDArray[np.int64],
        seed: int,
    ) -> Result:
        """Attack the samples of one batch, all of them classified correctly."""


@dataclass(frozen=True, kw_only=True)
class BatchAttack(Attack):
    """An attack of one stage, written for a batch of tensors on the device of the model."""

    def _attack(
        self,
        classifier: Classifier,
        images: NDArray[np.float32],
        labels: NDArray[np.int64],
        ids: NDArray[np.int64],
        seed: int,
    ) -> Result:
        with opened(classifier, self.needs) as forward:
            batch = self._batch(forward, images, labels, ids, seed)
            found = batch.images.clone()
            fooled = torch.zeros(len(batch), dtype=torch.bool, device=found.device)
            rows = _attackable(batch)
            if len(rows):
                found[rows], fooled[rows] = self._perturb(forward, batch.keep(rows))
        return Result(found.cpu().numpy(), fooled.cpu().numpy())

    def _batch(
        self,
        forward: Forward,
        images: NDArray[np.float32],
        labels: NDArray[np.int64],
        ids: NDArray[np.int64],
        seed: int,
    ) -> Batch:
        points = torch.tensor(images, device=forward.device)
        truth = torch.as_tensor(labels, device=forward.device)
        targets = None
        if self.target is not None:
            targets = chosen_targets(self.target, forward, points, truth, ids=ids, seed=seed)
        return Batch(images=points, labels=truth, ball=self._ball(points), ids=ids, seed=seed, targets=targets)

    @abstractmethod
    def _ball(self, images: Tensor) -> Ball:
        """Return what is allowed around the images (B, C, H, W)."""

    @abstractmethod
    def _perturb(self, forward: Forward, batch: Batch) -> Found:
        """Return allowed images for B samples that are all classified correctly, and which of them fool."""


@dataclass(frozen=True, kw_only=True)
class NormAttack(BatchAttack):
    """An attack inside a norm ball.

    Parameters
    ----------
    norm : {"linf", "l2", "l0"}
        Norm of the ball; each attack names those that it knows in `norms`.
    eps : float
        Radius of the ball, in units of pixels in [0, 1]; at most 1 for linf; for l0 the number of pixels that may
        change.
    target
        See `Attack`.
    """

    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")

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

    def _ball(self, images: Tensor) -> Ball:
        return BALLS[self.norm].around(images, self.eps)


_ADVICE = {
    "gradients": 'attack="strongest" picks what the classifier allows; "square" needs scores, "hopskipjump" labels.',
    "scores": 'Use attack="hopskipjump", which needs labels only.',
    "labels": "",
}


def _attackable(batch: Batch) -> Tensor:
    """Return the rows of the samples that are not of their own target class."""
    if batch.targets is None:
        return torch.arange(len(batch), device=batch.images.device)
    return (batch.targets != batch.labels).nonzero()[:, 0]
