"""Detection of outliers: metrics, several sets, fitted scores, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from torch import nn

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset, load_dataset, load_outliers
from pytest_robustness.errors import CapabilityError, ConfigurationError, DatasetError, ParameterError
from pytest_robustness.evaluations import (
    OutOfDistribution,
    ScoreComparison,
    Subject,
    Threshold,
    judge,
    make_requirement,
)
from pytest_robustness.evaluations.ood.outputs import is_fitted
from pytest_robustness.evaluations.verdicts import default_rule
from pytest_robustness.metrics import SCORES, auroc, auroc_interval, fpr_interval, mean_auroc_interval
from pytest_robustness.metrics.scores import Head, Outputs

DIGITS = load_dataset("digits")
DATA, FIT = DIGITS.take(slice(0, 300)), DIGITS.take(slice(300, 1100))


@pytest.fixture
def outliers():
    """Eight flat images around 1/2, where the classifier is unsure."""
    levels = np.array([0.3, 0.38, 0.41, 0.46, 0.52, 0.57, 0.62, 0.9], np.float32)
    return np.repeat(levels, 9).reshape(8, 1, 3, 3)


def msp(classifier, images):
    return -np.exp(log_softmax(classifier.logits(images), axis=1).max(axis=1))


class Nearest(nn.Module):
    """Features: 8 x 8 digits turned and cut at 0; logits: minus half the distances to the classes' means, linear."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.turn = nn.Linear(64, 48)
        self.last = nn.Linear(48, 10)
        with torch.no_grad():
            self.turn.weight.normal_(0, 0.2, generator=generator)
            self.turn.bias.fill_(0.1)
            hidden, labels = self.hidden(torch.from_numpy(FIT.pixels())), torch.from_numpy(FIT.labels.copy())
            means = torch.stack([hidden[labels == k].mean(dim=0) for k in range(10)])
            self.last.weight.copy_(3 * means)
            self.last.bias.copy_(-1.5 * (means**2).sum(dim=1))

    def hidden(self, images):
        return torch.relu(self.turn(images.flatten(1)))

    def forward(self, images):
        return self.last(self.hidden(images))


@pytest.fixture(scope="module")
def digits():
    return load_classifier(Nearest()).bound(DATA.images[:8])


def test_metrics_are_those_of_scikit_learn(run, classifier, dataset, outliers):
    found = {m.metric: m for m in run(OutOfDistribution(outliers=outliers))}
    assert list(found) == ["auroc", "aupr_out", "aupr_in", "fpr95", "fpr95_in"]
    scores = np.concatenate([msp(classifier, dataset.images), msp(classifier, outliers)])
    truth = np.repeat([0, 1], [10, 8])
    # Weighted to as many outliers as inliers.
    balanced = np.repeat([1 / 10, 1 / 8], [10, 8])
    assert found["auroc"].value == pytest.approx(roc_auc_score(truth, scores))
    assert found["aupr_out"].value == pytest.approx(average_precision_score(truth, scores, sample_weight=balanced))
    assert found["aupr_in"].value == pytest.approx(average_precision_score(1 - truth, -scores, sample_weight=balanced))
    for metric, (positive, sign) in {"fpr95": (truth, 1), "fpr95_in": (1 - truth, -1)}.items():
        false, true, _ = roc_curve(positive, sign * scores, drop_intermediate=False)
        assert found[metric].value == pytest.approx(false[true >= 0.95].min())
    assert [m.higher_is_better for m in found.values()] == [True, True, True, False, False]
    assert all(m.low <= m.value <= m.high for m in found.values())


def test_separated_sets(run):
    grey = np.full((5, 1, 3, 3), 0.5, np.float32)
    found = {m.metric: m.value for m in run(OutOfDistribution(outliers=grey))}
    assert found == {"auroc": 1.0, "aupr_out": 1.0, "aupr_in": 1.0, "fpr95": 0.0, "fpr95_in": 0.0}


def outputs_of(classifier, data, names, **more):
    plain = [name for name in names if name not in {"head", "gradients"}]
    return Outputs(**{name: getattr(classifier, name)(data.images) for name in plain}, **more)


