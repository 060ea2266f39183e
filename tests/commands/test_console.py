"""What the commands share."""

from __future__ import annotations

import sys

from pytest_robustness.commands.console import ProgressBar


def test_the_bar_is_drawn_in_place_on_a_terminal(monkeypatch, capsys):
    from pytest_robustness.engine import Progress
    from pytest_robustness.evaluations import Accuracy

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = ProgressBar(quiet=False)
    bar.title = "1/2 accuracy"
    bar(Progress(Accuracy(), 1, 4))
    bar.end()
    assert capsys.readouterr().err == "\r\x1b[2K1/2 accuracy [#####...............]  25% 0 s\r\x1b[2K"
