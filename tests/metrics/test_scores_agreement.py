"""Anomaly scores against pytorch-ood, in AUROC: on the example model and real data, and on digits of scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from torch import nn

from example_models.lenet5 import load
from pytest_robustness.classifiers import load_classifier
from pytest_robustness.datasets import read_idx
from pytest_robustness.evaluations.ood.gradient_scores import odin
from pytest_robustness.metrics import SCORES, Head, Outputs, auroc
from pytest_robustness.metrics.scores.confidence import generalised_entropy_score
from pytest_robustness.metrics.scores.reference import temperature_score
from pytest_robustness.metrics.scores.shaping import principal_dimension
from tests.metrics.pytorch_ood_parts import part

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_robustness.classifiers import Classifier

theirs: Any = part("detector")


@dataclass(frozen=True)
class Case:
    """A model, and what it says of the data set, the outliers and the fitting data."""

    classifier: Classifier
    images: tuple[Any, Any]
    inlier: Outputs
    outlier: Outputs
    fitting: Outputs
    head: Head

    def ours(self, name: str) -> float:
        score = SCORES[name]
        state = score.fit(self.fitting, self.head) if score.fit else None
        return auroc(score.function(self.inlier, state), score.function(self.outlier, state))

    def theirs(self, predict: Callable[[Outputs], torch.Tensor]) -> float:
        scores = [predict(outputs).detach().double().numpy() for outputs in (self.inlier, self.outlier)]
        return roc_auc_score(np.repeat([0, 1], [len(one) for one in scores]), np.concatenate(scores))


def made(classifier: Classifier, inlier: Any, outlier: Any, fitting: Any, labels: Any) -> Case:
    classifier = classifier.bound(inlier)

    def outputs(images: Any, labels: Any = None) -> Outputs:
        return Outputs(
            logits=classifier.logits(images),
            log_probabilities=classifier.log_probabilities(images),
            features=classifier.features(images),
            labels=labels,
        )

    head = Head(**classifier.head()._asdict())
    return Case(classifier, (inlier, outlier), outputs(inlier), outputs(outlier), outputs(fitting, labels), head)


@pytest.fixture(scope="module")
def digits() -> Case:
    """A perceptron that knows the digits 0 to 6; outliers are 7 to 9."""
    X, y = load_digits(return_X_y=True)
    images, y = (X / 16).reshape(-1, 1, 8, 8).astype(np.float32), y.astype(np.int64)
    known = y < 7
    inside, labels = images[known], y[known]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 7))
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(60):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(torch.tensor(inside[:800])), torch.tensor(labels[:800])).backward()
            optimizer.step()
    return made(load_classifier(net), inside[800:], images[~known], inside[:800], labels[:800])


@pytest.fixture(scope="module")
def mnist(data_dir: Path) -> Case:
    """LeNet-5, MNIST against Fashion-MNIST, fitted on other digits."""

    def read(folder: str, name: str) -> Any:
        return read_idx(data_dir / folder / f"{name}-ubyte.gz")[:5000]

    return made(
        load_classifier(load()),
        read("mnist", "t10k-images-idx3")[:, None],
        read("fashion-mnist", "t10k-images-idx3")[:, None],
        read("mnist", "train-images-idx3")[:, None],
        read("mnist", "train-labels-idx1").astype(np.int64),
    )


@pytest.fixture(params=["digits", "mnist"])
def case(request: pytest.FixtureRequest) -> Case:
    return request.getfixturevalue(request.param)


def tensor(values: Any) -> torch.Tensor:
    """float32, which is what pytorch-ood computes in."""
    return torch.tensor(np.asarray(values, dtype=np.float32))


def on_logits(detector: Any, case: Case) -> Callable[[Outputs], torch.Tensor]:
    if detector.requires_fit:
        detector.fit_logits(tensor(case.fitting.logits), torch.tensor(case.fitting.labels))
    return lambda outputs: detector.predict_logits(tensor(outputs.logits))


def on_features(detector: Any, case: Case) -> Callable[[Outputs], torch.Tensor]:
    detector.fit_features(tensor(case.fitting.features), torch.tensor(case.fitting.labels))
    return lambda outputs: detector.predict_features(tensor(outputs.features))


def on_maps(detector: Any, case: Case) -> Callable[[Outputs], torch.Tensor]:
    """Features as feature maps of one pixel."""
    if detector.requires_fit:
        detector.fit_feature_maps(tensor(case.fitting.features)[..., None, None], torch.tensor(case.fitting.labels))
    return lambda outputs: detector.predict_feature_maps(tensor(outputs.features)[..., None, None])


def of_head(case: Case) -> tuple[Any, Any, Any]:
    """The last layer as a function of features or of feature maps of one pixel, its weight and its bias."""
    weight, bias = tensor(case.head.weight), tensor(case.head.bias)
    return lambda features: features.flatten(1) @ weight.T + bias, weight, bias


LOGITS = {
    "msp": theirs.MaxSoftmax,
    "max-logit": theirs.MaxLogit,
    "energy": theirs.EnergyBased,
    "entropy": theirs.Entropy,
    "kl-matching": theirs.KLMatching,
}
FEATURES = {
    "mahalanobis": lambda _: theirs.Mahalanobis(None),
    "relative-mahalanobis": lambda _: theirs.RMD(None),
    "knn": lambda _: theirs.KNN(None),
    "she": lambda case: theirs.SHE(None, of_head(case)[0]),
    "vim": lambda case: theirs.ViM(None, principal_dimension(case.head.weight.shape[1]), *of_head(case)[1:]),
    "dice": lambda case: theirs.DICE(None, *of_head(case)[1:], p=0.9),
}
MAPS = {
    "react": lambda case: theirs.ReAct(None, of_head(case)[0]),
    "ash": lambda case: theirs.ASH(None, of_head(case)[0]),
}


@pytest.mark.parametrize("name", LOGITS)
def test_scores_of_logits(name: str, case: Case) -> None:
    assert case.ours(name) == pytest.approx(case.theirs(on_logits(LOGITS[name](None), case)), abs=1e-4)


@pytest.mark.parametrize("name", FEATURES)
def test_scores_of_features(name: str, case: Case) -> None:
    assert case.ours(name) == pytest.approx(case.theirs(on_features(FEATURES[name](case), case)), abs=1e-4)


@pytest.mark.parametrize("name", MAPS)
def test_scores_of_changed_features(name: str, case: Case) -> None:
    assert case.ours(name) == pytest.approx(case.theirs(on_maps(MAPS[name](case), case)), abs=1e-4)


def test_gen_but_for_their_cut(case: Case) -> None:
    """pytorch-ood cuts probabilities to [1e-7, 1 - 1e-7], which ties confident samples; the paper does not."""
    ours = [generalised_entropy_score(one.log_probabilities, floor=1e-7) for one in (case.inlier, case.outlier)]
    expected = case.theirs(on_logits(theirs.GEN(None), case))
    assert auroc(*ours) == pytest.approx(expected, abs=1e-4)
    assert case.ours("gen") == pytest.approx(expected, abs=2e-3)


def test_temperature_but_for_their_optimiser(case: Case) -> None:
    """Its fifty small steps of L-BFGS end before the best temperature; at theirs the scores agree."""
    detector = theirs.TemperatureScaling(None)
    expected = case.theirs(on_logits(detector, case))
    temperature = float(detector.t.detach())
    ours = [temperature_score(one, temperature) for one in (case.inlier, case.outlier)]
    assert auroc(*ours) == pytest.approx(expected, abs=1e-4)
    logits, labels = case.fitting.logits, case.fitting.labels

    def loss(t: float) -> float:
        return float(nn.functional.cross_entropy(torch.tensor(logits / t), torch.tensor(labels)))

    assert loss(SCORES["temperature"].fit(case.fitting, None)) <= loss(temperature)


def module_of(case: Case) -> nn.Module:
    return case.classifier.backend.module


def few(case: Case) -> tuple[Any, Any]:
    return tuple(images[:400] for images in case.images)


def unit(images: Any) -> torch.Tensor:
    return tensor(images / np.float32(255) if images.dtype == np.uint8 else images)


def test_odin(case: Case) -> None:
    detector = theirs.ODIN(module_of(case))
    inlier, outlier = few(case)
    expected = [detector(unit(images)).detach().double().numpy() for images in (inlier, outlier)]
    ours = [odin(case.classifier, images) for images in (inlier, outlier)]
    np.testing.assert_allclose(np.concatenate(ours), np.concatenate(expected), atol=1e-5)
    assert auroc(*ours) == pytest.approx(auroc(*expected), abs=1e-4)


def test_gradient_norm(case: Case) -> None:
    detector = theirs.GradNorm(
        module_of(case), param_filter=lambda name: name == f"{case.classifier.last_layer}.weight"
    )
    expected = [detector(unit(images)).double().numpy() for images in few(case)]
    ours = [
        SCORES["gradnorm"].function(Outputs(features=one.features[:400], logits=one.logits[:400]), None)
        for one in (case.inlier, case.outlier)
    ]
    np.testing.assert_allclose(np.concatenate(ours), np.concatenate(expected), rtol=1e-3, atol=1e-4)
    assert auroc(*ours) == pytest.approx(auroc(*expected), abs=1e-4)
