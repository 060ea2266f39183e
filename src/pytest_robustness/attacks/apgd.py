"""Auto-PGD: projected gradient descent that finds its own step sizes, towards any wrong class or several in turn."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from pytest_robustness.attacks.autostep import ascend
from pytest_robustness.attacks.base import NormAttack
from pytest_robustness.attacks.batch import Found, tries_in_turn
from pytest_robustness.attacks.climber import Rules
from pytest_robustness.attacks.losses import LOSSES, loss_named, margin
from pytest_robustness.errors import ParameterError, check_number
from pytest_robustness.transforms.random import sample_normal, sample_uniform

if TYPE_CHECKING:
    from pytest_robustness.attacks.batch import Batch
    from pytest_robustness.attacks.losses import Loss
    from pytest_robustness.classifiers import Forward


@dataclass(frozen=True, kw_only=True)
class AutoPGD(NormAttack):
    """What all forms of Auto-PGD share (Croce and Hein 2020, arXiv:2003.01690, Algorithm 1 and section 3).

    Parameters
    ----------
    norm, eps, target
        See `NormAttack`.
    steps : int
        Gradient steps of each restart; the first has a length of ``2 * eps``.
    restarts : int
        Runs from different random starts on the edge of the ball; a later one works only on the samples that resisted
        the earlier ones.
    rho : float
        The step size of a sample is halved where its loss rose in less than this share of the last steps.
    noise : float
        Normal noise added to every gradient, as a multiple of its mean absolute value; 0 as published. About 0.1 helps
        much where training on single gradient steps has bent the loss (seen on one such network), and can cost some
        strength towards targets.
    patience : float, optional
        Samples leave that keep more than ``patience * (share of steps left) ** 2`` of the lead that their true class
        had at the start. None, as published, gives nobody up. 1 saves a quarter of the passes or more, and on small
        networks left about two samples in a thousand standing that would have fallen; 0.5 saves more, and cost up to
        1.6 points of strength in l2.
    """

    steps: int = 100
    restarts: int = field(default=1, metadata={"quiet": True})
    rho: float = field(default=0.75, metadata={"quiet": True})
    noise: float = field(default=0.0, metadata={"quiet": True})
    patience: float | None = field(default=None, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("steps", self.steps, minimum=1, whole=True)
        check_number("restarts", self.restarts, minimum=1, whole=True)
        check_number("rho", self.rho, minimum=0.0)
        check_number("noise", self.noise, minimum=0.0)
        if self.patience is not None:
            check_number("patience", self.patience, minimum=0.0)

    @abstractmethod
    def _aim(self) -> tuple[str, int]:
        """Return the name of the loss, and how many classes to aim at in turn; 0 to get away from the true one."""

    def _perturb(self, forward: Forward, batch: Batch) -> Found:
        name, targets = self._aim()
        rules = Rules(
            steps=self.steps,
            size=2 * self.eps,
            loss=_SOUND_LOSSES[name],
            norm=self.norm,
            rho=self.rho,
            noise=self.noise,
            patience=self.patience,
            stream=self._stream(),
        )
        aims = likeliest(forward, batch, targets).T if targets else [batch.targets]

        def once(here: Batch, rows: Tensor, turn: tuple[int, Tensor | None]) -> Found:
            index, aim = turn
            there = None if aim is None else aim[rows]
            return ascend(forward, here, there, self._start(here, index), rules, index=index)

        return tries_in_turn(batch, enumerate(aim for aim in aims for _ in range(self.restarts)), once)

    def _stream(self) -> str:
        """Return the name of the noise: the same for the same loss and kind, by whatever name the attack goes."""
        name, targets = self._aim()
        return f"apgd/{name}/targets" if targets else f"apgd/{name}"

    def _start(self, batch: Batch, index: int) -> Tensor:
        """Return a point in a random direction on the edge of the ball, then clamped (section 3.2)."""
        draw, order = _STARTS[self.norm]
        noise = draw(batch.seed, f"{self._stream()}/start", batch.ids, tuple(batch.images.shape[1:]), index=index)
        noise = 2 * noise - 1 if self.norm == "linf" else noise
        noise *= self.eps / np.linalg.norm(noise.reshape(len(noise), -1), ord=order, axis=1)[:, None, None, None]
        return batch.ball.project((batch.images.double() + torch.as_tensor(noise, device=batch.images.device)).float())


@dataclass(frozen=True, kw_only=True)
class APGD(AutoPGD):
    """Auto-PGD with any loss, untargeted, at one class, or at the likeliest wrong classes in turn (APGD-T).

    Parameters
    ----------
    norm, eps, target, steps, restarts, rho, noise, patience
        See `AutoPGD`.
    loss : {"ce", "cw", "dlr"}, optional
        What is maximised; by default the cross-entropy, and with `targets` the targeted difference-of-logits ratio.
        The ratio is constant where there are fewer classes than its formula names: the margin then takes its place.
    targets : int
        How many wrong classes to aim at, from the most to the least likely of the clean image, or all where there are
        fewer; each with the samples that resisted those before, and any wrong class is a success. 0 for none.
    """

    name = "apgd"

    loss: str | None = field(default=None, metadata={"quiet": True})
    targets: int = field(default=0, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        if self.loss is not None:
            loss_named(self.loss)
        check_number("targets", self.targets, minimum=0, whole=True)
        if self.targets and self.target is not None:
            raise ParameterError(
                "an attack aims at one class, or at several in turn",
                got=f"target={self.target!r}, targets={self.targets}",
                mend="Leave one of them out.",
            )

    def _aim(self) -> tuple[str, int]:
        return self.loss or ("dlr" if self.targets else "ce"), self.targets


@dataclass(frozen=True, kw_only=True)
class APGDCE(AutoPGD):
    """Auto-PGD on the cross-entropy."""

    name = "apgd-ce"

    def _aim(self) -> tuple[str, int]:
        return "ce", 0


@dataclass(frozen=True, kw_only=True)
class APGDDLR(AutoPGD):
    """Auto-PGD on the difference-of-logits ratio."""

    name = "apgd-dlr"

    def _aim(self) -> tuple[str, int]:
        return "dlr", 0


@dataclass(frozen=True, kw_only=True)
class APGDT(AutoPGD):
    """Auto-PGD on the targeted difference-of-logits ratio, at the likeliest wrong classes in turn.

    Parameters
    ----------
    norm, eps, steps, restarts, rho, noise, patience
        See `AutoPGD`.
    targets : int
        As for `APGD`; at least 1.
    """

    name = "apgd-t"
    targetable: ClassVar[bool] = False

    targets: int = field(default=9, metadata={"quiet": True})

    def __post_init__(self) -> None:
        """Refuse parameters out of their range."""
        super().__post_init__()
        check_number("targets", self.targets, minimum=1, whole=True)

    def _aim(self) -> tuple[str, int]:
        return "dlr", self.targets


def likeliest(forward: Forward, batch: Batch, count: int) -> Tensor:
    """Return the wrong classes with the largest scores on the clean images, (B, min(count, K - 1)) int64."""
    with torch.no_grad():
        logits = forward(batch.images)
    others = logits.scatter(1, batch.labels[:, None], -torch.inf)
    return others.topk(min(count, logits.shape[1] - 1), dim=1).indices


def _sound_dlr(logits: Tensor, labels: Tensor, targets: Tensor | None = None) -> Tensor:
    enough = 3 if targets is None else 4
    return (LOSSES["dlr"] if logits.shape[1] >= enough else margin)(logits, labels, targets)


_SOUND_LOSSES: dict[str, Loss] = {**LOSSES, "dlr": _sound_dlr}

_STARTS = {"linf": (sample_uniform, np.inf), "l2": (sample_normal, 2)}
