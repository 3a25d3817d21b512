"""An HTTP server that answers as it is told, request by request."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 20


@dataclass
class Answer:
    """An answer; one that hangs or drips never comes to an end."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    drips: bool = False
    hangs_up: bool = False


@dataclass
class Receiver:
    """What came in; the last of the answers is given for ever."""

    url: str
    answers: list[Answer]
    requests: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    leave: threading.Event = field(default_factory=threading.Event)

    @property
    def bodies(self) -> list[Any]:
        """The JSON of every request."""
        return [body for *_, body in self.requests]


@contextmanager
def receiver(*answers: Answer, certificate: tuple[Path, Path] | None = None) -> Iterator[Receiver]:
    """Start a server on loopback."""
    told = Receiver("", list(answers) or [Answer()])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode("utf-8")
            told.requests.append((self.command, self.path, dict(self.headers), json.loads(text)))
            place = min(len(told.requests), len(told.answers)) - 1
            self._answer(told.answers[place])

        def do_GET(self) -> None:
            told.requests.append((self.command, self.path, dict(self.headers), None))
            self._answer(Answer())

        def _answer(self, answer: Answer) -> None:
            if answer.hangs:
                told.leave.wait(PATIENCE_SECONDS)
                return
            if answer.hangs_up:
                self.connection.close()
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            length = 10_000 if answer.drips else len(answer.body)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            try:
                while answer.drips and not told.leave.wait(0.02):
                    self.wfile.write(b".")
                    self.wfile.flush()
                self.wfile.write(answer.body)
            except OSError:
                return

        def log_message(self, *_: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            return

    server = Server(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate is not None:
        safe = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        safe.load_cert_chain(*map(str, certificate))
        server.socket = safe.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    told.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield told
    finally:
        told.leave.set()
        server.shutdown()
        server.server_close()


def answers(*statuses: int) -> Sequence[Answer]:
    """Answers with these statuses, one after the other."""
    return [Answer(status, b"so it is") for status in statuses]
