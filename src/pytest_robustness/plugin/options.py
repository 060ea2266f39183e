"""Options and ini keys, and the settings that they add up to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from pytest_robustness.errors import ConfigurationError

if TYPE_CHECKING:
    from pytest_robustness.gates.settings import Settings


@dataclass(frozen=True)
class Option:
    """One option: its name without the prefix, and how pytest parses it and its ini key."""

    name: str
    help: str
    type: type = str
    metavar: str | None = None
    flag: bool = False
    repeat: bool = False

    @property
    def setting(self) -> str:
        """Name of the setting, which is also the end of the ini key."""
        return self.name.replace("-", "_")

    @property
    def ini_type(self) -> Literal["bool", "args", "int", "float", "string"]:
        """How pytest parses the ini key."""
        if self.flag:
            return "bool"
        if self.repeat:
            return "args"
        return "int" if self.type is int else "float" if self.type is float else "string"


OPTIONS = (
    Option("model", "Source of the classifier: module:name, file.py:name, weights.safetensors@module:factory, ..."),
    Option("data", "Data set: a name or the path of an .npz file (default: mnist)"),
    Option("n", "Samples drawn at random from the data set (default: all)", int),
    Option("seed", "Seed of the draw, the order and all noise (default: 0)", int),
    Option("device", "Where a torch model runs (default: cpu)"),
    Option("batch-size", "Images in a forward pass (default: 500)", int),
    Option("executor", "Where blocks run: serial, processes or processes:N (default: serial)", metavar="NAME"),
    Option("confidence", "Level of the intervals (default: 0.95)", float),
    Option("verdict", "point, verify or regress (default: point on all data, verify on a sample)", metavar="RULE"),
    Option("inconclusive", "What an inconclusive verdict does to a test: fail, pass or skip (default: fail)"),
    Option("familywise", "off, or holm: all verdicts of the run hold together (default: off)", metavar="HOW"),
    Option("early-stop", "off, certain, or the error of a sequential test, as in 0.05 (default: off)", metavar="RULE"),
    Option("report", "Write the scorecard; .json, .md, .html, .csv, ... (repeatable)", metavar="PATH", repeat=True),
    Option(
        "baseline", "Compare with this scorecard (.json), sample by sample; written where it is not", metavar="PATH"
    ),
    Option("update-baseline", "Write the baseline anew instead of being held against it", flag=True),
    Option("max-drop", "How much worse than the baseline a requirement may be (default: not shown to be)", float),
    Option("strict", "Missing data or extras fail instead of skip", flag=True),
    Option("allow-pickle", "SHA-256 of a pickled model that may be loaded (repeatable)", metavar="SHA256", repeat=True),
)

MARKERS = {
    "accuracy": "min_accuracy=...",
    "adversarial": "attack, norm='linf', eps=..., steps=40, ..., min_accuracy=...",
    "corruption": "suite='mnist-c', corruptions=None, min_accuracy=..., min_each=..., reference=None, max_mce=...",
    "ood": "outliers, score='msp', fit=None, min_auroc=..., min_near_auroc=..., min_far_auroc=..., min_each=..., "
    "max_fpr95=..., max_fpr95_in=..., min_aupr_out=..., min_aupr_in=...",
    "calibration": "bins=15, max_ece=..., max_rms=..., max_brier=..., max_nll=..., max_ace=..., max_mce=...",
    "sensitivity": "gamma=(0.5, 2.0), brightness=(-0.2, 0.2) or one or two other ranges, also of the parameters of "
    "transform=..., points=100, level=0.9, "
    "min_worst=..., min_mean=..., min_area=..., max_drop=..., min_robust_box=...",
    "certified": "norm='l0', radius=1 or [0, 1, 2] or '0..10', alpha=0.8, levels=1, sigma=0.25 (in l2), "
    "noise_n=100000, noise_n0=100, noise_confidence=0.999, min_accuracy=..., min_mean_radius=..., "
    "min_median_radius=...",
    "saliency": "fraction=0.15, map='auto', ..., mask=0.0, min_accuracy=..., max_excess_drop=..., "
    "min_deletion_area=..., min_insertion_area=...",
}
"""Markers and their keywords. Every one also takes the settings in `pytest_robustness.evaluations.OVERRIDES`."""

_EMPTY = ("baseline",)
"""Settings that an empty text switches off, also where a table has them; of all others it says nothing."""

SETTINGS: pytest.StashKey[Settings] = pytest.StashKey()
TABLES = pytest.StashKey[tuple[Path, dict[str, Any], list[dict[str, Any]]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and their ini keys."""
    group = parser.getgroup("robustness", "model robustness")
    tables = "[[tool.robustness.require]] of pyproject.toml"
    group.addoption("--robustness", action="store_true", help=f"Collect a test for each {tables}")
    tables = "[[robustness.require]] of FILE"
    group.addoption("--robustness-config", metavar="FILE", help=f"Collect a test for each {tables}")
    group.addoption("--robustness-no-cache", action="store_true", help="Neither read nor store outcomes")
    parser.addini("robustness", "Same as --robustness", type="bool", default=False)
    parser.addini("robustness_config", "Same as --robustness-config", default="")
    parser.addini("robustness_no_cache", "Same as --robustness-no-cache", type="bool", default=False)
    for option in OPTIONS:
        action = "store_true" if option.flag else "append" if option.repeat else "store"
        extra: dict[str, Any] = {} if option.flag else {"type": option.type, "metavar": option.metavar}
        group.addoption(f"--robustness-{option.name}", action=action, default=None, help=option.help, **extra)
        parser.addini(f"robustness_{option.setting}", option.help, type=option.ini_type, default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; a wrong option or ini key is an error at once, not at the first test that needs it."""
    for name, signature in MARKERS.items():
        config.addinivalue_line("markers", f"{name}({signature}): measure the {name} family and judge its thresholds.")
    if collects_tables(config) or any(option_or_ini(config, option.setting) is not None for option in OPTIONS):
        settings_of(config)
    if any(option_or_ini(config, name) is not None for name in ("baseline", "update_baseline", "max_drop")):
        from pytest_robustness.plugin.baselines import baseline_of

        baseline_of(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what is gated, where the plugin is asked for; the line can be pasted as options."""
    if not collects_tables(config) and config.getoption("robustness_model") is None:
        return None
    settings = settings_of(config)
    given = {"model": settings.model, "data": settings.data, "n": settings.n, "seed": settings.seed}
    options = " ".join(f"--robustness-{name}={value}" for name, value in given.items() if value is not None)
    return f"robustness: {options}"


def collects_tables(config: pytest.Config) -> bool:
    """Return whether the requirement tables become tests."""
    return bool(
        config.getoption("robustness")
        or config.getini("robustness")
        or config.getoption("robustness_config")
        or config.getini("robustness_config")
    )


def settings_of(config: pytest.Config) -> Settings:
    """Return the settings of the run: option before ini key before head table before default.

    Raises
    ------
    pytest.UsageError
        For a value that is not allowed.
    """
    if SETTINGS not in config.stash:
        from pytest_robustness.gates.settings import Settings

        _, head, _ = tables_of(config)
        chosen = {option.setting: option_or_ini(config, option.setting) for option in OPTIONS}
        given = {name: value for name, value in chosen.items() if value is not None}
        if config.getoption("robustness_no_cache") or config.getini("robustness_no_cache"):
            given["cache"] = False
        try:
            config.stash[SETTINGS] = Settings().replaced(head).replaced(given)
        except ConfigurationError as error:
            raise pytest.UsageError(f"robustness: {error}") from error
    return config.stash[SETTINGS]


def tables_of(config: pytest.Config) -> tuple[Path, dict[str, Any], list[dict[str, Any]]]:
    """Return the configuration file, its head table and its requirement tables; empty where there is no file.

    Raises
    ------
    pytest.UsageError
        Where the file cannot be read, or its tables have another form.
    """
    if TABLES not in config.stash:
        from pytest_robustness.gates.settings import read_tables

        named = _named_file(config)
        path = named or config.rootpath / "pyproject.toml"
        try:
            found = read_tables(path) if named or path.is_file() else ({}, [])
        except ConfigurationError as error:
            raise pytest.UsageError(f"robustness: {error}") from error
        config.stash[TABLES] = (path, *found)
    return config.stash[TABLES]


def option_or_ini(config: pytest.Config, name: str) -> Any:
    """Return an option, else its ini key, else None."""
    value = config.getoption(f"robustness_{name}")
    if value is not None:
        return value
    try:
        value = config.getini(f"robustness_{name}")
    except (TypeError, ValueError, pytest.UsageError) as error:
        raise pytest.UsageError(f"robustness_{name}: {error}") from error
    return None if value == [] or (value == "" and name not in _EMPTY) else value


def _named_file(config: pytest.Config) -> Path | None:
    """Return the file of the option, seen from where pytest was called, or of the ini key, seen from the ini file."""
    if option := config.getoption("robustness_config"):
        return Path(os.path.abspath(config.invocation_params.dir / option))  # noqa: PTH100  (links stay as they are)
    if name := config.getini("robustness_config"):
        folder = config.inipath.parent if config.inipath else config.rootpath
        return Path(os.path.abspath(folder / name))  # noqa: PTH100
    return None