@pytest.mark.parametrize("score", sorted(set(SCORES) - {"ensemble", "odin"}))
def test_every_score_is_computed_from_what_it_needs(run, digits, score):
    chosen = SCORES[score]
    head = Head(**digits.head()._asdict())
    state = chosen.fit and chosen.fit(outputs_of(digits, FIT, chosen.fits_on, labels=FIT.labels), head)
    strange = load_outliers("letters", like=DATA)
    inlier, outlier = (chosen.function(outputs_of(digits, d, chosen.needs), state) for d in (DATA, strange))
    evaluation = OutOfDistribution(outliers="letters", score=score, fit=FIT)
    found = run(evaluation, model=digits, data=DATA)[0]
    assert found.value == pytest.approx(auroc(inlier, outlier), abs=2e-5)  # features pass in float32
    assert (found.parameters.get("fit") is not None) == is_fitted(score)


def test_odin_and_members(run, digits):
    from sklearn.ensemble import RandomForestClassifier

    from pytest_robustness.evaluations.ood.gradient_scores import odin

    strange = load_outliers("letters", like=DATA)
    expected = auroc(odin(digits, DATA.images), odin(digits, strange.images))
    assert run(OutOfDistribution("letters", score="odin"), model=digits, data=DATA)[0].value == pytest.approx(expected)
    forest = RandomForestClassifier(9, random_state=0).fit(FIT.pixels().reshape(len(FIT), -1), FIT.labels)
    model = load_classifier(forest).bound(DATA.images[:8])
    scores = [SCORES["ensemble"].function(Outputs(members=model.members(d.images)), None) for d in (DATA, strange)]
    found = run(OutOfDistribution("letters", score="ensemble"), model=model, data=DATA)[0]
    assert found.value == pytest.approx(auroc(*scores))
    assert found.value > 0.6


def scores_of(digits, *names):
    return [msp(digits, load_outliers(name, like=DATA).images) for name in names]


def test_several_sets_are_parts_and_their_mean(run, digits):
    names = ["letters", "uniform-noise", "gaussian-noise"]
    auroc_, *others = run(OutOfDistribution(names), model=digits, data=DATA)
    inlier, sets = msp(digits, DATA.images), scores_of(digits, *names)
    areas = [auroc(inlier, one) for one in sets]
    assert auroc_.value == pytest.approx(np.mean(areas))
    assert (auroc_.low, auroc_.high) == pytest.approx(mean_auroc_interval(inlier, sets))
    assert [(part.name, part.n) for part in auroc_.parts] == [(name, 600) for name in names]
    assert [part.value for part in auroc_.parts] == pytest.approx(areas)
    assert [(part.low, part.high) for part in auroc_.parts] == [pytest.approx(auroc_interval(inlier, s)) for s in sets]
    found = {m.metric: m for m in others}
    assert set(found) == {"aupr_out", "aupr_in", "fpr95", "fpr95_in", "worst_auroc"}
    wider = [fpr_interval(inlier, one, confidence=1 - 0.05 / 3) for one in sets]
    assert found["fpr95"].value == pytest.approx(np.mean([part.value for part in found["fpr95"].parts]))
    assert (found["fpr95"].low, found["fpr95"].high) == pytest.approx(np.mean(wider, axis=0))
    worst = [auroc_interval(inlier, one, confidence=1 - 0.05 / 3) for one in sets]
    assert found["worst_auroc"].value == pytest.approx(min(areas))
    assert found["worst_auroc"].low == pytest.approx(min(i.low for i in worst))
    assert auroc_.name == "ood(outliers=[letters,uniform-noise,gaussian-noise], score=msp).auroc"


def test_near_and_far_are_reported_apart(data_dir, run):
    class Darkness(nn.Module):
        def forward(self, images):
            score = images.flatten(1).mean(dim=1)
            return torch.stack([score, -score], dim=1)

    data = load_dataset("mnist", n=150)
    model = load_classifier(Darkness()).bound(data.images[:8])
    found = {m.metric: m for m in run(OutOfDistribution("all"), model=model, data=data)}
    parts = {part.name: part.value for part in found["auroc"].parts}
    assert [name.split("/")[0] for name in parts] == ["near"] * 3 + ["far"] * 3
    for kind in ("near", "far"):
        of_kind = [value for name, value in parts.items() if name.startswith(kind)]
        assert found[f"{kind}_auroc"].value == pytest.approx(np.mean(of_kind))
        assert [part.value for part in found[f"{kind}_auroc"].parts] == of_kind
    assert found["auroc"].value == pytest.approx(np.mean(list(parts.values())))
    assert found["worst_auroc"].value == min(parts.values())
    near = run(OutOfDistribution("mnist-near"), model=model, data=data)[0]
    assert near.value == pytest.approx(found["near_auroc"].value)
    assert (near.low, near.high) == pytest.approx((found["near_auroc"].low, found["near_auroc"].high))


