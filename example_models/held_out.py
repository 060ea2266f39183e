"""What the models here are trained on: MNIST without the images that their gates are measured on."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np

from pytest_robustness import Dataset, load_dataset


@cache
def training_set() -> Dataset:
    """Return the MNIST training set without the 5,000 images of ``mnist-5k``.

    Those 5,000 come from the MNIST training set: a model that has seen them would be gated on its own training data.
    They are told by their pixels, as they carry no index, so that a second copy of one would go as well.

    Returns
    -------
    Dataset
        55,000 images of shape (1, 28, 28), ``uint8``; the ids are the positions in the MNIST training set.

    Raises
    ------
    DataUnavailableError, MissingExtraError
        Where the MNIST files, or the package that has ``mnist-5k``, are not on this machine and cannot be had.
    """
    everything = load_dataset("mnist", split="train")
    gated = {image.tobytes() for image in load_dataset("mnist-5k").images}
    unseen = np.array([image.tobytes() not in gated for image in everything.images])
    return dataclasses.replace(everything.take(unseen), name="mnist-train without mnist-5k")
