"""The files of MNIST-C: row for row the images of a sample of MNIST test, or a refusal."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pooch
import pytest

from pytest_robustness.datasets import Dataset, archive, fetch, load_dataset, load_mnist_c, mnist_c_corruptions
from pytest_robustness.errors import DatasetError, DataUnavailableError, ParameterError

LABELS = np.arange(10_000) % 7


def like(n: int = 10_000, *, labels: np.ndarray = LABELS, shape: tuple[int, int] = (28, 28)) -> Dataset:
    return Dataset(
        images=np.broadcast_to((np.arange(n) % 256).astype(np.uint8)[:, None, None, None], (n, 1, *shape)),
        labels=labels[:n],
        name="like",
        ids=np.arange(n),
        population=n,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the layout of the official archive; pixels tell the image and the corruption."""
    folder = tmp_path_factory.mktemp("data")
    for offset, name in enumerate(["identity", "zigzag", "canny_edges"]):
        (folder / "mnist_c" / name).mkdir(parents=True)
        images = np.empty((10_000, 28, 28, 1), np.uint8)
        images[:] = ((np.arange(10_000) + offset) % 256)[:, None, None, None]
        np.save(folder / "mnist_c" / name / "test_images.npy", images)
        np.save(folder / "mnist_c" / name / "test_labels.npy", LABELS)
    (folder / "mnist_c" / "empty").mkdir()
    return folder


@pytest.fixture
def folder(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTEST_ROBUSTNESS_DATA", str(made))
    return made


def test_names_are_the_folders_with_files(folder: Path) -> None:
    assert mnist_c_corruptions() == ("canny_edges", "zigzag")


@pytest.mark.parametrize("n", [10_000, 300])
def test_rows_follow_the_sample(folder: Path, n: int) -> None:
    sample = like().sample(n, seed=3)
    data = load_mnist_c("zigzag", like=sample)
    assert (data.name, data.population, data.shape) == ("mnist-c/zigzag", 10_000, (1, 28, 28))
    assert np.array_equal(data.ids, sample.ids)
    assert np.array_equal(data.labels, sample.labels)
    assert np.array_equal(data.images[:, 0, 5, 5], (sample.ids + 1) % 256)
    assert not np.array_equal(data.images, load_mnist_c("canny_edges", like=sample).images)


def test_other_images_with_the_same_labels_are_refused_where_the_originals_are_there(folder: Path) -> None:
    sample = like().take([5])
    floats = dataclasses.replace(sample, images=sample.pixels())
    assert load_mnist_c("zigzag", like=floats) == load_mnist_c("zigzag", like=sample)
    with pytest.raises(DatasetError, match="like is not that: got 'other images'"):
        load_mnist_c("zigzag", like=dataclasses.replace(sample, images=255 - sample.images))


@pytest.mark.parametrize("name", ["canny-edges", "Canny Edges", "canny_edges"])
def test_names_are_normalised(folder: Path, name: str) -> None:
    assert load_mnist_c(name, like=like().take([1])).name == "mnist-c/canny_edges"


@pytest.mark.parametrize(
    "other",
    [
        like(9_999),
        like(shape=(8, 8)),
        like(labels=np.roll(LABELS, 1)),
        like(labels=np.where(np.arange(10_000) == 4321, 9, LABELS)),
    ],
    ids=["another size", "another shape", "other labels", "one other label"],
)
def test_other_data_are_refused(folder: Path, other: Dataset) -> None:
    with pytest.raises(DatasetError, match=r'MNIST test set alone, and like is not that.*suite="mnist-c-generated"'):
        load_mnist_c("zigzag", like=other)


def test_an_unknown_corruption_names_the_known(folder: Path) -> None:
    with pytest.raises(ParameterError, match=r"unknown MNIST-C corruption.*canny_edges, identity, zigzag.*'zigzag'"):
        load_mnist_c("zigzags", like=like())


def test_missing_files_say_where_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ROBUSTNESS_DATA", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(archive, "URL", "http://127.0.0.2:9/mnist_c.zip")  # nothing listens there
    for call in (mnist_c_corruptions, lambda: fetch("mnist-c"), lambda: load_mnist_c("fog", like=like())):
        with pytest.raises(DataUnavailableError) as caught:
            call()
        for part in ("own/mnist_c", "https://zenodo.org/records/3239543", "mnist_c.zip", "mnist-c-generated"):
            assert part in str(caught.value)


def test_files_unpacked_where_downloads_are_kept_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_ROBUSTNESS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = Path(pooch.os_cache("pytest-robustness")) / "mnist_c" / "fog"
    folder.mkdir(parents=True)
    np.save(folder / "test_images.npy", np.zeros((10_000, 28, 28, 1), np.uint8))
    with pytest.raises(DataUnavailableError, match=r"missing: got .*test_labels\.npy"):
        load_mnist_c("fog", like=like())
    np.save(folder / "test_labels.npy", LABELS)
    assert len(load_mnist_c("fog", like=like())) == 10_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((10_000, 28, 28), np.uint8), "not a file of MNIST-C: got 'uint8 of shape"),
        (np.zeros((10_000, 28, 28, 1), np.int16), "not a file of MNIST-C: got 'int16"),
        (np.array([{}], dtype=object), "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_damaged_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: np.ndarray | None, message: str
) -> None:
    monkeypatch.setenv("PYTEST_ROBUSTNESS_DATA", str(tmp_path))
    folder = tmp_path / "mnist_c" / "fog"
    folder.mkdir(parents=True)
    np.save(folder / "test_labels.npy", LABELS)
    if content is None:
        (folder / "test_images.npy").write_bytes(b"text")
    else:
        np.save(folder / "test_images.npy", content)
    with pytest.raises(DatasetError, match=message):
        load_mnist_c("fog", like=like().take([0]))


def test_real_files(data_dir: Path) -> None:
    # Mu and Gilmer 2019: the fifteen corruptions.
    assert mnist_c_corruptions() == (
        *("brightness", "canny_edges", "dotted_line", "fog", "glass_blur", "impulse_noise", "motion_blur", "rotate"),
        *("scale", "shear", "shot_noise", "spatter", "stripe", "translate", "zigzag"),
    )
    sample = load_dataset("mnist", n=200, seed=1)
    assert load_mnist_c("identity", like=sample) == sample
    # The published brightness adds one half and clips.
    brighter = load_mnist_c("brightness", like=sample).pixels()
    assert np.abs(brighter - np.clip(sample.pixels() + 0.5, 0, 1)).max() <= 1.01 / 255
    with pytest.raises(DatasetError, match="kmnist is not that: got 'other labels'"):
        load_mnist_c("fog", like=load_dataset("kmnist", n=200))
    with pytest.raises(DatasetError, match="inverted is not that: got 'other images'"):
        load_mnist_c("fog", like=dataclasses.replace(sample, images=255 - sample.images, name="inverted"))
