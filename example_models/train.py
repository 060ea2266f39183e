"""Train example models from nothing: ``python -m example_models.train NAME ...``, or ``all``.

Models that have weights are passed over unless ``--force`` is given. The seconds of each go into
``example_models/training_times.json``.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from example_models.models import MODELS, owner, weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from example_models.training import Seconds

TIMES = Path(__file__).with_name("training_times.json")


def main(argv: Sequence[str] | None = None) -> None:
    """Train the models that are asked for, each after the one that it starts from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=[*MODELS, "all"], metavar="NAME", help="all, or of: %(choices)s")
    parser.add_argument("--force", action="store_true", help="overwrite weights that exist")
    asked = parser.parse_args(argv)
    names = MODELS if "all" in asked.names else asked.names
    for name in dict.fromkeys(owner(name) for name in names):
        before = MODELS[name].starts_from
        if before and not weights(before).exists():
            _train(before)
        if asked.force or not weights(name).exists():
            _train(name)
        else:
            print(f"{name} has weights; give --force to train it again")


def _train(name: str) -> None:
    print(f"training {name}")
    script: Any = import_module(f"example_models.{name}.train")
    record(name, script.main(["--force"]), TIMES)


def record(name: str, seconds: Seconds, file: Path) -> None:
    """Write the seconds of a training beside those of the others."""
    times = json.loads(file.read_text()) if file.exists() else {}
    times[name] = {"wall": round(seconds.wall, 1), "cpu": round(seconds.cpu, 1)}
    ordered = {model: times[model] for model in MODELS if model in times}
    file.write_text(json.dumps(ordered, indent=2) + "\n")


if __name__ == "__main__":
    main()
