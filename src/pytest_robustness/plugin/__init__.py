"""The pytest plugin: options, markers, fixtures, collection, judgement and summary.

This room is imported at the start of every pytest run, so nothing in it imports numpy, torch or another heavy library
before a test asks for it.
"""

from pytest_robustness.plugin.assertions import pytest_assertrepr_compare
from pytest_robustness.plugin.collection import (
    pytest_collect_file,
    pytest_collection,
    pytest_collection_modifyitems,
    pytest_pycollect_makeitem,
)
from pytest_robustness.plugin.familywise import pytest_report_teststatus
from pytest_robustness.plugin.fixtures import robustness, robustness_data, robustness_model
from pytest_robustness.plugin.options import pytest_addoption, pytest_configure, pytest_report_header
from pytest_robustness.plugin.planning import RobustnessWarning, pytest_collection_finish
from pytest_robustness.plugin.running import pytest_runtest_call, pytest_runtest_makereport
from pytest_robustness.plugin.summary import pytest_sessionstart, pytest_unconfigure

__all__ = [
    "RobustnessWarning",
    "pytest_addoption",
    "pytest_assertrepr_compare",
    "pytest_collect_file",
    "pytest_collection",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_pycollect_makeitem",
    "pytest_report_header",
    "pytest_report_teststatus",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_sessionstart",
    "pytest_unconfigure",
    "robustness",
    "robustness_data",
    "robustness_model",
]
