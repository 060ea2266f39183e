from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import as_dataset
from pytest_robustness.engine import Evaluator, Progress
from pytest_robustness.errors import ClassifierError, DatasetError, EvaluationError, ParameterError
from pytest_robustness.evaluations import Accuracy, AdversarialAccuracy, Evaluation, Sensitivity, Threshold, judge


def figures(measurement):
    """All that must be the same from run to run: not the times, not whether it was stored."""
    return [
        (m.name, m.value, m.low, m.high, m.n, m.parts, m.forwards, m.backwards, m.warnings, m.faults, m.details)
        for m in (measurement, *measurement.others)
    ]


def values(measurement):
    return [m.value for m in (measurement, *measurement.others)]


def test_twice_the_same(net, dataset, evaluation):
    first, second = (Evaluator(net, dataset).measure(evaluation) for _ in range(2))
    assert figures(first) == figures(second)
    assert not first.cached


def test_the_size_of_batches_does_not_matter(net, dataset, evaluation):
    small, large = (Evaluator(net, dataset, batch_size=size).measure(evaluation) for size in (64, 500))
    # The model itself may round differently in another batch: that moves one sample in a thousand at most.
    assert values(small) == pytest.approx(values(large), abs=2e-3)


def test_the_seed_matters_to_noise_alone(net, dataset):
    clean = [values(Evaluator(net, dataset, seed=seed).measure(Accuracy())) for seed in (0, 1)]
    assert clean[0] == clean[1]
    weak = AdversarialAccuracy("pgd", eps=0.05, steps=1, step_size=1e-6)
    attacked = [values(Evaluator(net, dataset, seed=seed).measure(weak)) for seed in (0, 1)]
    assert attacked[0] != attacked[1]


def test_a_sample_of_the_data_keeps_its_noise(net, dataset):
    """Randomness belongs to a sample: what happens to it does not depend on which others are there."""
    weak = AdversarialAccuracy("pgd", eps=0.05, steps=1, step_size=1e-6)
    images = {}

    class Watching(type(weak.attack)):
        def _attack(self, classifier, pixels, labels, ids, seed):
            found = super()._attack(classifier, pixels, labels, ids, seed)
            images.setdefault(len(images), dict(zip(ids.tolist(), found.images, strict=True)))
            return found

    attack = Watching(eps=0.05, steps=1, step_size=1e-6)
    Evaluator(net, dataset.sample(200, seed=3), seed=5).measure(AdversarialAccuracy(attack))
    Evaluator(net, dataset.sample(400, seed=3), seed=5).measure(AdversarialAccuracy(attack))
    assert set(images[0]) < set(images[1])
    assert all(np.allclose(image, images[1][key], atol=1e-5) for key, image in images[0].items())


def test_what_was_measured_in_memory_is_not_measured_again(net, dataset, evaluation):
    evaluator = Evaluator(net, dataset)
    first = evaluator.measure(evaluation)
    before = evaluator.classifier.passes.snapshot()
    again = evaluator.measure(evaluation)
    spent = evaluator.classifier.passes - before
    assert (spent.forwards, spent.backwards) == (0, 0)
    assert again.cached
    assert not first.cached
    assert figures(again) == figures(first)
    assert again.forwards >= len(dataset)


def test_confidence_of_one_measurement(net, dataset):
    evaluator = Evaluator(net, dataset, confidence=0.9)
    usual, sure = evaluator.measure(Accuracy()), evaluator.measure(Accuracy(), confidence=0.99)
    assert (usual.confidence, sure.confidence) == (0.9, 0.99)
    assert sure.low < usual.low


def test_cost_is_counted(net, dataset):
    found = Evaluator(net, dataset).measure(Accuracy())
    assert (found.forwards, found.backwards) == (1100, 0)
    assert found.seconds > 0


def test_progress_counts_blocks(net, dataset):
    seen = []
    evaluator = Evaluator(net, dataset, progress=seen.append)
    evaluator.measure(Accuracy())
    assert seen == [*(Progress(Accuracy(), done, 3) for done in range(4)), Progress(Accuracy(), 3, 3, ended=True)]
    seen.clear()
    evaluator.measure(Accuracy())
    assert seen == [Progress(Accuracy(), 3, 3), Progress(Accuracy(), 3, 3, ended=True)]


@pytest.mark.parametrize("evaluation", [AdversarialAccuracy("fgsm", eps=0.01), Sensitivity(gamma=(0.5, 2), points=9)])
def test_no_share_falls(net, dataset, evaluation):
    seen = []
    Evaluator(net, dataset, progress=seen.append).measure(evaluation)
    assert [one.ended for one in seen] == [False] * (len(seen) - 1) + [True]
    shares = [one.done / one.total for one in seen if one.total]
    assert shares == sorted(shares)
    assert max(shares) == 1.0


