"""The saliency family through marker, table, fixture and report."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    ("bounds", "passes"),
    [
        ("min_accuracy=0.02", True),
        ("min_accuracy=0.95", False),
        ("min_deletion_area=0.1, min_insertion_area=0.1", True),
        ("max_excess_drop=0.01", False),
        ("curves=False, min_accuracy=0.02", True),
    ],
)
def test_the_marker(run, bounds, passes):
    marker = f"@pytest.mark.saliency(fraction=0.25, map='gradient-times-input', {bounds})"
    result = run(f"{marker}\ndef test_it(): ...", *NET)
    result.assert_outcomes(passed=int(passes), failed=int(not passes))


NET = ("--robustness-model", "nets.py:Net")


def test_the_message_names_what_was_measured(run):
    result = run("@pytest.mark.saliency(min_accuracy=0.99)\ndef test_it(): ...", *NET)
    result.stdout.fnmatch_lines(
        ["saliency(fraction=0.15, map=auto, mask=0).accuracy: * is not >= 0.99", "*worst part *: * n = *"]
    )


def test_tables(project, tables):
    text = 'family = "saliency"\nfraction = 0.2\nmap = "integrated-gradients"\nmask = "mean"\nmin_accuracy = {}'
    project.makepyprojecttoml(tables(text.format(0.02), text.format(0.999)))
    result = project.runpytest("--robustness", *NET)
    result.assert_outcomes(passed=1, failed=1)


@pytest.mark.parametrize("map_", ['"integrated-gradients"\nsteps = 3', '"smoothgrad"\nsamples = 2\nsigma = 0.1'])
def test_tables_name_the_options_of_a_map(project, tables, map_):
    project.makepyprojecttoml(tables(f'family = "saliency"\nmap = {map_}\nmin_accuracy = 0.999'))
    result = project.runpytest("--robustness", *NET)
    result.assert_outcomes(failed=1)
    label = map_.replace('"', "").replace("\n", "(", 1).replace("\n", ", ").replace(" = ", "=") + ")"
    result.stdout.fnmatch_lines([f"*saliency(fraction=0.15, map={label}, mask=0).accuracy*"])


BLIND = """
import torch
from torch import nn
class Blind(nn.Module):
    \"\"\"Its gradient is largest in a pixel that is always black: it looks at the others.\"\"\"
    def forward(self, images):
        seen = images[:, 0].mean(dim=(1, 2)) - 0.5
        score = seen + 9 * images[:, 0, 0, 0] - 9 * images[:, 0, 0, 1]
        return torch.stack([-score, score], dim=1)
"""


@pytest.mark.parametrize(("rule", "outcome"), [("fail", "failed"), ("skip", "skipped"), ("pass", "passed")])
def test_a_map_that_finds_no_more_than_random_ink_is_no_pass(project, rule, outcome):
    import numpy as np

    rng = np.random.default_rng(0)
    images = np.repeat(rng.uniform(0.3, 0.9, (80, 1, 1, 1)), 16, axis=3).reshape(80, 1, 4, 4).astype(np.float32)
    images[:, :, 0, :2] = 0
    np.savez(project.path / "flat.npz", images=images, labels=(images.mean(axis=(1, 2, 3)) > 0.5).astype(int))
    project.makepyfile(blind=BLIND)
    project.makepyfile(
        'import pytest\n@pytest.mark.saliency(fraction=0.125, map="gradient", min_accuracy=0.9)\ndef test_it(): ...'
    )
    result = project.runpytest(
        "--robustness-model=blind.py:Blind", "--robustness-data=flat.npz", f"--robustness-inconclusive={rule}", "-rs"
    )
    result.assert_outcomes(**{outcome: 1})
    if rule == "fail":
        result.stdout.fnmatch_lines(
            ["*.accuracy: 1 is not shown to be >= 0.9", "*inconclusive: *but masking as many random ink pixels costs*"]
        )


def test_the_fixture_and_the_reports(run, project):
    result = run(
        """
def test_it(robustness):
    masked = robustness.saliency(0.25, map="gradient")
    assert masked >= 0.02
    assert masked["random_ink"] >= masked.low
    assert masked["excess_drop"].value == masked["random_ink"].value - masked.value
    assert robustness.saliency(fraction=0.25, map="gradient").value == masked.value
""",
        *NET,
        "--robustness-report=card.json",
        "--robustness-report=card.html",
    )
    result.assert_outcomes(passed=1)
    rows = json.loads((project.path / "card.json").read_text(encoding="utf-8"))["rows"]
    assert {row["metric"] for row in rows} == {
        *("accuracy", "random_ink", "random", "excess_drop", "deletion_area", "insertion_area")
    }
    page = (project.path / "card.html").read_text(encoding="utf-8")
    assert "Accuracy over masked and shown pixels" in page
    assert "Saliency and masks" in page


def test_by_occlusion_where_there_are_no_gradients(run):
    told = "'no gradients: saliency by occlusion' in robustness.saliency().warnings"
    run(f"def test_it(robustness):\n    assert {told}").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("saliency(1.5)", "*fraction is out of range: got 1.5; allowed: a number from 0 to 1*"),
        ("saliency(map='lime')", "*unknown saliency map: got 'lime'; allowed: gradient, *"),
        ("saliency(0.001)", "*less than one of 64 pixels: got 0.001; allowed: from 0.0156*"),
        ("saliency(map='gradient')", "*'gradient' needs gradients, which * does not offer*map='occlusion'*"),
        ("saliency(min_accuracy=0.3)", "*takes no thresholds*"),
    ],
)
def test_mistakes_are_told(run, call, message):
    result = run(f"def test_it(robustness):\n    robustness.{call}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])
