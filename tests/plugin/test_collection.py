"""Mistakes in markers and tables are usage errors at collection; tables are tests like any other."""

from __future__ import annotations

import pytest

WRONG = {
    "unknown threshold": ("accuracy(min_acc=0.5)", "*'min_acc'*allowed: min_accuracy*Did you mean 'min_accuracy'*"),
    "unknown parameter": ("ood(outlier='kmnist')", "*'outlier'*allowed: outliers, score*"),
    "wrong bound": ("accuracy(min_accuracy='high')", "*accuracy*'high'*"),
    "wrong value": ("sensitivity(gamma=3)", "*gamma*got 3*"),
    "wrong attack": (
        "adversarial(attack='pdg', eps=0.1)",
        "*unknown attack*'pdg'*allowed: autoattack, *fgsm, bim, pgd, *Did you mean 'pgd'*",
    ),
    "positional": ("accuracy(0.5)", "*accuracy takes keywords*(0.5,)*min_accuracy*"),
    "wrong n": ("accuracy(n=0)", "*accuracy: n is out of range*got 0*whole number of at least 1*"),
    "wrong rule": ("accuracy(verdict='maybe')", "*'maybe'*allowed: point, verify, regress*"),
    "wrong inconclusive": ("accuracy(inconclusive='x')", "*'x'*allowed: fail, pass, skip*"),
    "wrong confidence": ("accuracy(confidence=95)", "*confidence*got 95*"),
    "wrong seed": ("accuracy(seed=1.5)", "*seed*got 1.5*"),
    "wrong data": ("accuracy(data='mnits')", "*unknown data set*'mnits'*Did you mean 'mnist'*"),
    "radius out of reach": (
        "certified(norm='l0', radius=10)",
        "*noise_n=100000 draws cannot certify the radius*got 10; allowed: up to 9*needs noise_n=200116*",
    ),
    "wrong radius": ("certified(radius=0.5)", "*certified: radius is out of range: got 0.5*whole number*"),
    "noise of another norm": ("certified(sigma=0.5)", "*norm='l0' has no sigma*allowed: alpha, levels*norm='l2'*"),
    "one radius": ("certified(radius=2, min_mean_radius=1)", "*min_mean_radius needs several radii*radius=2*"),
    "mean corruption error": ("corruption(max_mce=1.0)", "*max_mce needs a reference model*reference='lenet5'*"),
    "no radius": ("adversarial(attack='pgd')", "*the attack 'pgd' needs a radius*eps=0.1*"),
    "wrong norm": ("adversarial(eps=0.1, norm='l7')", "*norm of the attack 'autoattack'*'l7'*allowed: linf, l2*"),
    "wrong early stop": ("accuracy(early_stop='soon')", "*early-stop*'soon'*"),
    "wrong saliency map": ("saliency(map='gradiant')", "*unknown saliency map*'gradiant'*Did you mean 'gradient'*"),
    "wrong mask": ("saliency(mask='black')", "*unknown mask*'black'*allowed: zero, mean, invert*"),
    "option of another map": (
        "saliency(map='smoothgrad', steps=4)",
        "*'smoothgrad'*'steps'*allowed: samples, sigma*integrated-gradients*",
    ),
    "option of no map": ("saliency(steps=4)", "*map='auto' takes no options*map='integrated-gradients'*"),
    "nothing masked": ("saliency(fraction=0.0, min_accuracy=0.5)", "*a fraction of 0 masks nothing*"),
    "no curves": ("saliency(curves=False, min_deletion_area=0.5)", "*min_deletion_area needs the curves*"),
}


