"""The search in several parameters: hypothesis draws perturbations until one fails, and shrinks it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any

from pytest_robustness.counterexamples.searching import LineSearch, Search, check_most
from pytest_robustness.errors import ParameterError
from pytest_robustness.strategies import Perturbation

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

    from pytest_robustness.counterexamples.cases import Case
    from pytest_robustness.counterexamples.counterexample import Counterexample

EXAMPLES = 200
"""Perturbations drawn, at most, before a composition is given up."""


@dataclass(frozen=True, eq=False)
class ShrinkSearch(Search):
    """Draw perturbations with hypothesis until one fails, and let it shrink that one.

    Where one transform by itself is enough, the smallest such change is what counts, found as `LineSearch` finds it.
    Else what is found is small in the sense of hypothesis: no transform can be left out, and no value brought closer to
    the identity by itself, without the prediction being right again. It need not be the smallest of all.

    Parameters
    ----------
    strategy : hypothesis.strategies.SearchStrategy
        Of `Perturbation`.
    seed : int
        Of the draws. The same seed, image and model give the same result, whatever the user's profile of hypothesis.
    examples : int
        Perturbations drawn, at most, for one that fails.
    alone : tuple of LineSearch
        The transforms that are tried by themselves.
    """

    strategy: SearchStrategy[Any]
    seed: int = 0
    examples: int = EXAMPLES
    alone: tuple[LineSearch, ...] = ()

    def __post_init__(self) -> None:
        """Refuse to draw nothing."""
        check_most("examples", self.examples)

    @property
    def budget(self) -> str:
        """What is tried, in words."""
        singles = sum(len(line.trials) for line in self.alone)
        by_itself = f"{singles} values of single parameters with bisection, and " if singles else ""
        return f"{by_itself}{self.examples} perturbations drawn, then shrinking"

    @cached_property
    def trials(self) -> list[Perturbation]:
        """All that is tried before something fails: what is drawn until then does not depend on the image."""
        drawn: dict[Perturbation, None] = {}

        def holds(perturbation: Perturbation) -> bool:
            drawn[perturbation] = None
            return False

        self._find(holds)
        return [*drawn, *(trial for line in self.alone for trial in line.trials)]

    def smallest(self, case: Case) -> Counterexample | None:
        """Return the smallest failing change of a single transform, else what shrinking leaves of several."""
        single = [found for line in self.alone if (found := line.smallest(case)) is not None]
        if single:
            return min(single, key=lambda found: found.magnitude)
        return self.shrunk(case)

    def shrunk(self, case: Case) -> Counterexample | None:
        """Return what is left of the first failing perturbation after shrinking."""
        seen: dict[Perturbation, bool] = {}
        errors: list[Exception] = []

        def fails(perturbation: Perturbation) -> bool:
            if not errors and perturbation not in seen:
                try:
                    seen[perturbation] = bool(case.fails([perturbation])[0])
                except Exception as error:  # hypothesis would shrink it; it is raised below
                    errors.append(error)
            return bool(errors) or seen[perturbation]

        found = self._find(fails)
        if errors:
            raise errors[0]
        if found is None:
            return None
        search = f"shrinking, the smallest of {len(seen)} perturbations tried"
        return case.counterexample(found, holds_at=None, search=search, forwards=len(seen))

    def _find(self, fails: Callable[[Perturbation], bool]) -> Perturbation | None:
        import hypothesis
        from hypothesis.errors import NoSuchExample, Unsatisfiable

        # What is no perturbation counts as a failure, so that the search ends at once.
        def condition(drawn: object) -> bool:
            return not isinstance(drawn, Perturbation) or fails(drawn)

        def find() -> object:
            chance = Random(self.seed)  # noqa: S311 - not for secrets
            return hypothesis.find(self.strategy, condition, settings=_settings(self.examples), random=chance)

        try:
            found = _apart(find) if hypothesis.currently_in_test_context() else find()
        except NoSuchExample:
            return None
        except Unsatisfiable as error:
            mend = "Look at what it filters, or give it wider ranges."
            raise ParameterError("the strategy draws no perturbation at all", got=self.strategy, mend=mend) from error
        if not isinstance(found, Perturbation):
            raise ParameterError(
                "a strategy must draw perturbations", got=found, mend="Build it from perturbations(), or with .map()."
            )
        return found


def _apart(find: Callable[[], object]) -> object:
    """Search in a thread of its own: inside a test of the user, hypothesis refuses to start another one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(find).result()


def _settings(examples: int) -> Any:
    """Return settings in which nothing is left to the profile that the user has loaded."""
    import hypothesis

    return hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=False,
        verbosity=hypothesis.Verbosity.quiet,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        suppress_health_check=list(hypothesis.HealthCheck),
        report_multiple_bugs=False,
        backend="hypothesis",
    )