def test_a_suite_is_never_silently_smaller(run, digits):
    # Its sets have another size than these images: one after the other would fail.
    with pytest.raises(DatasetError, match=r"fashion-mnist have another shape|fashion-mnist"):
        run(OutOfDistribution("mnist-near"), model=digits, data=DATA)
    assert len(run(OutOfDistribution("mnist-far"), model=digits, data=DATA)[0].parts) == 3


def test_order_of_samples_and_names_of_classes_do_not_matter(run, digits):
    order, names = np.random.default_rng(0).permutation(len(DATA)), np.random.default_rng(1).permutation(10)
    module = Nearest()
    with torch.no_grad():
        module.last.weight.copy_(module.last.weight[names].clone())
        module.last.bias.copy_(module.last.bias[names].clone())
    renamed, inverse = load_classifier(module).bound(DATA.images[:8]), np.argsort(names)
    data = as_dataset((DATA.images[order], inverse[DATA.labels[order]]))
    fit = as_dataset((FIT.images, inverse[FIT.labels]))
    strange = load_outliers("letters", like=DATA).images
    for score in ("msp", "mahalanobis", "she", "knn", "react"):
        one = run(OutOfDistribution(strange, score=score, fit=FIT), model=digits, data=DATA)
        other = run(OutOfDistribution(strange[::-1], score=score, fit=fit), model=renamed, data=data)
        for a, b in zip(one, other, strict=True):
            assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high), abs=2e-5)


def test_fitting_data_are_asked_for():
    with pytest.raises(ParameterError, match=r"score 'knn' is fitted on data, and none were given: .*Give fit="):
        OutOfDistribution(score="knn")
    with pytest.raises(ConfigurationError, match="score 'vim' is fitted on data"):
        make_requirement("ood", {"score": "vim", "min_auroc": 0.9})
    assert OutOfDistribution(score="msp", fit="mnist-train") == OutOfDistribution(score="msp")
    assert OutOfDistribution(score="knn", fit="MNIST_train").fit == "mnist-train"


def test_fitting_data_are_never_those_that_are_measured(run, digits):
    with pytest.raises(DatasetError, match="cannot serve as fitting data: they are images of digits"):
        run(OutOfDistribution("letters", score="knn", fit="digits"), model=digits, data=DATA)
    strange = load_outliers("letters", like=DATA)
    mixed = np.concatenate([FIT.images, strange.images]), np.zeros(1100, int)
    with pytest.raises(DatasetError, match="cannot serve as fitting data: they are images of letters"):
        run(OutOfDistribution("letters", score="knn", fit=mixed), model=digits, data=DATA)


@pytest.mark.parametrize(
    ("score", "n"), [("knn", 49), ("mahalanobis", 58), ("kl-matching", 49), ("react", 49), ("dice", 49)]
)
def test_too_few_fitting_data(run, digits, score, n):
    with pytest.raises(ParameterError):
        run(OutOfDistribution("letters", score=score, fit=FIT.take(slice(0, n))), model=digits, data=DATA)


def test_what_the_model_lacks_is_said(run):
    class Whole(nn.Module):
        def forward(self, images):
            return images.flatten(1)[:, :10] ** 2

    model = load_classifier(Whole()).bound(DATA.images[:8])
    for score in ("knn", "ash"):
        with pytest.raises(CapabilityError, match="offers no features"):
            run(OutOfDistribution("letters", score=score, fit=FIT), model=model, data=DATA)
    with pytest.raises(CapabilityError, match="offers no members"):
        run(OutOfDistribution("letters", score="ensemble"), model=model, data=DATA)


def test_only_what_is_needed_is_kept(digits):
    def arrays(score, part="", **more):
        evaluation = OutOfDistribution("letters", score=score, **more)
        subject = Subject(digits, DATA, 0, 500, evaluation.further_data(DATA, seed=0))
        block = next(block for block in evaluation.plan(subject, {}) if block.part == part)
        return {name: (array.dtype.name, array.shape) for name, array in evaluation.run_block(subject, block).items()}

    assert arrays("msp") == arrays("ash") == arrays("gradnorm") == {"scores": ("float64", (300,))}
    assert arrays("energy") == {"logits": ("float64", (300, 10))}
    assert arrays("knn", fit=FIT) == {"features": ("float32", (300, 48))}
    assert set(arrays("vim", "fit", fit=FIT)) == {"features", "labels", "head_weight", "head_bias"}


