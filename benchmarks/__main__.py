"""Run all benchmarks and print their tables: ``python -m benchmarks``."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING

import torch

from benchmarks import attacks, functions, startup

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES: dict[str, Callable[[], str]] = {
    "Start-up": startup.table,
    "PGD-40, LeNet-5, 1,000 images (CPU ratio: their CPU time over ours; outside: images beyond eps)": attacks.table,
    "Functions": functions.table,
    "Generated corruptions": functions.corruptions,
}


def main() -> int:
    """Print every table; ratios within a table are measured in turns, on the same images and threads."""
    # With one thread the CPU time of a contender does not depend on what else the machine does.
    torch.set_num_threads(1)
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, one thread")
    for title, table in TABLES.items():
        print(f"\n{title}\n")
        print(table(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
