"""Run all benchmarks and print their tables: ``python -m benchmarks``."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING

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
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores")
    for title, table in TABLES.items():
        print(f"\n{title}\n")
        print(table(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
