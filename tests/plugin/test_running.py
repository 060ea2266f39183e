"""Markers judge after the body, all of them; what cannot be evaluated never passes."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("marker", "passes"),
    [
        ("accuracy(min_accuracy=0.88)", True),
        ("accuracy(min_accuracy=0.89)", False),
        ("corruption(suite='mnist-c-generated', corruptions=['stripe', 'brightness'], min_accuracy=0.3)", True),
        ("corruption(suite='mnist-c-generated', corruptions=['stripe', 'brightness'], min_each=0.95)", False),
        ("ood(outliers='uniform-noise', min_auroc=0.6)", True),
        ("ood(outliers='uniform-noise', min_auroc=0.6, max_fpr95=0.1)", False),
        ("calibration(max_ece=0.2, max_brier=0.25)", True),
        ("calibration(max_ece=0.2, max_brier=0.2)", False),
        ("sensitivity(points=49, min_worst=0.6, min_mean=0.8)", True),
        ("sensitivity(points=9, min_worst=0.9)", False),
    ],
)
def test_every_family_passes_and_fails(run, marker, passes):
    result = run(f"@pytest.mark.{marker}\ndef test_it(): ...")
    result.assert_outcomes(passed=int(passes), failed=int(not passes))
    assert result.ret == (0 if passes else 1)


@pytest.mark.parametrize(("bound", "passes"), [(0.75, True), (0.88, False)])
def test_adversarial(run, bound, passes):
    result = run(
        f"""
@pytest.fixture(scope="session")
def robustness_model():
    from nets import Net
    return Net()

@pytest.mark.adversarial(attack="pgd", norm="linf", eps=0.01, steps=3, min_accuracy={bound})
def test_it(): ...
"""
    )
    result.assert_outcomes(passed=int(passes), failed=int(not passes))


def test_the_message_holds_all_that_is_needed(run):
    result = run("@pytest.mark.accuracy(min_accuracy=0.9)\ndef test_it(): ...")
    result.stdout.fnmatch_lines(
        [
            "accuracy().accuracy: 0.8875 is not >= 0.9",
            "*failed: 0.8875 misses >= 0.9 by 0.0125",
            "*interval*[[]0.85*, 0.91*[]] at 95 % confidence, n = 400",
            "*shortfall  0.0125",
            "*worst part class *: 0.8* n = *",
        ]
    )
    assert "_judge" not in result.stdout.str()


def test_a_sample_is_inconclusive_near_its_bound(run):
    result = run("@pytest.mark.accuracy(n=100, min_accuracy=0.88)\ndef test_it(): ...")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*is not shown to be >= 0.88", "*inconclusive: *samples*would settle it"])


@pytest.mark.parametrize(("what", "outcome"), [("fail", "failed"), ("pass", "passed"), ("skip", "skipped")])
@pytest.mark.parametrize("place", ["option", "marker"])
def test_inconclusive(run, what, outcome, place):
    extra, options = (
        ("", [f"--robustness-inconclusive={what}"]) if place == "option" else (f"inconclusive='{what}'", [])
    )
    result = run(f"@pytest.mark.accuracy(n=100, min_accuracy=0.88, {extra})\ndef test_it(): ...", *options)
    result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines(["*1 inconclusive*"])


@pytest.mark.parametrize(
    ("rule", "bound", "outcome"),
    [("point", 0.5, "passed"), ("point", 0.97, "failed"), ("regress", 0.88, "passed"), ("regress", 0.99, "failed"),
     ("verify", 0.5, "passed"), ("verify", 0.96, "failed")],
)  # fmt: skip
def test_rules(run, rule, bound, outcome):
    result = run(
        f"@pytest.mark.accuracy(n=100, min_accuracy={bound})\ndef test_it(): ...", f"--robustness-verdict={rule}"
    )
    result.assert_outcomes(**{outcome: 1})


def test_a_failing_body_is_a_plain_failure(run):
    result = run("@pytest.mark.accuracy(min_accuracy=0.99)\ndef test_it():\n    assert 1 == 2")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2"])
    result.stdout.no_fnmatch_line("*accuracy()*")


def test_body_runs_before_the_measurement(run):
    result = run(
        """
ran = []

@pytest.fixture
def robustness_model():
    def model(images):
        assert ran, "measured before the body"
        return images[:, 0, :4, 0]
    return model

