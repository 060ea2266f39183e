"""The certified family through marker, table, fixture and report."""

from __future__ import annotations

import json

import pytest

FEW = "alpha=0.95, noise_n=300, n=40"
"""Forty of the images, under little noise: seconds, not minutes."""


@pytest.mark.parametrize(
    ("keys", "passes"),
    [
        ("radius=1, min_accuracy=0.1, verdict='point'", True),
        ("radius=1, min_accuracy=0.9", False),
        ("radius=[0, 1], min_accuracy=0.1, min_mean_radius=0.1, min_median_radius=0, verdict='point'", True),
        ("radius='0..1', min_mean_radius=0.98", False),
        ("radius='0..1', min_median_radius=2", False),
    ],
)
def test_the_marker(run, keys, passes):
    result = run(f"@pytest.mark.certified({keys}, {FEW})\ndef test_it(): ...")
    result.assert_outcomes(passed=int(passes), failed=int(not passes))


def test_the_message_names_what_was_measured(run):
    result = run(f"@pytest.mark.certified(radius=1, min_accuracy=0.9, {FEW})\ndef test_it(): ...")
    result.stdout.fnmatch_lines(
        [
            "certified(norm=l0, radius=1, alpha=0.95, noise_n=300).accuracy: 0.* is not >= 0.9",
            "*n = 40 of 400",
            "*worst part class *: * n = *",
        ]
    )


def test_in_l2(run):
    keys = "norm='l2', radius=0.1, sigma=0.1, noise_n=300, n=40, min_accuracy=0.1, verdict='point'"
    run(f"@pytest.mark.certified({keys})\ndef test_it(): ...").assert_outcomes(passed=1)


def test_tables(project, tables):
    text = 'family = "certified"\nradius = {}\nalpha = "19/20"\nnoise_n = 300\nn = 130\nverdict = "point"\n{}'
    project.makepyprojecttoml(
        tables(
            text.format("[0, 1]", "min_mean_radius = 0.1"),
            text.format('"0..1"', "min_accuracy = 0.999"),
            text.format(1, 'min_accuracy = 0.999\nearly_stop = "certain"'),
        )
    )
    result = project.runpytest("--robustness")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*failed: certain: * to * of 130 can be correct*66 not finished*"])


def test_the_fixture_and_the_reports(run, project):
    result = run(
        """
def test_it(robustness):
    found = robustness.certified_accuracy(radius=[0, 1], alpha=0.95, noise_n=300, n=40)
    assert found >= 0
    assert found["mean_radius"] >= 0
    assert len(found.samples["radius"]) == 40
    one = robustness.certified_accuracy("l0", 1, alpha=0.95, noise_n=300, n=40)
    assert one.forwards < found.forwards
    assert one.value <= found.value
""",
        "--robustness-report=card.json",
        "--robustness-report=card.html",
        "--robustness-report=card.md",
        "--robustness-report=card.csv",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["certified l0 radius=0,1 alpha=0.95 *0.* passed", "  noise_n=300 * mean radius"])
    text = (project.path / "card.json").read_text(encoding="utf-8")
    rows = json.loads(text)["rows"]
    assert {row["metric"] for row in rows} == {"accuracy", "mean_radius", "median_radius"}
    curves = [row["details"]["certificates"] for row in rows if row["details"]]
    assert sorted(curve["radii"] for curve in curves) == [[0, 1], [1]]
    assert "p_lower" not in text  # what is known of every image stays out of the reports
    assert "certified" in (project.path / "card.html").read_text(encoding="utf-8")


def test_every_image_by_its_radius(run):
    run(
        """
def test_it(robustness):
    found = robustness.certified_accuracy(radius="0..1", alpha=0.95, noise_n=300, n=40).samples
    right = found["prediction"] == found["label"]
    assert ((found["prediction"] == -1) == (found["radius"] == -1)).all()
    assert (found["correct"] == right & (found["radius"] >= 1)).all()  # what makes up the value
"""
    ).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("certified_accuracy(radius=5, noise_n=1000)", "*noise_n=1000 draws cannot certify the radius*up to 4*"),
        ("certified_accuracy('linf', 0.1)", "*unknown norm of a certificate: got 'linf'; allowed: l0, l2*"),
        ("certified_accuracy(radius='a few')", "*radius cannot be read: got 'a few'*"),
        ("certified_accuracy(sigma=1)", "*norm='l0' has no sigma*"),
        ("certified_accuracy(levels=2, radius=0)", "*a pixel is none of the values of noise with levels=2*"),
        ("certified_accuracy(min_accuracy=0.3)", "*takes no thresholds*"),
        ("certified_accuracy(samples=10)", "*unknown parameter of the family 'certified': got 'samples'*noise_n*"),
        ("certified_accuracy(n=20, noise_n=300)['mean_radius']", "*has no mean_radius*needs several radii*"),
    ],
)
def test_mistakes_are_told(run, call, message):
    result = run(f"def test_it(robustness):\n    robustness.{call}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])


def test_of_a_model_that_knows_nothing_of_the_noise_it_is_told(run):
    keys = "radius=1, noise_n=300, n=20, min_accuracy=0.5"
    result = run(f"@pytest.mark.certified({keys})\ndef test_it(): ...", "--robustness-model", "models.py:constant")
    result.assert_outcomes(failed=1)
    # A model that always says the same is certain, and certified, but rarely right.
    result.stdout.fnmatch_lines(["*accuracy: 0.* is not >= 0.5", "*worst part class *: 0 *"])
