"""One image in front of one classifier: what changes make of its prediction, and how to see it again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.counterexamples.counterexample import Counterexample
from pytest_robustness.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_robustness.classifiers import Classifier
    from pytest_robustness.datasets import Dataset
    from pytest_robustness.strategies import Perturbation

_NAMES = {
    "Perturbation": "pytest_robustness.strategies",
    "towards": "pytest_robustness.strategies",
    "attacks": "pytest_robustness",
    "corrupt": "pytest_robustness.transforms",
    "corrupt_common": "pytest_robustness.transforms.common",
    "load_mnist_c": "pytest_robustness.datasets",
    "load_classifier": "pytest_robustness",
    "load_dataset": "pytest_robustness",
    "own_transform": "pytest_robustness.strategies",
}
"""What a line that reproduces a failure may use, and where it is."""


@dataclass(frozen=True, eq=False)
class Origin:
    """Code that makes the classifier and the data again, where there is any: names of the user's own otherwise.

    Parameters
    ----------
    model, data : str or None
        Sources as `load_classifier` and `load_dataset` take them.
    """

    model: str | None = None
    data: str | None = None

    def line(self, perturbation: Perturbation, index: int | None, before: int, after: int) -> str:
        """Return one line of Python that shows a failure again.

        Objects that no text stands for are called ``model``, ``data`` and ``image``.
        """
        code, loads = repr(perturbation), []
        if self.data is not None and index is not None:
            loads.append(f"data = load_dataset({self.data!r})")
        if self.model is not None:
            some = "image" if index is None else "data.images[:8]"
            loads.append(f"model = load_classifier({self.model!r}).bound({some})")
        called = set(re.findall(r"(?<![.\w])\w+(?=[(.])", "; ".join([code, *loads])))
        wanted = [name for name in _NAMES if name in called]
        rooms = dict.fromkeys(_NAMES[name] for name in wanted)
        imports = [f"from {room} import {', '.join(n for n in wanted if _NAMES[n] == room)}" for room in rooms]
        pixels = "image, ids=[0]" if index is None else f"data.pixels(data.ids == {index}), ids=[{index}]"
        call = f"print(model.predict({code}({pixels})))"
        return "; ".join([*imports, *loads, call]) + f"  # {before} becomes {after}"


@dataclass(frozen=True, eq=False)
class Case:
    """An image that the classifier gets right.

    Parameters
    ----------
    classifier : Classifier
    sample : Dataset
        Of one image, with its label and id.
    known : bool
        Whether its id is an index in a data set, and not made up for an image of the user.
    batch_size : int
    origin : Origin
    """

    classifier: Classifier
    sample: Dataset
    known: bool = True
    batch_size: int = 500
    origin: Origin = field(default_factory=Origin)

    @property
    def label(self) -> int:
        """The true class."""
        return int(self.sample.labels[0])

    def changed(self, perturbations: Sequence[Perturbation]) -> NDArray[np.float32]:
        """Return the image after each of several changes, (M, C, H, W)."""
        pixels = self.sample.pixels()
        return np.concatenate([one(pixels, ids=self.sample.ids) for one in perturbations])

    def fails(self, perturbations: Sequence[Perturbation]) -> NDArray[np.bool_]:
        """Return after which changes the prediction is wrong, (M,)."""
        # A batch after the other: a long scan of large images would not fit into memory.
        batches = [perturbations[i : i + self.batch_size] for i in range(0, len(perturbations), self.batch_size)]
        found = [self.classifier.predict(self.changed(batch), batch_size=self.batch_size) for batch in batches]
        return np.asarray(np.concatenate(found) != self.label)

    def counterexample(
        self, perturbation: Perturbation, *, holds_at: Perturbation | None, search: str, forwards: int
    ) -> Counterexample:
        """Return the counterexample of a change, seen once more on its own.

        Raises
        ------
        EvaluationError
            Where the prediction is right this time: the model does not say twice the same.
        """
        original, image = self.sample.pixels(), self.changed([perturbation])
        before, after = (int(self.classifier.predict(pixels)[0]) for pixels in (original, image))
        if before != self.label or after == self.label:
            raise EvaluationError(
                "the outputs of the model change from call to call, or with the images beside one in its batch",
                got=f"{before} before and {after} after {perturbation}, label {self.label}",
                mend="Put it into evaluation mode and fix its randomness.",
            )
        index = int(self.sample.ids[0]) if self.known else None
        return Counterexample(
            index=index,
            label=self.label,
            before=before,
            after=after,
            perturbation=perturbation,
            original=original[0],
            image=image[0],
            holds_at=holds_at,
            search=search,
            forwards=forwards + 2,
            reproduce=self.origin.line(perturbation, index, before, after),
        )
