"""Noise of a sensor: Gaussian, shot and impulse noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_robustness.transforms import noise

if TYPE_CHECKING:
    import numpy.typing as npt

    from pytest_robustness.transforms.common.batch import Batch, Floats

GAUSSIAN_DEVIATION = (0.04, 0.06, 0.08, 0.09, 0.10)
SHOT_PHOTONS = (500, 250, 100, 75, 50)
IMPULSE_SHARE = (0.01, 0.02, 0.03, 0.05, 0.07)


def gaussian_noise(batch: Batch, severity: int) -> Floats:
    """Add normal noise of `GAUSSIAN_DEVIATION`, in units of the full pixel range, to each value."""
    return batch.unit + np.float32(GAUSSIAN_DEVIATION[severity - 1]) * batch.normal(
        "gaussian_noise", batch.images.shape[1:]
    )


def shot_noise(batch: Batch, severity: int) -> Floats:
    """Count photons, `SHOT_PHOTONS` of a white pixel on average: ``Poisson(c x) / c``."""
    photons = SHOT_PHOTONS[severity - 1]
    counts = batch.draw("shot_noise", lambda generator, image: generator.poisson(image * (photons / 255)))
    return counts / np.float32(photons)


def impulse_noise(batch: Batch, severity: int) -> npt.NDArray[np.uint8]:
    """Turn `IMPULSE_SHARE` of the values (of each channel by itself) to 0 or to the largest, half each."""
    uniform = batch.uniform("impulse_noise", batch.images.shape[1:])
    return noise.impulse_noise(batch.images, uniform, amount=IMPULSE_SHARE[severity - 1])