@pytest.mark.parametrize(
    ("done", "total", "bar"),
    [
        (0, 4, "[....................]   0%"),
        (1, 4, "[#####...............]  25%"),
        (4, 4, "[####################] 100%"),
        (0, 0, "[....................]   0%"),
        (1, None, "1 block done"),
        (7, None, "7 blocks done"),
    ],
)
def test_bar(done, total, bar):
    assert Progress(Accuracy(), done, total).bar() == bar


class TestAModelThatIsChanged:
    """A module trained further between two measurements is another model."""

    def change(self, net):
        with torch.no_grad():
            net[3].weight.neg_()

    @pytest.mark.parametrize("stored", [False, True])
    def test_is_measured_anew(self, net, dataset, tmp_path, stored):
        evaluator = Evaluator(net, dataset, cache=tmp_path if stored else None)
        first = evaluator.measure(Accuracy())
        before = evaluator.classifier.fingerprint
        self.change(net)
        second = evaluator.measure(Accuracy())
        assert not second.cached
        assert second.value != first.value
        assert second.value == Evaluator(net, dataset).measure(Accuracy()).value
        assert evaluator.classifier.fingerprint != before

    def test_is_known_again_when_it_is_changed_back(self, net, dataset):
        evaluator = Evaluator(net, dataset)
        first = evaluator.measure(Accuracy())
        fingerprint = evaluator.classifier.fingerprint
        self.change(net)
        evaluator.measure(Accuracy())
        self.change(net)
        again = evaluator.measure(Accuracy())
        assert again.cached
        assert again.value == first.value
        assert evaluator.classifier.fingerprint == fingerprint

    def test_through_a_classifier_as_well(self, net, dataset):
        evaluator = Evaluator(load_classifier(net), dataset)
        first = evaluator.measure(Accuracy())
        self.change(net)
        assert evaluator.measure(Accuracy()).value != first.value

    def test_before_the_evaluator_was_made(self, net, dataset, tmp_path):
        classifier = load_classifier(net)
        first = Evaluator(classifier, dataset, cache=tmp_path).measure(Accuracy())
        self.change(net)
        second = Evaluator(classifier, dataset, cache=tmp_path).measure(Accuracy())
        assert not second.cached
        assert second.value != first.value

    def test_an_estimator_that_is_fitted_again(self, dataset):
        from sklearn.tree import DecisionTreeClassifier

        flat = dataset.images.reshape(1100, -1) / 255
        tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(flat, dataset.labels)
        evaluator = Evaluator(tree, dataset)
        first = evaluator.measure(Accuracy())
        tree.set_params(max_depth=9).fit(flat, dataset.labels)
        second = evaluator.measure(Accuracy())
        assert second.value > first.value
        assert second.value == tree.score(flat, dataset.labels)

    def test_a_callable_is_never_remembered(self, dataset):
        answer = {"label": 0}
        evaluator = Evaluator(
            load_classifier(lambda images: np.full(len(images), answer["label"]), outputs="labels", num_classes=4),
            dataset,
        )
        first = evaluator.measure(Accuracy())
        answer["label"] = 1
        second = evaluator.measure(Accuracy())
        assert first.value == (dataset.labels == 0).mean()
        assert second.value == (dataset.labels == 1).mean()
        assert not second.cached


