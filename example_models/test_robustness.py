"""The gate of every example model, by the table in its folder that ``pytest-robustness propose`` has written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_robustness import requirements

if TYPE_CHECKING:
    from pytest_robustness import Robustness

TABLES = sorted(Path(__file__).parent.glob("*/requirements.toml"))


@pytest.mark.parametrize("robustness_model", requirements(*TABLES))
def test_requirements(robustness: Robustness) -> None: ...
