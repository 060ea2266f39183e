"""The one form that images and labels have everywhere in the package."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.datasets.checks import (
    check_array,
    check_ids,
    check_images,
    check_labels,
    check_positions,
    is_integer,
)
from pytest_robustness.errors import DatasetError
from pytest_robustness.transforms.random import sample_generator

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with labels, in the order given, each with the number it has in the set it came from.

    A Dataset never changes: its arrays are read-only, and arrays that the caller could still write to are copied.
    Two Datasets are equal, and have the same hash, when their fingerprints are the same.

    Parameters
    ----------
    images : numpy.ndarray of shape (N, C, H, W)
        ``uint8`` in 0..255, or ``float32`` in [0, 1].
    labels : numpy.ndarray of shape (N,)
        ``int64``, 0..K-1; all -1 where ``labelled`` is False.
    name : str
        What to call the set in tables.
    ids : numpy.ndarray of shape (N,)
        ``int64``, all different: the index of each sample in the set it was drawn from. Randomness belongs to the id.
    population : int
        Size of the set that the samples were drawn from; N when nothing was left out.
    labelled : bool
        False for a set without labels, as sets of outliers are.

    Raises
    ------
    DatasetError
        If shapes, dtypes or values are not as above, or the set is empty.

    See Also
    --------
    as_dataset : the same from a name, a file, or arrays of other shapes and dtypes.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]
    name: str
    ids: NDArray[np.int64]
    population: int
    labelled: bool = True

    def __post_init__(self) -> None:
        """Check everything and make the arrays read-only."""
        for field in ("images", "labels", "ids"):
            check_array(getattr(self, field), field)
        check_images(self.images)
        check_labels(self.labels, len(self.images), labelled=self.labelled)
        check_ids(self.ids, len(self.images), self.population)
        self._freeze()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled Dataset; numpy forgets on the way that its arrays were read-only."""
        self.__dict__.update(state)
        self._freeze()

    def _freeze(self) -> None:
        for field in ("images", "labels", "ids"):
            object.__setattr__(self, field, _read_only(getattr(self, field)))

    def __len__(self) -> int:
        """Return the number of samples, N."""
        return len(self.images)

    def __eq__(self, other: object) -> bool:
        """Compare by content: images, labels and ids."""
        return self.fingerprint == other.fingerprint if isinstance(other, Dataset) else NotImplemented

    def __hash__(self) -> int:
        """Hash by content."""
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        """Show the name, the size and the shape instead of pages of pixels."""
        part = "" if len(self) == self.population else f" of {self.population}"
        return f"Dataset({self.name!r}, {len(self)}{part} images, shape={self.shape}, {self.images.dtype})"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width (C, H, W) of one image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @property
    def num_classes(self) -> int:
        """Largest label plus one; 0 for a set without labels."""
        return int(self.labels.max()) + 1

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (64 hex digits) over dtype, shape and bytes of the images, the labels and the ids."""
        digest = hashlib.sha256(f"{self.images.dtype} {self.images.shape}".encode())
        for array in (self.images, self.labels, self.ids):
            digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).data)
        return digest.hexdigest()

    def take(self, positions: Any) -> Dataset:
        """Return the rows at some positions.

        Parameters
        ----------
        positions : slice, or array-like of int of shape (M,), or of bool of shape (N,)
            Positions in this set (not ids), each at most once. A slice gives a view, the others a copy.

        Returns
        -------
        Dataset
            With the same name and population, and the ids of the rows.

        Raises
        ------
        DatasetError
            If no row is left, a position is outside the set, or one occurs twice.
        """
        if not isinstance(positions, slice):
            positions = check_positions(positions, len(self))
        return Dataset(
            images=_owned(self.images[positions]),
            labels=_owned(self.labels[positions]),
            name=self.name,
            ids=_owned(self.ids[positions]),
            population=self.population,
            labelled=self.labelled,
        )

    def order(self, seed: int) -> NDArray[np.int64]:
        """Return the positions of all rows in a seeded random order.

        Each sample's place comes from a key that depends on the seed and its id alone (the id-th number of a
        counter-based generator), so that two samples are in the same order in whichever subset both are.

        Parameters
        ----------
        seed : int
            Any integer.

        Returns
        -------
        numpy.ndarray of shape (N,)
            A permutation of 0..N-1.

        Raises
        ------
        ParameterError
            If `seed` is not an integer.
        """
        generator = sample_generator(seed, "order", 0).bit_generator
        keys = generator.random_raw(int(self.ids.max()) + 1)[self.ids]
        return np.lexsort((self.ids, keys))

    def sample(self, n: int | None, *, seed: int) -> Dataset:
        """Draw rows at random without replacement.

        Samples are nested: with one seed, ``sample(500)`` is the first 500 rows of ``sample(1000)``.

        Parameters
        ----------
        n : int or None
            Number of rows. None, or the size of the set: all rows in their original order.
        seed : int
            Seed of the order in which rows are drawn, see `order`.

        Raises
        ------
        DatasetError
            If `n` is less than 1 or more than there are rows.
        """
        if n is None:
            return self
        if not is_integer(n) or not 1 <= n <= len(self):
            raise DatasetError(
                f"cannot draw that many images from {self.name}",
                got=n,
                allowed=f"1 to {len(self)}",
                mend="Leave n out to use all of them.",
            )
        return self if n == len(self) else self.take(self.order(seed)[:n])

    def pixels(self, positions: Any = slice(None)) -> NDArray[np.float32]:
        """Return images as a new ``float32`` array in [0, 1], shape (M, C, H, W): ``uint8`` is divided by 255.

        Parameters
        ----------
        positions : slice or array-like of int, optional
            Positions in this set; all by default.
        """
        pixels: NDArray[np.float32] = self.images[positions].astype(np.float32)
        if self.images.dtype == np.uint8:
            pixels /= np.float32(255)
        return pixels


def _owned(rows: NDArray[Any]) -> NDArray[Any]:
    """Mark rows that were just taken from a read-only array as read-only, so that they are not copied once more."""
    rows.setflags(write=False)
    return rows


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    frozen = np.array(array, order="C") if array.flags.writeable else np.ascontiguousarray(array)
    frozen.setflags(write=False)
    return frozen
