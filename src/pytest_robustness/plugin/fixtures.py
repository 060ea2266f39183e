"""The three fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_robustness.plugin.baselines import baseline_of
from pytest_robustness.plugin.familywise import MEMBERSHIP
from pytest_robustness.plugin.options import settings_of
from pytest_robustness.plugin.session import evaluators_of

if TYPE_CHECKING:
    from pytest_robustness.plugin.facade import Robustness


@pytest.fixture(scope="session")
def robustness_model(request: pytest.FixtureRequest) -> object:
    """The classifier under test: a source string, a model, or a factory. Override it to give your own.

    By default the source of ``--robustness-model``, of the ini key ``robustness_model`` or of ``[tool.robustness]``.
    """
    model = settings_of(request.config).model
    if model is None:
        pytest.fail(
            "no classifier to test: give --robustness-model=SOURCE, set robustness_model in the configuration of pytest"
            " or model in [tool.robustness], or override the fixture robustness_model",
            pytrace=False,
        )
    return model


@pytest.fixture(scope="session")
def robustness_data(request: pytest.FixtureRequest) -> object:
    """The data set under test: a name, a path, a Dataset, or (images, labels). Override it to give your own.

    By default that of ``--robustness-data``, of the ini key ``robustness_data``, of ``[tool.robustness]``, or mnist.
    """
    return settings_of(request.config).data


@pytest.fixture
def robustness(request: pytest.FixtureRequest, robustness_model: object, robustness_data: object) -> Robustness:
    """Measure the model under test: every method returns a Measurement that compares like a number and is recorded.

    Methods: accuracy, adversarial_accuracy, adversarial_curve, corruption_accuracy, ood, calibration, brier,
    sensitivity, certified_accuracy, saliency, smallest_failure, counterexamples.
    Outcomes are shared by the whole session: measuring again costs nothing, but for a callable, which may have changed.
    """
    from pytest_robustness.plugin.facade import Robustness

    return Robustness(
        model=robustness_model,
        data=robustness_data,
        settings=settings_of(request.config),
        evaluators=evaluators_of(request.config),
        item=request.node,
        baseline=baseline_of(request.config),
        membership=request.node.stash.get(MEMBERSHIP, None),
    )
