"""Where files come from: the user's folder, a download that is kept, and what is said when there is neither.

The downloads are real ones, from a server on this machine.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from pytest_robustness.datasets import data_folder, dataset_names, describe, fetch, files, registry
from pytest_robustness.errors import DatasetError, DataUnavailableError, ParameterError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.datasets.conftest import Server

CONTENT = b"some content" * 9000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILE = "set/file.gz"


def download(server: Server, cache: Path, **options: object) -> Path:
    return files._download(FILE, server.url, SHA256, cache, retries=0, **options)


def test_a_download_is_checked_and_kept(server: Server, tmp_path: Path) -> None:
    (server.folder / "file.gz").write_bytes(CONTENT)
    path = download(server, tmp_path / "cache")
    assert path == tmp_path / "cache" / "set" / "file.gz"
    assert path.read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_a_kept_file_needs_no_server(server: Server, tmp_path: Path) -> None:
    (server.folder / "file.gz").write_bytes(CONTENT)
    first = download(server, tmp_path / "cache")
    server.stop()
    assert download(server, tmp_path / "cache") == first
    assert len(server.requests) == 1


def test_a_damaged_kept_file_is_downloaded_again(server: Server, tmp_path: Path) -> None:
    (server.folder / "file.gz").write_bytes(CONTENT)
    path = download(server, tmp_path / "cache")
    path.write_bytes(b"damaged")
    assert download(server, tmp_path / "cache").read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_a_download_with_another_hash_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    (server.folder / "file.gz").write_bytes(b"something else")
    with pytest.raises(DatasetError) as caught:
        download(server, tmp_path / "cache")
    assert SHA256 in str(caught.value)
    assert hashlib.sha256(b"something else").hexdigest() in str(caught.value)
    assert not isinstance(caught.value, DataUnavailableError)  # a strict run and a lax one both have to see this
    assert not (tmp_path / "cache" / FILE).exists()


def test_a_missing_file_on_the_server_says_what_to_do(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ROBUSTNESS_DATA", "/my/data")
    with pytest.raises(DataUnavailableError) as caught:
        download(server, tmp_path / "cache")
    message = str(caught.value)
    assert "404" in message
    assert "pytest-robustness data fetch set" in message
    assert "set PYTEST_ROBUSTNESS_DATA (now /my/data) to a folder that holds set/file.gz" in message


def test_no_server_is_no_data(server: Server, tmp_path: Path) -> None:
    unused = server.url.replace("127.0.0.1", "127.0.0.2")  # nothing listens there
    with pytest.raises(DataUnavailableError, match="could not be downloaded"):
        files._download(FILE, unused, SHA256, tmp_path / "cache", retries=0)


def test_a_failed_download_is_tried_again(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataUnavailableError):
        files._download(FILE, server.url, SHA256, tmp_path / "cache", retries=1)
    assert len([line for line in server.requests if "GET" in line]) == 2


def test_progress_counts_up_on_stderr(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (server.folder / "file.gz").write_bytes(CONTENT)
    download(server, tmp_path / "cache", progress=True)
    assert capsys.readouterr().err.endswith("\rset/file.gz: 0.1 MB\n")


def test_without_progress_nothing_is_written(server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (server.folder / "file.gz").write_bytes(CONTENT)
    download(server, tmp_path / "cache")
    assert capfd.readouterr() == ("", "")


def test_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PYTEST_ROBUSTNESS_DATA", raising=False)
    assert data_folder() is None
    monkeypatch.setenv("PYTEST_ROBUSTNESS_DATA", "")
    assert data_folder() is None
    monkeypatch.setenv("PYTEST_ROBUSTNESS_DATA", str(tmp_path))
    assert data_folder() == tmp_path


def test_a_wrong_file_in_the_users_folder_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "kmnist").mkdir()
    path = tmp_path / "kmnist" / registry.TEST_IMAGES
    path.write_bytes(b"wrong")
    monkeypatch.setenv("PYTEST_ROBUSTNESS_DATA", str(tmp_path))
    with pytest.raises(DatasetError) as caught:
        fetch("kmnist")
    assert hashlib.sha256(b"wrong").hexdigest() in str(caught.value)
    assert registry.ENTRIES["kmnist"].sha256[registry.TEST_IMAGES] in str(caught.value)
    assert path.read_bytes() == b"wrong"


def test_a_file_that_changes_is_checked_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    files._check_once(path, SHA256)
    before = path.stat().st_mtime_ns
    path.write_bytes(b"!" * len(CONTENT))  # of the same size
    os.utime(path, ns=(before + 1, before + 1))
    with pytest.raises(DatasetError, match="not the file it should be"):
        files._check_once(path, SHA256)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist", "notmnist"])
def test_the_known_hashes_are_those_of_the_real_files(data_dir: Path, name: str) -> None:
    found = fetch(name)
    assert [path.parent for path in found] == [data_dir / name] * len(registry.ENTRIES[name].sha256)


def test_names() -> None:
    assert dataset_names() == ("digits", "mnist-5k", "mnist", "fashion-mnist", "kmnist", "notmnist")
    assert fetch("digits") == []
    with pytest.raises(ParameterError, match=r"unknown data set: got 'mnits'; .*, mnist-c\. Did you mean 'mnist'"):
        fetch("mnits")


def test_every_downloaded_set_has_a_test_split_with_hashes() -> None:
    for name, entry in registry.ENTRIES.items():
        if name in ("digits", "mnist-5k"):
            assert not entry.sha256
            continue
        assert set(registry.SPLITS["test"]) <= set(entry.sha256)
        assert entry.base_url.endswith("/")
        assert all(len(bytes.fromhex(sha256)) == 32 for sha256 in entry.sha256.values())


def test_describe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYTEST_ROBUSTNESS_DATA", str(tmp_path))
    (tmp_path / "kmnist").mkdir()
    (tmp_path / "kmnist" / registry.TEST_IMAGES).touch()
    before = {info.name: info for info in describe()}
    assert tuple(before) == dataset_names()
    assert before["digits"].location == "scikit-learn"
    assert before["kmnist"].location is None  # one file of two
    assert (before["kmnist"].n, before["kmnist"].shape) == (10_000, (1, 28, 28))
    assert all(info.licence for info in before.values())
    (tmp_path / "kmnist" / registry.TEST_LABELS).touch()
    assert {info.name: info.location for info in describe()}["kmnist"] == str(tmp_path / "kmnist")
