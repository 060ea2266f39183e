"""The command ``data``: what data sets there are, where they lie, and downloading one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_robustness.commands.console import PASSED, say

if TYPE_CHECKING:
    import argparse


def add_command(commands: Any) -> None:
    """Add the command to the parser of the command line."""
    data = commands.add_parser("data", help="list the data sets, download one, or say where they are")
    actions = data.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", help="every data set: size, shape, place, licence").set_defaults(run=_data_list)
    actions.add_parser("path", help="the folder in which files are looked for").set_defaults(run=_data_path)
    fetch = actions.add_parser("fetch", help="download a data set, checking its SHA-256")
    fetch.add_argument("name", metavar="NAME")
    fetch.set_defaults(run=_data_fetch)


def _data_list(_: argparse.Namespace) -> int:
    from tabulate import tabulate

    from pytest_robustness.datasets import describe, describe_mnist_c

    rows = [
        (
            info.name,
            f"{info.n:,}" + (f" x {info.copies}" if info.copies > 1 else ""),
            "x".join(map(str, info.shape)),
            info.location or "not here",
            info.licence,
        )
        for info in (*describe(), describe_mnist_c())
    ]
    widths = [None, None, None, 34, 44]
    say(tabulate(rows, headers=["name", "images", "shape", "where", "licence"], maxcolwidths=widths))
    return PASSED


def _data_path(_: argparse.Namespace) -> int:
    from pytest_robustness.datasets import data_folder
    from pytest_robustness.datasets.files import cache_folder

    say(str(data_folder() or cache_folder()))
    return PASSED


def _data_fetch(options: argparse.Namespace) -> int:
    from pytest_robustness.datasets import fetch

    for path in fetch(options.name, progress=sys.stderr.isatty()):
        say(str(path))
    return PASSED
