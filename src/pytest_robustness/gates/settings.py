"""The settings of a run, whoever asks for it: options of pytest, the command line, or a table of configuration."""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_robustness.errors import ConfigurationError, RobustnessError, check_confidence, check_number, unknown_name
from pytest_robustness.scorecard.suffixes import REPORT_SUFFIXES, report_suffix

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_DATA = "mnist"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run needs to know, checked.

    Parameters
    ----------
    model : str, optional
        Source of the classifier, see `load_classifier`.
    data : str
        Name or path of the data set.
    n : int, optional
        Samples drawn at random; by default all.
    seed : int
        Seed of the draw, of the order and of all noise.
    device : str
        Where a torch model runs.
    batch_size : int, optional
        Images in a forward pass.
    executor : str
        Where blocks run: ``serial``, ``processes`` or ``processes:N``.
    confidence : float
        Level of the intervals.
    verdict : {"point", "verify", "regress"}, optional
        By default ``point`` where all the data is measured, else ``verify``.
    inconclusive : {"fail", "pass", "skip"}
        What an inconclusive verdict does to a test.
    familywise : {"off", "holm"}
        ``holm`` makes the verdicts of a whole run hold together with the confidence, not each on its own.
    early_stop : {"off", "certain"} or float
        ``off`` measures every sample. ``certain`` may stop where the samples left cannot change the verdict. A number
        in (0, 0.5), also as text, allows an anytime-valid sequential test with that error.
    cache : bool
        Whether outcomes are stored between runs.
    report : tuple of str
        Files to write; the suffix picks the format.
    strict : bool
        Missing data or extras fail instead of skip; so do a missing baseline and rows that it does not have.
    baseline : str, optional
        A scorecard (.json) that rows are compared with. Where there is no such file, it is written. An empty text is
        none after all, whatever margins ask for.
    update_baseline : bool
        Whether the baseline is written anew instead.
    max_drop : float, optional
        How much worse than the baseline a metric that is bounded may be; by default not at all, see `drops`.
    trusted : tuple of str
        Types that a ``.skops`` file may contain beyond the default ones.
    allow_pickle : tuple of str
        SHA-256 of pickled models that may be loaded.

    Raises
    ------
    ConfigurationError
        For a value that is not allowed, naming the setting.
    """

    model: str | None = None
    data: str = DEFAULT_DATA
    n: int | None = None
    seed: int = 0
    device: str = "cpu"
    batch_size: int | None = None
    executor: str = "serial"
    confidence: float = 0.95
    verdict: str | None = None
    inconclusive: str = "fail"
    familywise: str = "off"
    early_stop: str | float = "off"
    cache: bool = True
    report: tuple[str, ...] = ()
    strict: bool = False
    baseline: str | None = None
    update_baseline: bool = False
    max_drop: float | None = None
    trusted: tuple[str, ...] = ()
    allow_pickle: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is not allowed."""
        for name in ("report", "trusted", "allow_pickle"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        try:
            object.__setattr__(self, "early_stop", _early_stop(self.early_stop))
            self._check()
        except ConfigurationError:
            raise
        except RobustnessError as error:
            raise ConfigurationError(str(error)) from error

    def _check(self) -> None:
        for name in ("model", "data", "device", "baseline"):
            value = getattr(self, name)
            if not isinstance(value, str) and not (name in ("model", "baseline") and value is None):
                raise ConfigurationError(f"{name} must be text", got=value)
        for name, minimum in (("n", 1), ("seed", 0), ("batch_size", 1)):
            value = getattr(self, name)
            if value is not None or name == "seed":
                check_number(name, value, minimum=minimum, whole=True)
        check_confidence(self.confidence)
        if not isinstance(self.executor, str) or not _EXECUTOR.fullmatch(self.executor):
            raise unknown_name("executor", self.executor, _EXECUTORS)
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value not in allowed and not (name == "verdict" and value is None):
                raise unknown_name(name.replace("_", "-"), value, allowed)
        self._check_baseline()
        for name in ("cache", "strict", "update_baseline"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationError(f"{name} must be true or false", got=getattr(self, name))
        for path in self.report:
            if report_suffix(path) is None:
                raise ConfigurationError("unknown suffix of a report", got=path, allowed=REPORT_SUFFIXES)

    def _check_baseline(self) -> None:
        if self.max_drop is not None:
            _check_margin(self.max_drop)
        if not self.baseline:
            return
        if report_suffix(self.baseline) != ".json":
            raise ConfigurationError("a baseline must be a scorecard", got=self.baseline, allowed="a file .json")
        if any(Path(path) == Path(self.baseline) for path in self.report):
            raise ConfigurationError(
                "a report would overwrite the baseline",
                got=self.baseline,
                mend="Write the report elsewhere; update_baseline writes the baseline.",
            )

    def replaced(self, values: Mapping[str, Any]) -> Settings:
        """Return the settings with some values replaced, checked again.

        Raises
        ------
        ConfigurationError
            For an unknown name or a value that is not allowed.
        """
        known = [f.name for f in dataclasses.fields(self)]
        for name in values:
            if name not in known:
                raise ConfigurationError(str(unknown_name("setting", name, known)))
        return dataclasses.replace(self, **values)


_CHOICES: dict[str, tuple[str, ...]] = {
    "verdict": ("point", "verify", "regress"),
    "inconclusive": ("fail", "pass", "skip"),
    "familywise": ("off", "holm"),
}

_EXECUTORS = ("serial", "processes", "processes:N for N of them")
_EXECUTOR = re.compile(r"serial|processes(:0*[1-9]\d*)?")

EARLY_STOPS = ("off", "certain")
"""Ways to stop early that leave nothing to chance; any other is the error of a sequential test."""


def read_tables(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read the head table and the requirement tables of a TOML file.

    Parameters
    ----------
    path : Path
        A ``pyproject.toml`` has the tables ``[tool.robustness]`` and ``[[tool.robustness.require]]``; any other file
        ``[robustness]`` and ``[[robustness.require]]``.

    Returns
    -------
    head : dict
        Settings by name, unchecked.
    requirements : list of dict
        Each with at least the key ``family``.

    Raises
    ------
    ConfigurationError
        Where the file is missing, is not TOML, or its tables have another form.
    """
    nested = path.name == "pyproject.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            "the configuration cannot be read", got=str(path), mend=f"{error.strerror}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    outer = content.get("tool", {}) if nested else content
    head = outer.get("robustness", {}) if isinstance(outer, dict) else outer
    prefix = "tool.robustness" if nested else "robustness"
    if not nested and "robustness" not in content:
        raise ConfigurationError(f"{path} has no table [robustness]", got=sorted(content), allowed=f"[{prefix}]")
    if not isinstance(head, dict):
        raise ConfigurationError(f"{prefix} must be a table in {path}", got=head)
    rest = {key: value for key, value in head.items() if key != "require"}
    requirements = head.get("require", [])
    if not isinstance(requirements, list) or not all(isinstance(entry, dict) for entry in requirements):
        raise ConfigurationError(f"requirements must be tables [[{prefix}.require]] in {path}", got=requirements)
    for entry in requirements:
        if "family" not in entry:
            raise ConfigurationError(f"a [[{prefix}.require]] without a family in {path}", got=entry)
    return rest, requirements


def _check_margin(value: object) -> None:
    """Refuse what is no margin: a percentage, above all, which would allow every drop."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) <= 1:
        number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        mend = f"{value:g} points of a hundred are {float(value) / 100:g}." if number and value > 1 else ""  # type: ignore[operator,arg-type]
        raise ConfigurationError("max_drop is out of range", got=value, allowed="0 to 1", mend=mend)


def _early_stop(value: object) -> str | float:
    """Return a name as it is, and the error of a test as a number: an option is text where a table has a number."""
    if isinstance(value, str) and value in EARLY_STOPS:
        return value
    try:
        alpha = float(value) if isinstance(value, str | Real) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        alpha = math.nan
    if not 0 < alpha < 0.5:
        raise unknown_name("early-stop", value, [*EARLY_STOPS, "a number above 0 and below 0.5, as in 0.05"])
    return alpha


def _texts(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ConfigurationError(f"{name} must be a list of texts", got=value)
