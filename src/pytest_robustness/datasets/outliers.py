"""Sets of outliers: images that are none of what the classifier was made for."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.datasets.arrays import dataset_from_arrays
from pytest_robustness.datasets.checks import is_integer
from pytest_robustness.datasets.generated import GENERATORS, generate
from pytest_robustness.datasets.loading import as_dataset, is_path, read_npz
from pytest_robustness.datasets.registry import ENTRIES, normalise
from pytest_robustness.errors import DatasetError, unknown_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_robustness.datasets.dataset import Dataset

_INVERTED = "inverted"

OUTLIERS: tuple[str, ...] = (*GENERATORS, _INVERTED, *ENTRIES)
"""All names that `load_outliers` takes."""

# Some blank images in common are an accident; more is the same data under another name.
_LARGEST_OVERLAP = 0.01


def load_outliers(source: Any, *, like: Dataset, n: int | None = None, seed: int = 0) -> Dataset:
    """Load or make outliers that fit a data set.

    Parameters
    ----------
    source : str, Path, numpy.ndarray, tuple or Dataset
        A name of `OUTLIERS` (case, underscores and spaces do not matter), the path to an .npz file with ``images``,
        an array of images, ``(images, labels)``, or a Dataset. Made here, without a download:

        - ``uniform-noise``: every pixel uniform on 0..255;
        - ``gaussian-noise``: every pixel N(0.5, 0.5), clipped to [0, 1];
        - ``letters``: printed letters, white on black;
        - ``photo-patches``: parts of two photographs, grey where `like` is grey;
        - ``inverted``: the images of `like`, black and white exchanged, with their ids.
    like : Dataset
        The data that the outliers are to be told from.
    n : int, optional
        Number of outliers, drawn at random with the seed. By default as many as `like` has, or all there are.
    seed : int
        Seed of the draw.

    Returns
    -------
    Dataset
        With the image shape of `like` and ``labelled=False``.

    Raises
    ------
    ParameterError
        If the name is not known, or the seed is not an integer.
    DatasetError
        If the images have another shape than those of `like`, are the same images, or there are fewer than `n`.
    DataUnavailableError, MissingExtraError
        As for `~pytest_robustness.datasets.load_dataset`.
    """
    name = normalise(source) if isinstance(source, str) else ""
    if n is not None and (not is_integer(n) or n < 1):
        raise DatasetError("the number of outliers is not usable", got=n, allowed="an integer of at least 1")
    if name in GENERATORS:
        images = generate(name, len(like) if n is None else int(n), like.shape, seed=seed)
        return dataset_from_arrays(images, None, name=name)
    if name == _INVERTED:
        return _inverted(like).sample(n, seed=seed)
    found = _unlabelled(source)
    _check_against(found, like)
    return found.sample(min(len(like), len(found)) if n is None else n, seed=seed)


def _unlabelled(source: Any) -> Dataset:
    """Load a set and drop its labels: they count other classes than those of the data."""
    if isinstance(source, str) and not is_path(source):
        if normalise(source) not in ENTRIES:
            raise unknown_name("set of outliers", source, OUTLIERS, mend="Or give the path to an .npz file.")
        found = as_dataset(source)
    elif isinstance(source, str | Path):
        images, _ = read_npz(Path(source), labelled=False)
        found = dataset_from_arrays(images, None, name=Path(source).stem)
    elif isinstance(source, np.ndarray) or hasattr(source, "detach"):
        found = dataset_from_arrays(source, None, name="arrays")
    else:
        found = as_dataset(source)
    return dataclasses.replace(found, labels=np.full(len(found), -1, dtype=np.int64), labelled=False)


def _inverted(like: Dataset) -> Dataset:
    white = np.uint8(255) if like.images.dtype == np.uint8 else np.float32(1)
    return dataclasses.replace(
        like,
        images=white - like.images,
        labels=np.full(len(like), -1, dtype=np.int64),
        name=_INVERTED,
        labelled=False,
    )


def _check_against(outliers: Dataset, like: Dataset) -> None:
    if outliers.shape != like.shape:
        raise DatasetError(
            f"outliers of {outliers.name} have another shape than the images of {like.name}",
            got=outliers.shape,
            allowed=str(like.shape),
            mend="Choose another set, or resize the images and pass them as an array.",
        )
    theirs, ours = _contents(outliers, like), _contents(like, outliers)
    common = set(theirs) & set(ours)
    # Both ways: the data may be a small sample of the outliers, or the other way round.
    share = max(sum(content in common for content in contents) / len(contents) for contents in (theirs, ours))
    if share > _LARGEST_OVERLAP:
        raise DatasetError(
            f"{outliers.name} cannot serve as outliers: they are images of {like.name}",
            got=f"{share:.1%} of the smaller set in the other",
            allowed=f"images that are not in {like.name}",
            mend="Choose a set that has nothing in common with the data.",
        )


def _contents(dataset: Dataset, other: Dataset) -> list[bytes]:
    """Return each image as bytes, in a dtype that both sets can be compared in."""
    same = dataset.images.dtype == other.images.dtype
    rows: NDArray[Any] = dataset.images if same else dataset.pixels()
    return [row.tobytes() for row in rows]
