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
from pytest_robustness.datasets.overlap import check_disjoint, check_same_shape
from pytest_robustness.datasets.registry import ENTRIES, normalise
from pytest_robustness.errors import DatasetError, unknown_name

if TYPE_CHECKING:
    from pytest_robustness.datasets.dataset import Dataset

_INVERTED = "inverted"

OUTLIERS: tuple[str, ...] = (*GENERATORS, _INVERTED, *ENTRIES)
"""All names that `load_outliers` takes."""

NEAR: tuple[str, ...] = ("fashion-mnist", "kmnist", "notmnist")
"""Sets that look like MNIST: of its size, one bright thing on black. All are downloaded where they are not here."""

FAR: tuple[str, ...] = ("uniform-noise", "gaussian-noise", "photo-patches")
"""Sets that look like nothing that is written; all are made here."""

_NEAR, _FAR = {f"near/{name}": name for name in NEAR}, {f"far/{name}": name for name in FAR}

OUTLIER_SUITES: dict[str, dict[str, str]] = {"mnist-near": _NEAR, "mnist-far": _FAR, "all": {**_NEAR, **_FAR}}
"""Suites by name, with what each set is called in them.

OpenOOD's near sets for MNIST are notMNIST and Fashion-MNIST; KMNIST, which other papers use, is added here. Its far
sets are textures and photographs (CIFAR-10, Tiny ImageNet, Places365): parts of photographs stand for them, and the two
noises are those of Hendrycks & Gimpel (2017). ``inverted`` is in neither: it shows the very images that it is to be
told from, so that the two are no independent samples.
"""


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
    check_same_shape(outliers, like, what="outliers")
    check_disjoint(outliers, like, role="outliers")
