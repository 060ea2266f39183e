"""Run benchmarks and print their tables: ``python -m benchmarks [NAME ...] [--models DIR]``."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from typing import TYPE_CHECKING, NamedTuple

import torch

from benchmarks import (
    autoattack,
    blackbox,
    calibration,
    certification,
    corruptions,
    early,
    flakiness,
    functions,
    nets,
    ood,
    pgd,
    raw,
    regression,
    sensitivity,
    startup,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class Table(NamedTuple):
    """A title and what computes the text below it."""

    title: str
    text: Callable[[], str]


TABLES = {
    "startup": Table("Start-up", startup.table),
    "pgd": Table("PGD-40, Linf, 1,000 images (CPU ratio: over ours; outside: images beyond eps)", pgd.table),
    "raw": Table("Attacks beside their own passes with nothing around them, 500 images", raw.table),
    "autoattack": Table("AutoAttack, Linf, 100 images (CPU ratio: over the first)", autoattack.table),
    "early": Table("A gate at 0.85 on PGD-40 that stops early, beside the full measurement", early.table),
    "regression": Table("Gates held against a baseline of 95 %, 1,000 of 10,000 images", regression.table),
    "flakiness": Table("Verdicts of an unchanged model, again and again on other samples", flakiness.table),
    "blackbox": Table("MLPClassifier, Linf 0.1, 100 images (CPU ratio: over ours)", blackbox.table),
    "ood": Table("How well 20,000 scores separate (CPU ratio and difference: to ours)", ood.table),
    "functions": Table("Functions", functions.table),
    "calibration": Table("Calibration errors, 10,000 x 10", calibration.table),
    "sensitivity": Table("Accuracy over gamma and brightness, 2,000 images of digits", sensitivity.table),
    "study": Table("The published study of gamma and brightness again", sensitivity.study),
    "certification": Table("Exact L0 thresholds, 28 x 28 pixels", certification.table),
    "certifying": Table(
        "Certificates at alpha 0.8: 100,000 draws for each image, beside one radius alone", certification.passes_table
    ),
    "corruptions": Table("The corruptions of MNIST-C, grey 28 x 28", corruptions.table),
}


def main() -> int:
    """Print the tables asked for; ratios within a table are measured in turns, on the same images and threads."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"tables: {', '.join(TABLES)}; all by default")
    parser.add_argument(
        "--models", metavar="DIR", help=f"folder with small_cln.pt and small_adv.pt, else ${nets.MODELS}"
    )
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.names if name not in TABLES]:
        parser.error(f"unknown table {unknown[0]!r}: one of {', '.join(TABLES)}")
    if chosen.models:
        os.environ[nets.MODELS] = chosen.models
    # With one thread the CPU time of a contender does not depend on what else the machine does.
    torch.set_num_threads(1)
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, one thread")
    for name in chosen.names or TABLES:
        print(f"\n{TABLES[name].title}\n")
        print(TABLES[name].text(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
