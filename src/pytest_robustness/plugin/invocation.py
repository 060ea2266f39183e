"""The options that a run was given, as they can be given again."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from pytest_robustness.plugin.options import OPTIONS

if TYPE_CHECKING:
    import pytest

OPTIONS_KEY, ROOT_KEY = "options", "root"
"""Keys of a scorecard's environment, see `scorecard.renderers.reproduce`."""

_NOT_MEASURED = frozenset({"report", "baseline", "update-baseline", "strict"})
"""Options that say what becomes of a measurement, not what is measured."""


def invocation(config: pytest.Config) -> dict[str, str]:
    """Return what the environment of a scorecard has to say of how pytest was called, and from where."""
    root = os.path.relpath(config.rootpath, config.invocation_params.dir)
    return {OPTIONS_KEY: _options_given(config)} | ({} if root == "." else {ROOT_KEY: root.replace(os.sep, "/")})


def _options_given(config: pytest.Config) -> str:
    """Return the options of the command line that a measurement depends on, ready to be pasted into another one.

    What stands in a configuration file is left out: it is there when the command runs again.
    """
    words = [f"--rootdir={config.getoption('rootdir')}"] if config.getoption("rootdir") else []
    words += [f"-c{config.getoption('inifilename')}"] if config.getoption("inifilename") else []
    words += [f"-o{entry}" for entry in config.getoption("override_ini") or []]
    words += ["--robustness"] if config.getoption("robustness") else []
    if path := config.getoption("robustness_config"):
        words.append(f"--robustness-config={path}")
    for option in OPTIONS:
        value = config.getoption(f"robustness_{option.setting}")
        if value is None or option.name in _NOT_MEASURED:
            continue
        if option.flag:
            words.append(f"--robustness-{option.name}")
        else:
            words += [f"--robustness-{option.name}={entry}" for entry in (value if option.repeat else [value])]
    return shlex.join(words)
