"""What lives as long as the pytest session: the evaluators, and the rows that a test has recorded."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

from pytest_robustness.plugin.progress import ProgressLine

if TYPE_CHECKING:
    from pytest_robustness.gates.evaluators import Evaluators

PROBLEMS = pytest.StashKey[list[str] | None]()
"""Why requirements of a test could not be evaluated; there once they have been judged."""

EVALUATORS: pytest.StashKey[Evaluators] = pytest.StashKey()
PAYLOADS = pytest.StashKey[dict[tuple[str, str, str], dict[str, Any]]]()


def evaluators_of(config: pytest.Config) -> Evaluators:
    """Return the evaluators of the session, made on first use."""
    if EVALUATORS not in config.stash:
        from pytest_robustness.gates.evaluators import Evaluators

        config.stash[EVALUATORS] = Evaluators(cache=_cache_folder(config), progress=ProgressLine(config))
    return config.stash[EVALUATORS]


def record(item: pytest.Item, payload: dict[str, Any]) -> None:
    """Keep a row until the report of the test takes it along.

    A judged row replaces an earlier one of the same metric; one that was only measured never does.
    """
    rows = item.stash.setdefault(PAYLOADS, {})
    row = payload["row"]
    key = (row["id"], row["model"], row["data"])
    if key not in rows or row["threshold"] is not None or row.get("verdict", "measured") != "measured":
        rows[key] = payload


def drain(item: pytest.Item) -> list[dict[str, Any]]:
    """Return the rows that the test has recorded, and forget them."""
    rows = item.stash.get(PAYLOADS, {})
    item.stash[PAYLOADS] = {}
    return list(rows.values())


def _cache_folder(config: pytest.Config) -> str | None:
    cache = getattr(config, "cache", None)  # absent under -p no:cacheprovider
    if cache is None:
        return None
    try:
        return str(cache.mkdir("robustness"))
    except OSError as error:
        warnings.warn(pytest.PytestCacheWarning(f"outcomes are not stored: {error}"), stacklevel=2)
        return None
