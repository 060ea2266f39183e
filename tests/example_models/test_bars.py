"""Bars of fits that have no steps."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
import time
from importlib import import_module

import pytest

from example_models.bars import bar_of_lines, bar_of_time

SHOWN = """
import time
from example_models.bars import bar_of_lines, bar_of_time
with bar_of_time(10):
    time.sleep(0.7)
with bar_of_lines("Iteration", 4):
    for number in (1, 2):
        time.sleep(0.3)
        print(f"Iteration {number}, loss = 0.5")
print("the end")
"""


def test_on_a_terminal_bars_move() -> None:
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    done = subprocess.Popen([sys.executable, "-c", SHOWN], stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 4096):
            shown += chunk
    except OSError:
        pass  # the other end was closed
    os.close(master)
    assert done.wait() == 0
    text = shown.decode()
    assert "the end" in text
    assert any(f" {percent}%|" in text for percent in range(2, 9))
    assert "2/4" in text or "50%" in text
    assert "loss" not in text


def test_where_nobody_looks_nothing_is_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    with bar_of_lines("Iteration", 4):
        sys.stdout.write("Iteration 1, loss = 0.5\n")
    with bar_of_time(10):
        time.sleep(0.01)
    assert capsys.readouterr().out == "Iteration 1, loss = 0.5\n"


def test_an_error_ends_the_bar() -> None:
    with pytest.raises(ZeroDivisionError), bar_of_time(10):
        _ = 1 / 0


@pytest.mark.parametrize("name", ["logistic_regression", "mlp_adam", "rbf_svm"])
def test_the_fits_of_scikit_learn_have_one(name: str) -> None:
    module = import_module(f"example_models.{name}.train")
    assert hasattr(module, "bar_of_time") or hasattr(module, "bar_of_lines")
