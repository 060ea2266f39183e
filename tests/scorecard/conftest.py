"""The sample scorecard as a fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scorecard.sample import make_card

if TYPE_CHECKING:
    from pytest_robustness.scorecard import Scorecard


@pytest.fixture(scope="session")
def card() -> Scorecard:
    return make_card()
