"""A proxy before an S3 server that fails on demand: answers 500, or lets the caller wait."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Faults:
    """What goes wrong, and what was asked meanwhile."""

    endpoint: str
    """Where the proxy answers."""
    failing: int = 0
    """So many requests are answered by 500."""
    stalling: int = 0
    """So many requests are answered after `seconds`, too late."""
    seconds: float = 3.0
    asked: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, request: str) -> str:
        """What to do with a request: fail, stall or pass."""
        with self._lock:
            self.asked.append(request)
            for name in ("failing", "stalling"):
                left = getattr(self, name)
                if left:
                    setattr(self, name, left - 1)
                    return name
        return "pass"


@contextmanager
def before(endpoint: str) -> Iterator[Faults]:
    """A proxy on loopback; requests go on as they came, so that signatures hold."""
    behind = urlsplit(endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            what = faults.next(f"{self.command} {self.path}")
            if what == "stalling":
                time.sleep(faults.seconds)
            if what != "pass":
                self.answer(500, [("Content-Type", "application/xml")], ERROR)
                return
            onward = http.client.HTTPConnection(behind, timeout=30)
            onward.request(self.command, self.path, body, dict(self.headers.items()))
            answer = onward.getresponse()
            self.answer(answer.status, answer.getheaders(), answer.read())
            onward.close()

        def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            length = next((v for n, v in headers if n.lower() == "content-length"), None)
            for name, value in headers:
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            size = length if self.command == "HEAD" and length else str(len(body))
            self.send_header("Content-Length", size)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (BrokenPipeError, ConnectionResetError):
                # The caller did not wait, as it should be.
                self.close_connection = True

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Requests are kept in `Faults.asked`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    faults = Faults(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield faults
    finally:
        server.shutdown()
        server.server_close()


ERROR = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>InternalError</Code>'
    b"<Message>We encountered an internal error. Please try again.</Message></Error>"
)