@pytest.mark.parametrize(("marker", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_marker_is_a_usage_error(run, marker, message):
    result = run(f"def test_fine(): ...\n\n@pytest.mark.{marker}\ndef test_it(): ...")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: test_model.py::test_it: {message}"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_a_mistyped_marker_is_a_usage_error_where_pytest_only_warns(run):
    source = "import pytest\n\n@pytest.mark.{}\ndef test_it(): ..."
    lenient = ["-W", "ignore::pytest.PytestUnknownMarkWarning"]
    result = run(source.format("acuracy(min_accuracy=0.5)"), *lenient)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*unknown marker*'acuracy'*Did you mean 'accuracy'*"])
    run(source.format("accurate_to(min_digits=3)"), *lenient).assert_outcomes(passed=1)  # of another plugin
    run(source.format("acuracy(level=3)"), *lenient).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "options", [["-k", "fine"], ["--co"], ["-m", "not accuracy"], ["-x"], ["-q", "-q"]], ids=" ".join
)
def test_also_where_the_test_is_not_selected(run, options):
    source = "def test_fine(): ...\n\n@pytest.mark.accuracy(min_acc=0.5)\ndef test_it(): ..."
    assert run(source, *options).ret == pytest.ExitCode.USAGE_ERROR


def test_a_mistake_in_a_class_marker_is_told_once(run):
    result = run("@pytest.mark.accuracy(n=0)\nclass TestIt:\n    def test_a(self): ...\n    def test_b(self): ...")
    assert result.stderr.str().count("n is out of range") == 1


def test_wrong_markers_under_xdist(run_apart):
    result = run_apart("@pytest.mark.accuracy(min_acc=0.5)\ndef test_it(): ...\n\ndef test_fine(): ...", "-n2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: test_model.py::test_it: *'min_acc'*allowed: min_accuracy*"])
    result.assert_outcomes()
    assert "INTERNALERROR" not in result.stdout.str()


def test_objects_that_are_no_tests_are_left_alone(run):
    # Proxies of web frameworks raise whatever they like when asked for an attribute outside of a request.
    result = run(
        """
class Proxy:
    def __getattr__(self, name):
        raise RuntimeError("working outside of request context")

proxy = Proxy()
def test_it(): ...
"""
    )
    result.assert_outcomes(passed=1)


ACCURACY = 'family = "accuracy"\nmin_accuracy = 0.88'
TOO_MUCH = 'family = "accuracy"\nmin_accuracy = 0.95'
OOD = 'family = "ood"\noutliers = "uniform-noise"\nmin_auroc = 0.6'


def test_tables_are_tests(project, tables):
    project.makepyprojecttoml(tables(ACCURACY, TOO_MUCH, OOD))
    result = project.runpytest("--robustness", "-v")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "robustness: --robustness-model=models.py:predict --robustness-data=squares.npz --robustness-seed=0",
            "*collected 3 items",
            "pyproject.toml::accuracy PASSED*",
            "pyproject.toml::accuracy#2 FAILED*",
            "pyproject.toml::ood[[]uniform-noise[]] PASSED*",
        ]
    )


def test_nothing_is_collected_unasked(project, tables):
    project.makepyprojecttoml(tables(ACCURACY))
    assert project.runpytest().ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_tables_beside_tests_in_a_folder(project, tables):
    project.makepyprojecttoml(tables(ACCURACY, OOD))
    (project.path / "tests").mkdir()
    (project.path / "tests" / "test_one.py").write_text("def test_one(): ...")
    result = project.runpytest("--robustness", "tests")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*collected 3 items"])


@pytest.mark.parametrize(
    ("options", "passed"),
    [(["-k", "ood"], 1), (["-k", "not ood"], 1), (["pyproject.toml::ood[uniform-noise]"], 1), (["pyproject.toml"], 2),
     (["--deselect", "pyproject.toml::accuracy"], 1)],
    ids=str,
)  # fmt: skip
def test_selecting_tables(project, tables, options, passed):
    project.makepyprojecttoml(tables(ACCURACY, OOD))
    project.runpytest("--robustness", *options).assert_outcomes(passed=passed)


def test_last_failed_and_exit_first(project, tables):
    project.makepyprojecttoml(tables(TOO_MUCH, ACCURACY, OOD))
    project.runpytest("--robustness").assert_outcomes(failed=1, passed=2)
    project.runpytest("--robustness", "--lf").assert_outcomes(failed=1)
    project.runpytest("--robustness", "-x").assert_outcomes(failed=1)


def test_collect_only(project, tables):
    project.makepyprojecttoml(tables(ACCURACY, OOD))
    result = project.runpytest("--robustness", "--co", "-q")
    result.stdout.fnmatch_lines(
        ["pyproject.toml::accuracy", "pyproject.toml::ood[[]uniform-noise[]]", "2 tests collected*"]
    )


@pytest.mark.parametrize("scope", ["function", "class", "module", "package", "session"])
def test_tables_take_the_fixtures_in_reach(project, tables, scope):
    project.makepyprojecttoml(tables(ACCURACY))
    project.makeconftest(
        f"""
        import pytest, models

        @pytest.fixture(scope="{scope}", params=["predict", "constant"])
        def robustness_model(request):
            return getattr(models, request.param)
        """
    )
    result = project.runpytest("--robustness", "-v")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["pyproject.toml::accuracy[[]constant[]] FAILED *"])


