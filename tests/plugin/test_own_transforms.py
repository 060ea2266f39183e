"""The user's own functions in markers, tables and calls: found from the root, told apart, refused where need be."""

from __future__ import annotations

import json

import pytest

SHIFTS = """
import numpy as np

number = 3

def wash(images, strength=0.0):
    return np.clip(images - strength, 0, 1)

def fade(images, strength=0.5):
    return images * (1 - strength)

def noisy(images, strength=0.0):
    return np.clip(images + strength * np.random.normal(size=images.shape), 0, 1)

def level(images, level=0.0):
    return images
"""


@pytest.fixture(autouse=True)
def shifts(project):
    project.makepyfile(shifts=SHIFTS)
    folder = project.mkpydir("mypackage")
    (folder / "shifts.py").write_text(SHIFTS)


def table(transform, *lines):
    return "\n".join([f'family = "sensitivity"\ntransform = "{transform}"\npoints = 9\nn = 40', *lines])


def test_in_a_table(run, project, tables):
    requirements = [
        table("shifts.py:wash", "strength = [0, 0.3]", "min_mean = 0.2"),
        table("mypackage.shifts:wash", "strength = [0, 0.3]", "min_worst = 1.0"),
    ]
    project.makepyprojecttoml(tables(*requirements))
    # The bound of the second can never be met at its n, which is warned of, and here a warning is an error.
    result = run("", "--robustness", "--robustness-report=card.json", "-W", "default::pytest.PytestWarning")
    result.assert_outcomes(passed=1, failed=1)
    rows = json.loads((project.path / "card.json").read_text())["rows"]
    assert {row["parameters"]["transform"] for row in rows} == {"shifts.wash", "mypackage.shifts.wash"}
    assert str(project.path) not in json.dumps([row["id"] for row in rows])
    result.stdout.fnmatch_lines(["sensitivity transform=shifts.wash *", "  strength=0..0.3 *"])
    lines = [line for line in result.outlines if "sensitivity(" not in line]  # there it is the id of the row
    assert "transform_code" not in "".join(lines)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("shift.py:wash", "strength = [0, 1]"), "*no such file of a transform: got 'shift.py'*"),
        (("shifts.py:wish", "strength = [0, 1]"), "*shifts.py has no wish*Nearest names: wash*"),
        (("shifts.py:number", "strength = [0, 1]"), "*is no function: got 3*"),
        (("shifts.wash", "strength = [0, 1]"), "*the text that names one: got 'shifts.wash'*"),
        (("mypackage.shift:wash", "strength = [0, 1]"), "*no such module: got 'mypackage.shift'*"),
        (("shifts.py:wash", "strenght = [0, 1]"), "*no such parameter: got 'strenght'; allowed: strength*"),
        (("shifts.py:wash", "strength = [1, 0]"), "*range of strength is reversed*"),
        (("shifts.py:level", "level = [0, 1]"), "*is called like an option: got 'level'*"),
    ],
)
def test_mistakes_in_a_table_end_the_run_before_it_begins(run, project, tables, lines, message):
    project.makepyprojecttoml(tables(table(*lines)))
    result = run("", "--robustness")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_in_markers_and_calls_seen_from_the_root(project, monkeypatch):
    source = """
import pytest

@pytest.mark.sensitivity(transform="shifts.py:wash", strength=(0, 0.3), points=9, n=40, min_mean=0.2)
@pytest.mark.sensitivity(transform="mypackage.shifts:wash", strength=(0, 0.3), points=9, n=40, min_mean=0.2)
def test_marked(robustness):
    found = robustness.sensitivity(transform="shifts.py:wash", strength=(0, 0.3), points=9, n=40)
    assert found >= 0.2
    assert found.parameters["transform"] == "shifts.wash"
    report = robustness.counterexamples("sensitivity", transform="shifts.py:wash", strength=(0, 0.9), limit=1, n=40)
    assert len(report) == 1
"""
    folder = project.mkdir("deep")
    (folder / "test_deep.py").write_text(source)
    monkeypatch.chdir(folder)
    options = [f"--robustness-model={project.path}/models.py:predict", f"--robustness-data={project.path}/squares.npz"]
    project.runpytest(*options, f"--rootdir={project.path}").assert_outcomes(passed=1)


def test_a_wrong_text_in_a_marker_is_an_error_at_collection(run):
    source = "@pytest.mark.sensitivity(transform='shifts.py:wish', strength=(0, 1), min_mean=0.2)\ndef test_it(): ..."
    result = run(source)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*shifts.py has no wish*"])


def test_what_is_not_pure_or_has_no_identity_fails_and_says_so(run):
    result = run(
        """
import numpy as np
from shifts import fade

@pytest.mark.sensitivity(transform="shifts.py:noisy", strength=(0, 1), points=9, n=40, min_mean=0.0)
def test_noisy(): ...

@pytest.mark.sensitivity(transform=fade, strength=(0, 1), points=9, n=40, min_robust_box=0.0)
def test_robust_box(): ...

@pytest.mark.sensitivity(transform=fade, strength=(0, 1), points=9, n=40, max_drop=1.0)
def test_drop(): ...
"""
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*noisy makes something else of the same images from call to call*"])
    result.stdout.fnmatch_lines(["*The defaults of strength change the images*"])


def test_the_same_rows_under_xdist(run_apart, project):
    source = """
def washes(strength):
    def wash(images, by=0.0, kinds=frozenset({"a", "b", "c"})):
        return (images * (1 - by * strength)).astype("float32")
    return wash

@pytest.mark.sensitivity(transform=washes(0.5), by=(0, 1), points=9, n=40, min_mean=0.2)
@pytest.mark.sensitivity(transform=washes(0.9), by=(0, 1), points=9, n=40, min_mean=0.2)
@pytest.mark.sensitivity(transform=lambda images, by=0.0: images * (1 - by), by=(0, 1), points=9, n=40, min_mean=0.2)
def test_marked(): ...
"""
    run_apart(source, "-n1", "--robustness-report=many.json").assert_outcomes(passed=1)
    project.runpytest("--robustness-report=one.json").assert_outcomes(passed=1)
    ids = [
        [row["id"] for row in json.loads((project.path / name).read_text())["rows"]]
        for name in ("many.json", "one.json")
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 15
