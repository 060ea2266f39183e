"""Attacks of other libraries, as objects: foolbox, torchattacks, the Adversarial Robustness Toolbox.

They are never imported here before one of their objects was handed over.
"""

from __future__ import annotations

import hashlib
import math
import random
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pytest_robustness.attacks.base import Attack, NormAttack
from pytest_robustness.attacks.batch import Found
from pytest_robustness.attacks.foreign.library import Asked, Task
from pytest_robustness.attacks.foreign.objects import LIBRARIES, Made, described, own_eps
from pytest_robustness.errors import EvaluationError, ParameterError, RobustnessError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from pytest_robustness.attacks.batch import Batch
    from pytest_robustness.classifiers import Forward


@dataclass(frozen=True, kw_only=True)
class Foreign(NormAttack):
    """An attack object of another library, on our terms: its result is projected into the ball and checked again.

    Made by `as_attack`. The library sees the classifier in the place of the model that the object was made with, and
    its passes are counted. Its randomness is global: it is seeded by the run and the samples of a batch, and the state
    from before is restored; the result repeats, but, other than that of an attack of this package, changes with the
    batches.

    Parameters
    ----------
    made : Made
    norm, eps
        See `NormAttack`.
    """

    name = "foreign"
    targetable = False

    made: Made

    def __post_init__(self) -> None:
        """Refuse parameters out of their range, and another radius than that of the object itself."""
        needs = LIBRARIES[self.made.library].needs(self.made.attack)
        object.__setattr__(self, "name", f"{self.made.library}.{self.made.kind}")
        object.__setattr__(self, "needs", needs)
        super().__post_init__()
        own = own_eps(self.made.library, self.made.attack)
        if own is not None and not math.isclose(own, self.eps, rel_tol=1e-9):
            raise ParameterError(
                f"the {self.made.kind} of {self.made.library} has a radius of its own",
                got=f"eps={self.eps:g}",
                allowed=f"eps={own:g}, or none",
                mend="Give the radius where the object is made.",
            )

    @property
    def identified(self) -> bool:
        """Whether its parameters say all: the estimator of an ART attack may hold a loss that only has a name."""
        return self.made.library != "art"

    def parameters(self) -> dict[str, Any]:
        """Return the ball, the library with its version, the class, and the public parameters of the object."""
        library = f"{self.made.library} {self.made.version}"
        found = {"norm": self.norm, "eps": self.eps, "library": library, "class": self.made.kind}
        for name, value in self.made.options:
            found[f"{name}_" if name in {"attack", *found} else name] = value
        return found

    def _perturb(self, forward: Forward, batch: Batch) -> Found:
        if self.eps == 0:  # some refuse an empty ball
            return Found(batch.images, torch.zeros(len(batch), dtype=torch.bool, device=batch.images.device))
        with torch.no_grad():
            classes = forward(batch.images[:1]).shape[1]
        asked = Asked(forward, self.made.library)
        task = Task(forward=asked, batch=batch, norm=self.norm, eps=float(self.eps), classes=classes)
        with _seeded(_seed_of(batch)), warnings.catch_warnings():
            # What a library has to say about the future of its own code is not for our users.
            for kind in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
                warnings.simplefilter("ignore", kind)
            found = self._checked(self._called(task), batch.images)
        images = batch.ball.project(found)
        with torch.no_grad():
            return Found(images, batch.fooled(forward(images)))

    def _called(self, task: Task) -> Any:
        try:
            return LIBRARIES[self.made.library].run(self.made.attack, task)
        except RobustnessError:
            raise
        except Exception as error:
            raise EvaluationError(
                f"the {self.made.kind} of {self.made.library} failed",
                got=f"{type(error).__name__}: {error}",
                mend="Its parameters may not fit the images or the number of classes.",
            ) from error

    def _checked(self, found: Any, images: Tensor) -> Tensor:
        """Return what a library gave as a tensor like the images, where it is one."""
        points = torch.as_tensor(found).detach().to(images.device, images.dtype)
        if points.shape != images.shape or not bool(points.isfinite().all()):
            numbers = "" if bool(points.isfinite().all()) else " with NaN or infinity"
            raise EvaluationError(
                f"the {self.made.kind} of {self.made.library} did not return images",
                got=f"shape {tuple(points.shape)}{numbers}",
                allowed=f"finite pixels of shape {tuple(images.shape)}",
            )
        return points


def as_attack(attack: object, *, eps: float | None = None, norm: str | None = None) -> Attack:
    """Return an attack of this package, or an attack object of another library, as an `Attack`.

    Parameters
    ----------
    attack : object
        Of foolbox, torchattacks or the Adversarial Robustness Toolbox (`art`); an `Attack` is returned as it is. Later
        changes to the object do not matter. Its model, if it has one, is replaced by the classifier; so are its device,
        its normalisation and the bounds of its pixels.
    eps : float, optional
        Radius of the ball, in units of pixels in [0, 1]. Needed where the object has none.
    norm : {"linf", "l2"}, optional
        Needed where the object does not say its norm.

    Raises
    ------
    ParameterError
        For any other object, a targeted attack, a missing or contradictory radius or norm, and parameters that cannot
        be recorded.
    """
    if isinstance(attack, Attack):
        if eps is not None or norm is not None:
            raise ParameterError(
                "an attack object of this package brings its own options", got={"eps": eps, "norm": norm}
            )
        return attack
    name = type(attack).__module__.split(".")[0]
    if name not in LIBRARIES or not LIBRARIES[name].is_attack(attack):
        raise ParameterError(
            "not an attack",
            got=attack,
            allowed="an attack object of pytest_robustness.attacks, foolbox, torchattacks or art.attacks.evasion",
            mend="Give an instance, not a class; an attack of your own is a subclass of our Attack.",
        )
    library, kind = LIBRARIES[name], type(attack).__name__
    if library.targeted(attack):
        raise ParameterError(
            f"the {kind} of {name} is targeted",
            allowed="untargeted attacks: robust accuracy asks for any wrong class",
            mend="Make it with targeted=False." if name == "art" else "Call set_mode_default() on it.",
        )
    own = own_eps(name, attack)
    radius = own if eps is None else eps
    if radius is None:
        raise ParameterError(f"the {kind} of {name} has no radius", mend="Give eps, for instance eps=0.1.")
    return Foreign(made=described(name, attack), norm=_agreed_norm(name, attack, norm), eps=radius)


def _agreed_norm(library: str, attack: Any, given: str | None) -> str:
    own = LIBRARIES[library].norm(attack)
    if own is None and given is None:
        raise ParameterError(
            f"the {type(attack).__name__} of {library} does not say its norm",
            allowed=Foreign.norms,
            mend='Give it, for instance norm="linf".',
        )
    if own is not None and given is not None and own != given:
        raise ParameterError(
            f"the {type(attack).__name__} of {library} has another norm", got=f"norm={given!r}", allowed=own
        )
    return str(given if own is None else own)


def _seed_of(batch: Batch) -> int:
    text = f"{batch.seed}\x00foreign\x00".encode() + batch.ids.astype(np.int64).tobytes()
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "little")


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the global random states of Python, numpy and torch, and give all of them back afterwards."""
    ours, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002
    # A device that nothing has used yet has no state to be given back.
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices):
        try:
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            torch.default_generator.manual_seed(seed)
            if devices:
                torch.cuda.manual_seed_all(seed)
            yield
        finally:
            random.setstate(ours)
            np.random.set_state(numpys)  # noqa: NPY002