def test_bounds_that_would_never_be_judged_are_refused():
    names = ["letters", "uniform-noise"]
    for keys in (
        {"outliers": "all", "min_near_auroc": 0.9, "min_far_auroc": 0.9},
        {"outliers": names, "min_each": 0.5},
    ):
        assert len(make_requirement("ood", keys).thresholds) == len(keys) - 1
    for keys in ({"outliers": "mnist-near", "min_near_auroc": 0.9}, {"outliers": names, "min_far_auroc": 0.9}):
        with pytest.raises(ConfigurationError, match=r"needs near and far sets of outliers.*Give outliers='all'"):
            make_requirement("ood", keys)
    with pytest.raises(ConfigurationError, match="worst_auroc needs several sets of outliers"):
        make_requirement("ood", {"outliers": "letters", "min_each": 0.9})
    with pytest.raises(ConfigurationError, match=r"unknown parameter of the family 'ood': got 'scores'.*'score'\?"):
        make_requirement("ood", {"scores": "all"})


def test_ties_only(run, dataset, outliers):
    constant = load_classifier(lambda images: np.full((len(images), 2), 0.5), outputs="probabilities")
    found = {m.metric: m for m in run(OutOfDistribution(outliers=outliers), model=constant)}
    assert found["auroc"].value == 0.5
    assert found["auroc"].high - found["auroc"].low > 0.6
    assert (found["aupr_out"].value, found["aupr_in"].value) == (0.5, 0.5)
    assert (found["fpr95"].value, found["fpr95_in"].value) == (1, 1)
    for m in found.values():
        assert m.faults == ("every image has the same score, -0.5, outliers too: it tells nothing apart",)
        bound = Threshold(m.metric, ">=" if m.higher_is_better else "<=", 0.4 if m.higher_is_better else 1)
        assert judge(m, bound, rule="point").decision == "failed"


def test_sets_that_are_each_constant_are_no_fault(run, dataset):
    def answer(images):
        grey = np.isclose(np.asarray(images), 0.3).all(axis=(1, 2, 3))
        return np.where(grey[:, None], [[0.5, 0.5]], [[0.1, 0.9]])

    model = load_classifier(answer, outputs="probabilities")
    grey = np.full((5, 1, 3, 3), 0.3, np.float32)
    found = run(OutOfDistribution(outliers=grey), model=model)
    assert [m.faults for m in found] == [()] * 5
    assert found[0].value == 1


def test_few_outliers_are_a_sample(run, digits):
    strange = np.random.default_rng(0).integers(0, 256, (299, 8, 8), dtype=np.uint8)
    whole = OutOfDistribution("letters")
    few = OutOfDistribution(strange)
    several = OutOfDistribution(["letters", as_dataset((strange, np.zeros(299, int)))])
    for evaluation, sampled in ((whole, False), (few, True), (several, True)):
        found = run(evaluation, model=digits, data=DATA)
        assert {m.sampled for m in found} == {sampled}
        assert [m.n for m in found] == [300] * len(found)
    # All of a data set of 300: the value decides only where there are as many outliers.
    data = as_dataset((DATA.images, DATA.labels))
    for evaluation, rule in ((whole, "point"), (few, "verify")):
        assert default_rule(run(evaluation, model=digits, data=data)[0]) == rule
    comparison = run(ScoreComparison(strange, ["msp", "energy"]), model=digits, data=data)
    assert {m.sampled for m in comparison} == {True}


@pytest.mark.parametrize("n", [85, 86])
def test_so_few_outliers_that_the_tail_says_nothing(run, digits, n):
    strange = np.random.default_rng(0).integers(0, 256, (n, 8, 8), dtype=np.uint8)
    found = {m.metric: m for m in run(OutOfDistribution(strange), model=digits, data=DATA)}
    text = "the set arrays has 85 outliers, which says next to nothing of FPR at 95 % TPR"
    for metric, m in found.items():
        assert m.warnings == ((text,) if n == 85 and metric in {"auroc", "fpr95"} else ())
    assert (found["fpr95"].high == 1) == (n == 85)


class Even(nn.Module):
    """Two equal logits whose logsumexp is the mean of the image."""

    def forward(self, images):
        means = images.flatten(1).mean(dim=1) - np.log(2)
        return torch.stack([means, means], dim=1)


