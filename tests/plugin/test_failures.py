"""The smallest failing changes through the fixture."""

from __future__ import annotations

import pytest


def test_the_smallest_failure_of_an_image(run):
    result = run(
        """
from pytest_robustness.strategies import perturbations

def test_it(robustness, capsys, tmp_path):
    found = robustness.smallest_failure("brightness", image=7)
    assert found.before == found.label != found.after
    assert found.index == 7
    with capsys.disabled():
        print("\\n" + str(found))
    exec(found.reproduce, {})
    assert capsys.readouterr().out == f"[{found.after}]\\n"
    found.save(tmp_path / "found.png")
    assert robustness.smallest_failure(("rotation", "translation_x"), image=7).magnitude > 0
    assert robustness.smallest_failure(perturbations("shear"), image=7, seed=3) is not None
    # An index is one of all the data, whatever part of it is measured.
    robustness.smallest_failure("brightness", image=399)

def test_a_function(robustness):
    def dimmed(images, dim=0):
        return images * (1 - dim)

    assert robustness.smallest_failure(dimmed, dim=(0, 0.01), image=7) is None
""",
        "--robustness-n=20",
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["image 7: * becomes * by Perturbation([[]('brightness', {'brightness': *})[]])"])
    result.stdout.fnmatch_lines(["*model = load_classifier('models.py:predict').bound(data.images[[]:8[]]); print(*"])


def test_counterexamples(run):
    result = run(
        """
from pytest_robustness.evaluations import CorruptionAccuracy, Sensitivity

@pytest.fixture(scope="module")
def robustness_model():
    from nets import Net
    return Net()

def test_it(robustness, tmp_path):
    found = robustness.counterexamples("adversarial", attack="pgd", eps=0.03, steps=3, limit=2, n=60)
    assert len(found) == 2 and found.n == 60
    measured = robustness.adversarial_accuracy("pgd", eps=0.03, steps=3)
    assert len(robustness.counterexamples(measured, limit=3)) == 3
    found = robustness.counterexamples("corruption", suite="mnist-c-generated", corruptions=["fog"], limit=1)
    assert "towards fog" in str(found)
    assert len(robustness.counterexamples(Sensitivity(rotation=(-1, 1)), limit=1)) == 1
    found = robustness.counterexamples("rotation", limit=2, n=50, seed=1)
    assert found.save(tmp_path / "found.html").exists()
    assert robustness.counterexamples(Sensitivity(rotation=(-1, 1)), limit=1, n=30).n == 30
    assert len(robustness.counterexamples("blur", blur=(0, 1e-3))) == 0
"""
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("smallest_failure('rotaton', image=0)", "ParameterError: unknown transform: got 'rotaton'*'rotation'*"),
        (
            "smallest_failure('rotation', image=400)",
            "DatasetError: squares has no image of this index: got 400*",
        ),
        ("smallest_failure('rotation', image=0, scam=3)", "ParameterError: unknown parameter*got 'scam'*"),
        ("smallest_failure('rotation', image=0, data='mnits')", "*'mnits'*'mnist'*"),
        ("smallest_failure('rotation', image=0, seed=-1)", "ConfigurationError: seed is out of range*"),
        ("counterexamples('rotaton')", "ParameterError: unknown transform or family: got 'rotaton'*'rotation'*"),
        ("counterexamples('adverserial')", "ParameterError: unknown transform or family*'adversarial'*"),
        ("counterexamples('adversarial', attack='pdg', eps=0.1)", "ConfigurationError: adversarial: *'pdg'*"),
        ("counterexamples('adversarial', attack='pgd', eps=0.1)", "CapabilityError: *gradients*"),
        ("counterexamples('calibration')", "ParameterError: this family changes no images: got 'calibration'*"),
        ("counterexamples('rotation', limit=0)", "ParameterError: limit is out of range*"),
        ("counterexamples('rotation', n=401)", "DatasetError: *401*"),
    ],
)
def test_mistakes_end_in_the_line_of_the_user(run, call, message):
    result = run(f"def test_it(robustness):\n    robustness.{call}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f">       robustness.{call}".replace("[", "[[]"), f"E *{message}"])
    assert "failures.py" not in result.stdout.str()


def test_an_image_that_is_wrong_to_begin_with(run):
    result = run(
        """
def test_it(robustness):
    import numpy as np
    robustness.smallest_failure("rotation", image=(np.eye(8), 3))
"""
    )
    result.stdout.fnmatch_lines(["E *ParameterError: the image is classified wrongly before any change: got *"])


def test_data_that_is_not_here_skips(run, monkeypatch):
    from pytest_robustness.datasets import loading
    from pytest_robustness.errors import DataUnavailableError

    def missing(*args):
        raise DataUnavailableError("kmnist is not here")

    monkeypatch.setattr(loading, "_load_named", missing)
    source = "def test_it(robustness):\n    robustness.smallest_failure('rotation', image=0, data='kmnist')"
    run(source).assert_outcomes(skipped=1)
    run(source, "--robustness-strict").assert_outcomes(failed=1)