@pytest.mark.accuracy(min_accuracy=0.0)
def test_it():
    ran.append(1)
"""
    )
    result.assert_outcomes(passed=1)


def test_all_markers_are_judged_and_reported(run):
    result = run(
        """
@pytest.mark.accuracy(min_accuracy=0.95)
@pytest.mark.accuracy(min_accuracy=0.5)
@pytest.mark.calibration(max_ece=0.01)
@pytest.mark.calibration(max_brier=0.01)
def test_it(): ...
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines_random(
        ["accuracy()*is not >= 0.95", "calibration()*ece*is not <= 0.01", "calibration()*brier*is not <= 0.01"]
    )
    result.stdout.fnmatch_lines(["robustness: 1 passed, 3 failed, *"])


def test_class_and_module_markers(run):
    result = run(
        """
pytestmark = pytest.mark.accuracy(min_accuracy=0.5)

@pytest.mark.calibration(max_brier=0.01)
class TestIt:
    def test_one(self): ...
    @pytest.mark.accuracy(min_accuracy=0.95)
    def test_two(self): ...

def test_three(): ...
"""
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["robustness: 3 passed, 3 failed, *"])


def test_a_class_without_the_marker_may_inherit_from_one_with_it(run):
    result = run(
        """
class Base:
    def test_it(self, request):
        assert ("robustness" in request.fixturenames) == (type(self).__name__ == "TestJudged")

@pytest.mark.accuracy(min_accuracy=0.99)
class TestJudged(Base): ...

class TestPlain(Base): ...
"""
    )
    result.assert_outcomes(passed=1, failed=1)


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_parametrised_models(run, scope):
    result = run(
        f"""
import models

@pytest.fixture(params=["predict", "constant"], scope="{scope}")
def robustness_model(request):
    return getattr(models, request.param)

@pytest.mark.accuracy(min_accuracy=0.8)
def test_marked(): ...

def test_called(robustness):
    assert robustness.accuracy() >= 0.8

class TestIt:
    pytestmark = pytest.mark.accuracy(min_accuracy=0.8)
    def test_method(self): ...
""",
        "-v",
    )
    result.assert_outcomes(passed=3, failed=3)
    result.stdout.fnmatch_lines(["constant on squares*", "*22.5 %*failed", "predict on squares*", "*88.8 %*passed"])


def test_model_and_data_as_objects(run):
    result = run(
        """
import numpy as np

@pytest.fixture
def robustness_data():
    images = np.zeros((8, 1, 8, 8), np.uint8)
    images[:4, :, :4, :4] = 255
    images[4:, :, 4:, 4:] = 255
    return images, np.repeat([0, 3], 4)

@pytest.mark.accuracy(min_accuracy=1.0)
def test_it(): ...
"""
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["predict on arrays, 8 images*"])


def test_models_with_the_same_identity_are_not_confused(run):
    # Each model dies with its test; the next one may get its address.
    result = run(
        """
import gc, numpy as np, models

@pytest.fixture(params=range(6))
def robustness_model(request):
    good = request.param % 2 == 0
    def factory():
        return models.predict if good else models.constant
    yield factory
    del factory
    gc.collect()

def test_it(robustness, request):
    good = request.node.callspec.params["robustness_model"] % 2 == 0
    assert (robustness.accuracy().value > 0.5) == good
"""
    )
    result.assert_outcomes(passed=6)