def test_energies_near_zero_of_some_images_alone_are_let_pass(run, dataset):
    # All outliers have a logsumexp of 0, as if they were log-probabilities; the data show that they are none.
    black = np.zeros((5, 1, 3, 3), np.float32)
    model = load_classifier(Even())
    for evaluation in (OutOfDistribution(black, score="energy"), ScoreComparison(black, ["energy", "max-logit"])):
        assert run(evaluation, model=model)[0].value == 1
    with pytest.raises(ParameterError, match="the energy of log-probabilities"):
        run(OutOfDistribution(black + 3e-3, score="energy"), model=model, data=as_dataset((black, np.arange(5) % 2)))


def test_a_score_that_needs_logits_is_refused_without_them(run, outliers):
    model = load_classifier(lambda images: np.full((len(images), 2), 0.5), outputs="probabilities")
    assert run(OutOfDistribution(outliers=outliers), model=model)[0].value == 0.5
    with pytest.raises(CapabilityError, match="offers no logits"):
        run(OutOfDistribution(outliers=outliers, score="energy"), model=model)


def test_the_histogram_counts_everything(run, outliers):
    details = run(OutOfDistribution(outliers=outliers))[0].details
    assert (sum(details["inlier"]), sum(details["outlier"])) == (10, 8)
    assert len(details["edges"]) == len(details["inlier"]) + 1


def test_points_of_the_curves(run, digits):
    one = run(OutOfDistribution("letters"), model=digits, data=DATA)[0]
    area = np.trapezoid(one.details["roc"]["tpr"], one.details["roc"]["fpr"])
    assert area == pytest.approx(one.value, abs=2e-3)
    assert len(one.details["roc"]["fpr"]) <= 100
    several = run(OutOfDistribution(["letters", "uniform-noise"]), model=digits, data=DATA)[0]
    assert list(several.details["sets"]) == ["letters", "uniform-noise"]
    assert several.details["sets"]["letters"]["roc"] == one.details["roc"]
    assert several.details["sets"]["letters"]["edges"] == one.details["edges"]
    assert sum(several.details["outlier"]) == 600


def test_names_are_spelt_one_way():
    assert OutOfDistribution("Fashion_MNIST", score="Max_Logit") == OutOfDistribution(
        "fashion-mnist", score="max-logit"
    )


def test_a_path(run, outliers, tmp_path):
    np.savez(tmp_path / "o.npz", images=outliers)
    from_path = run(OutOfDistribution(tmp_path / "o.npz"))[0]
    assert from_path.value == run(OutOfDistribution(outliers=outliers))[0].value
    assert from_path.parameters["outliers"] == str(tmp_path / "o.npz")


def test_lists_of_sets(tmp_path, outliers):
    np.savez(tmp_path / "letters.npz", images=outliers)
    path = tmp_path / "letters.npz"
    assert OutOfDistribution(["letters", path]).parameters()["outliers"] == ["letters", str(path)]
    assert OutOfDistribution((outliers, np.zeros(8, int))).outliers == as_dataset((outliers, np.zeros(8, int)))
    for twice in (["letters", "Letters"], ["all", "mnist-far"]):
        with pytest.raises(ParameterError, match=r"is named twice: got '(letters|far/uniform-noise)'"):
            OutOfDistribution(twice)
    with pytest.raises(ParameterError, match="there are no outliers"):
        OutOfDistribution([])


@pytest.mark.parametrize(
    ("outliers", "got"),
    [
        (["letters", np.zeros((4, 8, 8))], "list of str, ndarray"),
        (["letters", 3], "list of str, int"),
        (["letters", None], "list of str, NoneType"),
        ({"letters": 1}, "dict"),
        (None, "NoneType"),
        (3, "int"),
        (object(), "object"),
        ((None, [0, 1]), "tuple"),
    ],
)
def test_what_can_be_no_outliers(outliers, got):
    message = f"outliers must be a name, a list of names, a path or images: got '{got}'"
    for make in (OutOfDistribution, ScoreComparison):
        with pytest.raises(ParameterError, match=message):
            make(outliers)


def test_images_in_a_list():
    assert OutOfDistribution(list(np.ones((4, 8, 8)))).outliers == OutOfDistribution(np.ones((4, 8, 8))).outliers


def test_unknown_names_are_refused():
    with pytest.raises(ParameterError, match=r"set of outliers.*Did you mean 'mnist-near'"):
        OutOfDistribution(["letters", "mnist-nea"])
    with pytest.raises(ParameterError, match=r"set of outliers"):
        OutOfDistribution("nothing")
    with pytest.raises(ParameterError, match="anomaly score"):
        OutOfDistribution(score="nothing")