def test_tables_have_the_marker_of_their_family(project, tables):
    project.makepyprojecttoml(tables(ACCURACY, OOD))
    project.runpytest("--robustness", "-m", "ood").assert_outcomes(passed=1)


def test_tables_of_a_file_of_their_own(project, tables):
    (project.path / "gates").mkdir()
    path = project.path / "gates" / "gate.toml"
    path.write_text(tables(ACCURACY, head="seed = 3", prefix="robustness"))
    result = project.runpytest("--robustness-config=gates/gate.toml", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["robustness: * --robustness-seed=3", "gates/gate.toml::accuracy PASSED*"])


def test_tables_of_the_file_that_the_ini_key_names(project, tables, monkeypatch):
    model, data = project.path / "models.py", project.path / "squares.npz"
    project.makeini(
        f"[pytest]\nrobustness_config = gate.toml\nrobustness_model = {model}:predict\nrobustness_data = {data}"
    )
    (project.path / "gate.toml").write_text(tables(ACCURACY, prefix="robustness"))
    (project.path / "below").mkdir()
    (project.path / "below" / "test_one.py").write_text("def test_one(): ...")
    project.runpytest("below").assert_outcomes(passed=2)
    # The key is seen from the file that holds it, not from where pytest is called.
    monkeypatch.chdir(project.path / "below")
    project.runpytest().assert_outcomes(passed=2)


def test_tables_under_xdist(project, tables):
    project.makepyprojecttoml(tables(ACCURACY, TOO_MUCH, OOD))
    result = project.runpytest_subprocess("--robustness", "-n2", "--robustness-report=card.json")
    result.assert_outcomes(passed=2, failed=1)
    assert (project.path / "card.json").is_file()


BROKEN_TABLES = {
    "no tables": ("[tool.robustness]", "*no table [[][[]tool.robustness.require]] in*pyproject.toml"),
    "unknown family": (
        "[[tool.robustness.require]]\nfamily = 'acuracy'",
        "*pyproject.toml: requirement 1*'acuracy'*accuracy*",
    ),
    "no family": ("[[tool.robustness.require]]\nmin_accuracy = 0.5", "*without a family*"),
    "unknown key": (f"[[tool.robustness.require]]\n{OOD}\nscores = 'msp'", "*requirement 1*'scores'*score*"),
    "wrong override": (f"[[tool.robustness.require]]\n{OOD}\nn = 'all'", "*n is out of range*'all'*"),
    "second is wrong": (
        f"[[tool.robustness.require]]\n{OOD}\n[[tool.robustness.require]]\nfamily = 'ood'\nmin_x = 1",
        "*requirement 2*min_x*",
    ),
    "noise": ("[[tool.robustness.require]]\nfamily = 'certified'\nalpha = 2", "*1: certified: alpha is out of*got 2*"),
    "head": (f"[tool.robustness]\nsed = 1\n[[tool.robustness.require]]\n{OOD}", "*unknown setting*'sed'*'seed'*"),
    "not tables": ("[tool.robustness]\nrequire = 3", "*must be tables*"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN_TABLES.values(), ids=BROKEN_TABLES)
@pytest.mark.parametrize("options", [[], ["-q"], ["-p", "no:terminal"]], ids=str)
def test_wrong_tables_are_usage_errors(project, text, message, options):
    project.makepyprojecttoml(text)
    result = project.runpytest("--robustness", *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize("workers", [[], ["-n1"]], ids=str)
def test_wrong_files_are_usage_errors(project, workers):
    (project.path / "bad.toml").write_text("x = [")
    (project.path / "other.toml").write_text("[other]")
    for name, message in {
        "none.toml": "*cannot be read*none.toml*No such file*",
        "bad.toml": "*bad.toml is not TOML*",
        "other.toml": "*other.toml has no table [[]robustness]*",
    }.items():
        result = project.runpytest(f"--robustness-config={name}", *workers)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([message])


def test_wrong_tables_do_not_matter_where_they_are_not_used(project):
    project.makepyprojecttoml("[tool.robustness]\nsed = 1")
    (project.path / "tox.ini").write_text("[pytest]\n")
    project.makepyfile("def test_it(): ...")
    project.runpytest().assert_outcomes(passed=1)
