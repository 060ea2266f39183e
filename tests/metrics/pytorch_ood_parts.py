"""Parts of pytorch-ood, without its data sets and models: these import torchvision, which is not needed here."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType


def part(name: str) -> ModuleType:
    """Import a module of pytorch-ood from a package without contents."""
    if "pytorch_ood" not in sys.modules:
        spec = importlib.util.find_spec("pytorch_ood")
        package = ModuleType("pytorch_ood")
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["pytorch_ood"] = package
    return importlib.import_module(f"pytorch_ood.{name}")
