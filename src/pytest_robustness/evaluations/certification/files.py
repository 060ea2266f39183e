"""Certificates as a file: one line an image, in the shape of the published result files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_robustness.certificates import ABSTAIN
from pytest_robustness.errors import ParameterError, unknown_name
from pytest_robustness.evaluations.pictures import written

if TYPE_CHECKING:
    import os

    import pandas as pd

    from pytest_robustness.evaluations.measurement import Measurement

SEPARATORS = {".tsv": "\t", ".csv": ","}
"""Suffixes of the files; the published ones are separated by tabs."""


def certificates_table(measurement: Measurement) -> pd.DataFrame:
    """Return the certificates of a `CertifiedAccuracy`, one line an image.

    Returns
    -------
    pandas.DataFrame
        ``idx`` of the image in the data set, its ``label``, ``predict`` (-1 for an image that abstains), ``radius`` (0
        there; for one radius this or 0), ``correct`` (0 or 1: right and certified) and ``time`` in seconds, as in the
        result files of Cohen et al. (ICML 2019) and Lee et al. (NeurIPS 2019).

    Raises
    ------
    ParameterError
        Where it is the measurement of something else, or a further metric and not the accuracy.
    """
    import pandas as pd

    samples = measurement.samples
    if measurement.family != "certified" or "radius" not in samples:
        raise ParameterError(
            "the measurement holds no certificates",
            got=measurement.name,
            allowed="what measuring CertifiedAccuracy(...) returns, which is the accuracy",
        )
    certified = samples["prediction"] != ABSTAIN
    return pd.DataFrame(
        {
            "idx": samples["index"],
            "label": samples["label"],
            "predict": samples["prediction"],
            "radius": samples["radius"] * certified,
            "correct": (samples["prediction"] == samples["label"]).astype(int),
            "time": samples["seconds"].round(4),
        }
    ).sort_values("idx", ignore_index=True)


def check_certificates_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file of certificates; raise ParameterError for an unknown suffix."""
    target = Path(path)
    if target.suffix.lower() not in SEPARATORS:
        raise unknown_name("format of certificates", str(path), SEPARATORS)
    return target


def save_certificates(measurement: Measurement, path: str | os.PathLike[str]) -> None:
    """Write the certificates of a `CertifiedAccuracy` to a file, see `certificates_table`.

    Parameters
    ----------
    measurement : Measurement
    path : str or path
        ``.tsv``, separated by tabs as the published files are, or ``.csv``. Missing folders are made.

    Raises
    ------
    ParameterError
        For another suffix, or another measurement.
    ConfigurationError
        Where the file cannot be written.
    """
    target = check_certificates_file(path)
    table = certificates_table(measurement)
    text = table.to_csv(sep=SEPARATORS[target.suffix.lower()], index=False, lineterminator="\n")
    written(target, text.encode(), what="the table of certificates")