class Dice(nn.Module):
    """Dropout that is never switched off."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, images):
        return self.inner(nn.functional.dropout(images, 0.5, training=True))


def test_a_model_whose_outputs_vary_is_warned_about_and_never_passes(net, dataset, tmp_path):
    evaluator = Evaluator(Dice(net), dataset, cache=tmp_path)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found, again = evaluator.measure(Accuracy()), evaluator.measure(Accuracy())
    assert any("stochastic" in warning for warning in found.warnings)
    assert judge(found, Threshold("accuracy", ">=", 0.0)).decision == "failed"
    assert not again.cached
    assert not list(tmp_path.rglob("*"))


def test_warnings_of_the_model_reach_every_metric(dataset, net, evaluation):
    soft = nn.Sequential(net, nn.Softmax(dim=1))
    found = Evaluator(soft, dataset).measure(evaluation)
    for metric in (found, *found.others):
        assert any("look like probabilities" in warning for warning in metric.warnings)


class TestMistakes:
    def test_images_of_another_shape(self, net, dataset):
        with pytest.raises(ClassifierError, match=r"failed on images of \(C, H, W\) = \(1, 9, 9\)"):
            Evaluator(net, (np.zeros((4, 1, 9, 9), np.uint8), np.zeros(4, int)))

    def test_labels_beyond_the_classes(self, net, dataset):
        with pytest.raises(DatasetError, match=r"beyond the 4 classes.*got 7.*allowed: 0 .. 3"):
            Evaluator(net, (dataset.images, np.where(dataset.labels == 3, 7, dataset.labels)))

    def test_no_labels(self, net, dataset):
        blank = dataclasses.replace(dataset, labels=np.full(1100, -1), labelled=False)
        with pytest.raises(DatasetError, match="has no labels"):
            Evaluator(net, blank)

    def test_no_images(self, net):
        with pytest.raises(DatasetError):
            Evaluator(net, (np.zeros((0, 1, 5, 5), np.uint8), np.zeros(0, int)))

    def test_images_with_nan(self, net):
        images = np.zeros((4, 1, 5, 5), np.float32)
        images[2, 0, 1, 1] = np.nan
        with pytest.raises(DatasetError, match="NaN"):
            Evaluator(net, (images, np.zeros(4, int)))

    def test_outputs_with_nan_deep_in_the_data(self, dataset):
        class Fragile(nn.Module):
            def forward(self, images):
                total = images.flatten(1).sum(dim=1, keepdim=True)
                return torch.where(total == 0, torch.nan, total) * torch.ones(4)

        images = dataset.images.copy()
        images[900] = 0
        evaluator = Evaluator(Fragile(), (images, dataset.labels))
        for evaluation in (Accuracy(), AdversarialAccuracy("fgsm", eps=0.1)):
            with pytest.raises(ClassifierError, match="not finite"):
                evaluator.measure(evaluation)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"batch_size": 0}, "batch_size is out of range"),
            ({"batch_size": 2.5}, "batch_size is out of range"),
            ({"seed": -1}, "seed is out of range"),
            ({"seed": "0"}, "seed is out of range"),
            ({"confidence": 95}, "confidence is out of range"),
            ({"confidence": 1.0}, "confidence is out of range"),
            ({"confidence": True}, "confidence is out of range"),
            ({"executor": "seriel"}, "unknown executor.*allowed: serial, processes. Did you mean 'serial'"),
            ({"executor": 5}, "executor runs no blocks"),
        ],
    )
    def test_settings(self, net, dataset, options, message):
        with pytest.raises(ParameterError, match=message):
            Evaluator(net, dataset, **options)

    def test_confidence_of_one_measurement(self, net, dataset):
        with pytest.raises(ParameterError, match="confidence"):
            Evaluator(net, dataset).measure(Accuracy(), confidence=0)


class Losing:
    """An executor that loses the last block."""

    def run(self, evaluation, subject, blocks):
        from pytest_robustness.engine import SerialExecutor

        yield from SerialExecutor().run(evaluation, subject, blocks[:-1])


class Inventing:
    """An executor that answers for a block that nobody asked for."""

    def run(self, evaluation, subject, blocks):
        from pytest_robustness.engine import SerialExecutor

        for block, outcome in SerialExecutor().run(evaluation, subject, blocks):
            yield dataclasses.replace(block, part="other"), outcome


class Backwards:
    """An executor that runs the last block first."""

    def run(self, evaluation, subject, blocks):
        from pytest_robustness.engine import SerialExecutor

        yield from SerialExecutor().run(evaluation, subject, blocks[::-1])


def test_a_partial_run_is_an_error_and_what_it_did_is_kept(net, dataset):
    evaluator = Evaluator(net, dataset, executor=Losing())
    with pytest.raises(EvaluationError, match="1 of 3 blocks came back without an outcome"):
        evaluator.measure(Accuracy())
    evaluator.executor = Backwards()
    before = evaluator.classifier.passes.snapshot()
    evaluator.measure(Accuracy())
    assert (evaluator.classifier.passes - before).forwards == 100


def test_a_block_that_was_not_asked_for_is_an_error(net, dataset):
    with pytest.raises(EvaluationError, match="was not given"):
        Evaluator(net, dataset, executor=Inventing()).measure(Accuracy())


def test_the_order_of_blocks_does_not_matter(net, dataset, evaluation):
    forwards = Evaluator(net, dataset).measure(evaluation)
    assert figures(Evaluator(net, dataset, executor=Backwards()).measure(evaluation)) == figures(forwards)


def test_an_evaluation_without_work_is_an_error(net, dataset):
    class Nothing(Accuracy):
        def plan(self, subject, outcomes):
            return []

    with pytest.raises(EvaluationError, match="planned no work"):
        Evaluator(net, dataset).measure(Nothing())


def test_a_plan_may_look_at_outcomes(net, dataset):
    """Adaptive surfaces and early verdicts: blocks are planned until there are no more."""

    class InSteps(Accuracy):
        def plan(self, subject, outcomes):
            return Evaluation.plan(self, subject, {})[len(outcomes) : len(outcomes) + 1]

    seen = []
    found = Evaluator(net, dataset, progress=seen.append).measure(InSteps())
    assert found.value == Evaluator(net, dataset).measure(Accuracy()).value
    assert [(p.done, p.total) for p in seen] == [(0, 1), (1, 1), (1, None), (2, None), (2, None), (3, None), (3, 3)]


def test_as_dataset_is_what_the_evaluator_measures(net, dataset):
    pair = (dataset.images, dataset.labels)
    assert Evaluator(net, pair).dataset.fingerprint == as_dataset(pair).fingerprint
