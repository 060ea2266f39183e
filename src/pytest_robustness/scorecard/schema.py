"""The JSON schema of a scorecard, as shipped with the package."""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

NAME = "pytest-robustness/scorecard"
VERSION = 1


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) that every written scorecard satisfies."""
    text = importlib.resources.files("pytest_robustness.scorecard").joinpath("schema.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document
