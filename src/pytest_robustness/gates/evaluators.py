"""The evaluators of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_robustness.classifiers import Classifier, load_classifier
from pytest_robustness.datasets import Dataset, as_dataset
from pytest_robustness.engine import Evaluator, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_robustness.gates.settings import Settings


class Evaluators:
    """The evaluators of a run: one for each classifier, data set and group of settings, made when first asked for.

    Parameters
    ----------
    cache : str, optional
        Folder of stored outcomes.
    progress : callable, optional
        Handed to every evaluator.
    """

    def __init__(self, *, cache: str | None = None, progress: Callable[[Progress], None] | None = None) -> None:
        self._cache = cache
        self._progress = progress
        # The model is kept beside its evaluator: while it lives, no other object can have its identity.
        self._made: dict[tuple[Any, ...], tuple[object, Evaluator]] = {}
        self._classifiers: dict[tuple[Any, ...], Classifier] = {}
        self._datasets: dict[str, Dataset] = {}

    def get(self, model: object, data: object, settings: Settings) -> Evaluator:
        """Return the evaluator of a model (a source or an object) on data (a name or an object).

        Raises
        ------
        RobustnessError
            Where the model or the data cannot be loaded or evaluated.
        """
        classifier = self._classifier(model, settings)
        dataset = self._dataset(data).sample(settings.n, seed=settings.seed)
        # A callable may close over anything: its own identity is the only key that is surely not stale.
        identity = classifier.fingerprint if classifier.cacheable else id(model)
        place = (classifier.source, settings.device, dataset.fingerprint)
        key = (identity, *place, settings.seed, settings.batch_size, settings.executor, settings.cache)
        if key not in self._made:
            evaluator = Evaluator(
                classifier,
                dataset,
                seed=settings.seed,
                batch_size=settings.batch_size,
                executor=settings.executor,
                cache=self._cache if settings.cache else None,
                progress=self._progress,
            )
            self._made[key] = (model, evaluator)
        return self._made[key][1]

    def _classifier(self, model: object, settings: Settings) -> Classifier:
        """Load a classifier: from a source once, from an object each time, for the object may have changed."""
        options: dict[str, Any] = {
            "device": settings.device,
            "trusted": settings.trusted,
            "allow_pickle": settings.allow_pickle,
        }
        if not isinstance(model, str):
            return load_classifier(model, **options)
        key = (model, *options.values())
        if key not in self._classifiers:
            self._classifiers[key] = load_classifier(model, **options)
        return self._classifiers[key]

    def _dataset(self, data: object) -> Dataset:
        if not isinstance(data, str):
            return as_dataset(data)
        if data not in self._datasets:
            self._datasets[data] = as_dataset(data)
        return self._datasets[data]
