"""The archive of MNIST-C: downloaded from a server on this machine, unpacked whole, and nothing else of it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_robustness import cli
from pytest_robustness.datasets import (
    archive,
    dataset_names,
    describe,
    describe_mnist_c,
    fetch,
    load_dataset,
    load_mnist_c,
    mnist_c_corruptions,
)
from pytest_robustness.datasets.files import cache_folder
from pytest_robustness.errors import DatasetError, DataUnavailableError, ParameterError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.datasets.conftest import Server

LABELS = np.arange(10_000) % 10
NAMES = ("fog", "identity", "canny_edges")


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


IMAGES = npy(np.full((10_000, 28, 28, 1), 7, np.uint8))
FILES = {
    f"mnist_c/{name}/{file}": content
    for name in NAMES
    for file, content in (("test_images.npy", IMAGES), ("test_labels.npy", npy(LABELS)))
}


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return stream.getvalue()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for downloads; the user has none."""
    monkeypatch.delenv("PYTEST_ROBUSTNESS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "cache"))
    return cache_folder() / "mnist_c"


@pytest.fixture
def serve(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that serves some bytes as the archive."""

    def start(content: bytes, sha256: str = "") -> Path:
        (server.folder / "mnist_c.zip").write_bytes(content)
        monkeypatch.setattr(archive, "URL", f"{server.address}/mnist_c.zip")
        monkeypatch.setattr(archive, "SHA256", sha256 or hashlib.sha256(content).hexdigest())
        return cache

    return start


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_archive_is_the_published_one() -> None:
    assert archive.URL == "https://zenodo.org/record/3239543/files/mnist_c.zip"
    assert archive.SHA256 == "af9ee8c6a815870c7fdde5af84c7bf8db0bcfa1f41056db83871037fba70e493"


def test_it_is_downloaded_once_where_there_are_no_files(serve, server: Server) -> None:
    cache = serve(zipped(FILES))
    assert describe_mnist_c().location is None
    assert mnist_c_corruptions() == ("canny_edges", "fog")
    like = load_dataset("mnist-5k").take(slice(0, 1))
    with pytest.raises(DatasetError, match="mnist-5k is not that"):
        load_mnist_c("fog", like=like)
    assert len(server.requests) == 1
    assert files_in(cache) == {name.removeprefix("mnist_c/") for name in FILES}
    assert {path.name for path in cache.iterdir()} == set(NAMES)  # neither the archive nor a temporary folder is left
    assert describe_mnist_c().location == str(cache)
    server.stop()
    assert len(fetch("mnist-c")) == 6


def test_fetch_by_name(serve, capsys: pytest.CaptureFixture[str]) -> None:
    cache = serve(zipped(FILES))
    assert cli.main(["data", "fetch", "MNIST_C"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert set(shown) == {str(cache / name.removeprefix("mnist_c/")) for name in FILES}
    assert cli.main(["data", "list"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("mnist-c ")]
    assert "10,000 x 16" in line
    assert "CC BY 4.0" in line


def test_the_users_own_files_come_first_and_are_not_checked(
    serve, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(zipped(FILES))
    (tmp_path / "own" / "mnist_c" / "shear").mkdir(parents=True)
    (tmp_path / "own" / "mnist_c" / "shear" / "test_images.npy").write_bytes(b"mine")
    monkeypatch.setenv("PYTEST_ROBUSTNESS_DATA", str(tmp_path / "own"))
    assert fetch("mnist-c") == [tmp_path / "own" / "mnist_c" / "shear" / "test_images.npy"]
    assert describe_mnist_c().location == str(tmp_path / "own" / "mnist_c")
    assert server.requests == []


def test_another_archive_is_refused_and_not_kept(serve) -> None:
    cache = serve(zipped(FILES), sha256="0" * 64)
    with pytest.raises(DatasetError, match="not the file it should be") as caught:
        fetch("mnist-c")
    assert not isinstance(caught.value, DataUnavailableError)
    assert files_in(cache) == set()


def test_one_attempt(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "URL", f"{server.address}/nothing.zip")
    with pytest.raises(DataUnavailableError, match=r"not on this machine.*mnist-c-generated"):
        mnist_c_corruptions()
    assert len([line for line in server.requests if "GET" in line]) == 1


BOTH = ("test_images.npy", "test_labels.npy")


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("mnist_c/fo g", BOTH),
        ("mnist_c/fog2", BOTH),
        ("mnist_c/..", BOTH),
        ("..", BOTH),
        ("/etc/2", BOTH),
        ("mnist_c/.hidden", BOTH),
        ("mnist_c/C:", BOTH),
        ("mnist_c/..\\..\\evil", BOTH),
        ("", BOTH),
        ("mnist_c/shear", ("train_images.npy", "train_labels.npy")),
        ("mnist_c/shear", ("test_images.npy",)),
        ("mnist_c/shear", ("test_images.npy/", "test_labels.npy/")),
        ("mnist_c/shear/test_images.npy", ("1", "2")),
    ],
)
def test_no_path_of_the_archive_is_trusted(serve, tmp_path: Path, folder: str, files: tuple[str, ...]) -> None:
    before = files_in(tmp_path)
    strange = {f"{folder}/{file}" if folder else file: b"evil" for file in files}
    cache = serve(zipped(strange | FILES))
    fetch("mnist-c")
    assert files_in(cache) == {known.removeprefix("mnist_c/") for known in FILES}
    assert {path.name for path in cache.iterdir()} == set(NAMES)
    assert {path for path in files_in(tmp_path) - before if "mnist_c" not in path} == set()


def test_folders_above_the_name_do_not_matter(serve) -> None:
    cache = serve(zipped({f"../../{name}": content for name, content in FILES.items()}))
    fetch("mnist-c")
    assert files_in(cache) == {name.removeprefix("mnist_c/") for name in FILES}


@pytest.mark.parametrize("content", [b"no archive", zipped({"readme.txt": b"text"})], ids=["no zip", "nothing in it"])
def test_an_archive_of_other_content(serve, content: bytes) -> None:
    cache = serve(content)
    with pytest.raises(DatasetError, match=r"cannot be unpacked|has no files of MNIST-C"):
        fetch("mnist-c")
    assert {path.name for path in cache.iterdir()} == {"mnist_c.zip"}


def test_a_run_that_was_killed_is_finished_by_the_next(serve, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = serve(zipped(FILES))
    moved = []
    rename = type(cache).rename

    def killed(path: Path, target: Path) -> None:
        if moved:
            raise KeyboardInterrupt
        moved.append(target.name)
        rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(type(cache), "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch("mnist-c")
    assert moved == ["canny_edges"]
    (cache / ".unpacking-old").mkdir()
    assert mnist_c_corruptions() == ("canny_edges", "fog")
    assert {path.name for path in cache.iterdir()} == set(NAMES)
    assert len(server.requests) == 1  # the archive was still there


def test_several_at_once_download_it_once(serve, server: Server) -> None:
    serve(zipped(FILES))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: fetch("mnist-c"), range(4)))
    assert found == [found[0]] * 4
    assert len(found[0]) == 6
    assert len(server.requests) == 1


def test_files_unpacked_by_hand_beside_another_archive_are_found(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "URL", f"{server.address}/nothing.zip")
    (cache / "fog").mkdir(parents=True)
    (cache / "fog" / "test_images.npy").write_bytes(IMAGES)
    (cache / "mnist_c.zip").write_bytes(b"of another version")
    assert mnist_c_corruptions() == ("fog",)


def test_a_folder_that_cannot_be_written_to(serve) -> None:
    cache = serve(zipped(FILES))
    cache.parent.parent.mkdir(parents=True, exist_ok=True)
    cache.parent.write_text("a file")
    with pytest.raises(DataUnavailableError, match="not on this machine") as caught:
        fetch("mnist-c")
    assert "could not be unpacked" in str(caught.value.__cause__)


def test_it_is_no_plain_data_set() -> None:
    assert "mnist-c" not in dataset_names()
    assert "mnist-c" not in [info.name for info in describe()]
    with pytest.raises(ParameterError, match=r"mnist-c is no data set of its own.*corruption suite 'mnist-c'"):
        load_dataset("MNIST_C")
