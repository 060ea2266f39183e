"""A web server on this machine, so that downloads are real ones."""

from __future__ import annotations

import http.server
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Server:
    """A web server for a folder, which counts what it was asked for."""

    folder: Path
    address: str = ""
    url: str = ""
    requests: list[str] = field(default_factory=list)
    stop: object = None


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = Server(tmp_path / "served")
    served.folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(served.folder))

        def log_message(self, text: str, *args: object) -> None:
            served.requests.append(text % args)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        served.address = f"http://127.0.0.1:{web.server_port}"
        served.url = f"{served.address}/file.gz"
        served.stop = web.shutdown
        yield served
        web.shutdown()
        thread.join()
