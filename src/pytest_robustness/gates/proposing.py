"""From a model to a table of requirements that it meets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustness.errors import EvaluationError, RobustnessError
from pytest_robustness.evaluations import FAMILIES, Measurement
from pytest_robustness.gates.proposal import Ignorance, Proposal, propose
from pytest_robustness.gates.settings import Settings
from pytest_robustness.gates.standard import standard_suite
from pytest_robustness.gates.suite import measure_levels, requirements_from_tables, settings_for
from pytest_robustness.gates.toml import toml_comment, toml_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_robustness.gates.evaluators import Evaluators

HEAD = ("model", "data", "n", "seed", "batch_size", "confidence", "trusted", "allow_pickle")
"""Settings that the head takes over, where they are not at their default. The device is left to who runs the table."""


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """All that is proposed for one model.

    Parameters
    ----------
    head : mapping
        Settings of the run.
    proposals : tuple of Proposal
    left_out : tuple of str
        Families that there is nothing to ask of, and why.
    unmeasured : tuple of str
        What could not be evaluated, and why.
    """

    head: Mapping[str, Any]
    proposals: tuple[Proposal, ...]
    left_out: tuple[str, ...] = field(default=())
    unmeasured: tuple[str, ...] = field(default=())

    @property
    def bounds(self) -> int:
        """Number of bounds."""
        return sum(len(proposal.bounds) for proposal in self.proposals)

    @property
    def reasons(self) -> list[str]:
        """Why what was looked at has no bound."""
        return [*self.unmeasured, *(text for one in self.proposals for text in one.left_out), *self.left_out]

    def to_toml(self, about: Iterable[str]) -> str:
        """Return the table as the text of a file, with comments that say where each bound comes from."""
        lines = [line for text in about for line in toml_comment(text)]
        lines += ["", "[robustness]", *toml_lines(self.head)]
        for one in self.proposals:
            if one.bounds:
                origins = [line for origin in one.origins for line in toml_comment(origin)]
                lines += ["", *origins, "[[robustness.require]]", *toml_lines(one.table)]
        if self.reasons:
            lines += ["", "# Left out:"]
            lines += [line for reason in self.reasons for line in toml_comment(f"- {reason}")]
        return "\n".join(lines) + "\n"


def propose_measured(
    tables: Sequence[Mapping[str, Any]] | None,
    evaluators: Evaluators,
    settings: Settings,
    *,
    margin: float,
    every: bool = False,
    on_start: Callable[[str], None] = lambda _: None,
    on_end: Callable[[], None] = lambda: None,
) -> Proposals:
    """Measure the requirements of tables, whatever bounds they have, or the standard suite, and propose bounds.

    Parameters
    ----------
    tables : sequence of mapping or None
        None for the standard suite.
    evaluators, settings
        Of the run, with a model.
    margin, every
        See `propose`.
    on_start, on_end : callable
        Told what is measured, and when it is.

    Raises
    ------
    RobustnessError
        Where the model or the data cannot be loaded, or a table is wrong.
    """
    settings = settings.replaced({"early_stop": "off", "baseline": None, "max_drop": None})
    left_out: list[str] = []
    if tables is None:
        suite, left_out = standard_suite(evaluators.get(settings.model, settings.data, settings))
        asked = [(one.evaluation.family, writable(one.evaluation.parameters())) for one in suite]
    else:
        asked = [(str(table["family"]), _without_bounds(table)) for table in tables]
    requirements = requirements_from_tables([{"family": family, **keys} for family, keys in asked])
    for requirement in requirements:
        settings_for(requirement, settings)  # a wrong one is an error now, not after an hour
    found: list[Proposal] = []
    unmeasured: list[str] = []
    for number, ((family, keys), requirement) in enumerate(zip(asked, requirements, strict=True), start=1):
        on_start(f"{number}/{len(asked)} {family}")
        try:
            own, evaluator, at = measure_levels(
                requirement, evaluators, settings, model=settings.model, data=settings.data
            )
            m = at(own.confidence)
            _check_attack(m)
        except RobustnessError as error:
            unmeasured.append(f"{family}({', '.join(f'{key}={value}' for key, value in keys.items())}): {error}")
        else:
            ignorance = ignorance_of(np.bincount(evaluator.dataset.labels))
            metrics = [m, *m.others]
            found.append(propose(family, keys, metrics, ignorance=ignorance, margin=margin, every=every))
        on_end()
    default = Settings()
    head = {name: getattr(settings, name) for name in HEAD}
    head = {k: v for k, v in head.items() if k in ("data", "seed") or v != getattr(default, k)}
    return Proposals(head=head, proposals=tuple(found), left_out=tuple(left_out), unmeasured=tuple(unmeasured))


def _check_attack(m: Measurement) -> None:
    """Refuse a measurement that says of itself that it is worth nothing: it counts as not evaluated."""
    if m.faults:
        raise EvaluationError(f"it cannot be relied on: {m.faults[0]}", got=m.name)


def ignorance_of(counts: NDArray[np.int64]) -> Ignorance:
    """Return what a model reaches that knows nothing on so many images of each class."""
    return Ignorance(share=float(counts.max() / counts.sum()), classes=int(np.count_nonzero(counts)))


def _without_bounds(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a table but for its family, its bounds, and what would end its measurement early."""
    unwanted = {"family", "early_stop", "max_drop", "max_drop_from_baseline"}
    unwanted |= set(FAMILIES[table["family"]].thresholds) if table["family"] in FAMILIES else set()
    return {key: value for key, value in table.items() if key not in unwanted}


def writable(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as keys of a table: without those that are None, and what a function was known by."""
    return {key: value for key, value in parameters.items() if value is not None and key != "transform_code"}