def test_an_error_fails_and_the_other_markers_are_still_judged(run):
    result = run(
        """
@pytest.mark.adversarial(attack="fgsm", eps=0.1, min_accuracy=0.1)
@pytest.mark.accuracy(min_accuracy=0.95)
def test_it(): ...
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["accuracy()*is not >= 0.95", "robustness: could not evaluate adversarial: predict offers no gradients*"]
    )


def test_a_broken_model_fails(run):
    result = run("@pytest.mark.accuracy(min_accuracy=0)\ndef test_it(): ...", "--robustness-model=models.py:broken")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["robustness: could not evaluate accuracy: *no more GPU*"])
    assert "Traceback" not in result.stdout.str()


def test_no_model_at_all(pytester):
    pytester.makepyfile("import pytest\n@pytest.mark.accuracy()\ndef test_it(): ...")
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["no classifier to test: give --robustness-model=SOURCE*"])


MISSING = """
@pytest.mark.accuracy(min_accuracy=0.5, data="kmnist")
@pytest.mark.calibration(max_brier={bound})
def test_marked(): ...

def test_called(robustness):
    assert robustness.accuracy(data="kmnist") >= 0.5
"""


@pytest.fixture
def no_kmnist(monkeypatch):
    from pytest_robustness.datasets import loading
    from pytest_robustness.errors import DataUnavailableError

    def unavailable(*arguments: object) -> None:
        raise DataUnavailableError("kmnist is not here", mend="Set PYTEST_ROBUSTNESS_DATA.")

    monkeypatch.setattr(loading, "locate", unavailable)


def test_missing_data_skips_and_says_so(run, no_kmnist):
    result = run(MISSING.format(bound=0.5))
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["robustness: 2 skipped; the first: *kmnist is not here*"])


def test_missing_data_is_said_once(run, no_kmnist):
    source = """
@pytest.mark.accuracy(data="kmnist")
@pytest.mark.calibration(data="kmnist")
def test_it(): ...
"""
    lines = run(source, "-rs").outlines
    skipped = next(line for line in lines if line.startswith("SKIPPED"))
    assert "accuracy, calibration: kmnist is not here. Set PYTEST_ROBUSTNESS_DATA." in skipped
    assert skipped.count("kmnist") == 1


def test_missing_data_does_not_hide_a_failure(run, no_kmnist):
    result = run(MISSING.format(bound=0.01))
    result.assert_outcomes(failed=1, skipped=1)


def test_missing_data_fails_where_strict(run, no_kmnist):
    result = run(MISSING.format(bound=0.5), "--robustness-strict")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines_random(["*kmnist is not here*"])


def test_skip_and_xfail_keep_their_meaning(run):
    result = run(
        """
@pytest.mark.xfail(strict=True)
@pytest.mark.accuracy(min_accuracy=0.99)
def test_known_weakness(): ...

@pytest.mark.xfail(strict=True)
@pytest.mark.accuracy(min_accuracy=0.5)
def test_mended(): ...

@pytest.mark.skip
@pytest.mark.accuracy(min_accuracy=0.99)
def test_skipped(): ...

@pytest.mark.accuracy(min_accuracy=0.99)
def test_skips_itself():
    pytest.skip("not today")
"""
    )
    result.assert_outcomes(xfailed=1, failed=1, skipped=2)


def test_methods_of_unittest(run):
    result = run(
        """
import unittest

class TestIt(unittest.TestCase):
    @pytest.mark.accuracy(min_accuracy=0.8)
    def test_good(self): ...
    @pytest.mark.accuracy(min_accuracy=0.95)
    def test_bad(self): ...
    @pytest.mark.accuracy(min_accuracy=0.8)
    def test_body(self):
        self.fail("the body")
"""
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines_random(["*AssertionError: the body", "accuracy()*is not >= 0.95"])


def test_markers_added_late_are_judged(run, project):
    project.makeconftest(
        """
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.accuracy(min_accuracy=0.95))
        """
    )
    result = run(
        """
def test_by_hook(): ...

@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.accuracy(min_accuracy=0.5))])
def test_by_parameter(x): ...

@pytest.fixture
def wrong(request):
    request.applymarker(pytest.mark.accuracy(min_acc=1))

def test_by_fixture(wrong): ...
"""
    )
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["robustness: accuracy: unknown threshold*min_acc*allowed: min_accuracy*"])


def test_markers_on_what_is_no_function(project):
    project.makeconftest(
        """
        import pytest

        def pytest_collect_file(file_path, parent):
            if file_path.suffix == ".yml":
                return Yaml.from_parent(parent, path=file_path)

        class Yaml(pytest.File):
            def collect(self):
                item = Case.from_parent(self, name="case")
                item.add_marker(pytest.mark.accuracy(min_accuracy=0.1))
                yield item

        class Case(pytest.Item):
            def runtest(self): ...
        """
    )
    (project.path / "test_x.yml").touch()
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*markers of this plugin need a test function: got Case*"])


def test_coroutines_never_pass(run):
    result = run("@pytest.mark.accuracy(min_accuracy=0.1)\nasync def test_it(): ...")
    result.assert_outcomes(failed=1)


def test_a_marker_without_threshold_measures(run):
    result = run("@pytest.mark.accuracy\ndef test_it(): ...")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["accuracy * 88.8 % * measured"])
