"""Adversarial images in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.errors import ConfigurationError, ParameterError

if TYPE_CHECKING:
    import os

    from pytest_robustness.evaluations.measurement import Measurement

_NAMES = ("images", "index", "label", "prediction", "distance", "fooled")


def save_samples(measurement: Measurement, path: str | os.PathLike[str]) -> None:
    """Write what an attack made of every sample to an ``.npz`` file.

    The file holds, of N samples in the order of their index: ``images`` float32 (N, C, H, W) in [0, 1], ``index`` in
    the data set, ``label``, ``prediction`` (of the adversarial image), ``distance`` from the clean image in the
    ``norm`` of the attack, and ``fooled``. A sample that resisted, or was wrong to begin with, is there as it was.

    Raises
    ------
    ParameterError
        Where the measurement was made without ``save``.
    ConfigurationError
        Where the file cannot be written.
    """
    if "images" not in measurement.samples:
        raise ParameterError(
            "the measurement holds no images",
            got=sorted(measurement.samples),
            mend="Measure AdversarialAccuracy(..., save='adversarial.npz').",
        )
    order = np.argsort(measurement.samples["index"], kind="stable")
    arrays = {name: measurement.samples[name][order] for name in _NAMES}
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(target, allow_pickle=False, norm=np.array(measurement.details["norm"]), **arrays)
    except OSError as error:
        raise ConfigurationError(
            "the adversarial images cannot be written", got=str(target), mend=f"{error.strerror}."
        ) from error
