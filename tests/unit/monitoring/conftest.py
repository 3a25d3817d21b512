"""Parameters of a folder, and a gateway that answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.params import Params
from tests.trained import params_in


@dataclass
class Gateway:
    """What came in, and what is answered."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    authorization: str | None = None
    hangs: threading.Event = field(default_factory=threading.Event)
    drips: bool = False

    def __post_init__(self) -> None:
        self.hangs.set()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A server that stands in for a Pushgateway; tests/integration has a real one."""
    told = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            length = int(self.headers["Content-Length"])
            text = self.rfile.read(length).decode()
            told.requests.append((self.command, self.path, text))
            told.authorization = self.headers["Authorization"]
            told.hangs.wait(20)
            if told.drips:
                self._drip()
                return
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        do_POST = do_PUT  # noqa: N815

        def _drip(self) -> None:
            """A byte at a time: no single read ever waits long."""
            try:
                for _ in range(200):
                    self.wfile.write(b"H")
                    self.wfile.flush()
                    threading.Event().wait(0.05)
            except OSError:
                return

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield told
    told.hangs.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Params]:
    """Make parameters of a folder that publish as told."""

    def make(**publish: Any) -> Params:
        return params_in(tmp_path, monitoring={"publish": publish})

    return make
