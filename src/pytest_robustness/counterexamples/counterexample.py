"""The smallest change found that makes a classifier wrong about one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.counterexamples.pictures import draw, eight_bit, write_picture
from pytest_robustness.errors import unknown_name
from pytest_robustness.evaluations.pictures import PICTURE_FORMATS, written

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from pytest_robustness.strategies import Perturbation


@dataclass(frozen=True, kw_only=True, eq=False)
class Counterexample:
    """An image that is classified correctly, and the smallest change found after which it is not.

    Parameters
    ----------
    index : int or None
        Of the image in its data set; None for an image of the user.
    label : int
        Its true class.
    before, after : int
        What the classifier says of the image as it is, and after the change.
    perturbation : Perturbation
        The change.
    original, image : ndarray of float32, shape (C, H, W)
        The image as it is, and after the change, in [0, 1].
    holds_at : Perturbation or None
        The nearest change by the same transform that was found to do no harm; None where none was looked for.
    search : str
        How it was found, and what that says of the changes that were not tried.
    forwards : int
        Images through the model for it.
    reproduce : str
        A line of Python that shows the failure again.
    """

    index: int | None
    label: int
    before: int
    after: int
    perturbation: Perturbation
    original: NDArray[np.float32] = field(repr=False)
    image: NDArray[np.float32] = field(repr=False)
    holds_at: Perturbation | None = field(default=None, repr=False)
    search: str = field(default="", repr=False)
    forwards: int = field(default=0, repr=False)
    reproduce: str = field(default="", repr=False)

    @property
    def magnitude(self) -> float:
        """How far the change is from the identity, see `Perturbation.magnitude`."""
        return self.perturbation.magnitude

    @property
    def linf(self) -> float:
        """The largest difference of a pixel, in [0, 1]."""
        return float(np.abs(self._difference()).max())

    @property
    def l2(self) -> float:
        """The Euclidean distance of the images, pixels in [0, 1]."""
        return float(np.linalg.norm(self._difference()))

    def save(self, path: str | Path) -> Path:
        """Write the changed image: ``.png`` in 8 bits, which rounds it, or ``.npy`` with every bit.

        Raises
        ------
        ParameterError
            For another suffix.
        ConfigurationError
            Where the file cannot be written.
        """
        from io import BytesIO

        from PIL import Image

        suffix = Path(path).suffix.lower()
        content = BytesIO()
        if suffix == ".png":
            Image.fromarray(eight_bit(self.image)).save(content, "PNG", optimize=True)
        elif suffix == ".npy":
            np.save(content, self.image)
        else:
            raise unknown_name("format of an image", str(path), (".png", ".npy"))
        return written(Path(path), content.getvalue())

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the image as it is, after the change, and the difference; write the picture where a path is given.

        Parameters
        ----------
        path : str or Path, optional
            The suffix picks the format: ``.png``, ``.svg`` or ``.pdf``.

        Raises
        ------
        ParameterError
            For another suffix.
        ConfigurationError
            Where the file cannot be written.
        """
        if path is not None and Path(path).suffix.lower() not in PICTURE_FORMATS:
            raise unknown_name("format of a picture", str(path), PICTURE_FORMATS)
        figure = draw([self])
        if path is not None:
            write_picture(figure, Path(path))
        return figure

    def __str__(self) -> str:
        """Say what was found, in four lines."""
        image = "the image" if self.index is None else f"image {self.index}"
        return "\n".join(
            [
                f"{image}: {self.before} becomes {self.after} by {self.perturbation}",
                f"magnitude {self.magnitude:.4g}, linf {self.linf:.4g}, l2 {self.l2:.4g}",
                f"found by {self.search}, {self.forwards} images through the model",
                self.reproduce,
            ]
        )

    def _difference(self) -> NDArray[np.float32]:
        return self.image - self.original
