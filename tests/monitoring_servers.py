"""Prometheus, Alertmanager, Pushgateway and a webhook on loopback, for tests that need them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import isnan
from pathlib import Path
from typing import Any

import httpx

from tests.integration.tools import require_tool
from tests.mlflow_server import free_port

ROOT = Path(__file__).parents[1]
CONFIGURATION = ROOT / "monitoring"
PATIENCE_SECONDS = 60


def until(holds: Callable[[], Any], what: str) -> Any:
    """Wait until a function gives something true; what it gave."""
    for _ in range(PATIENCE_SECONDS * 10):
        if found := holds():
            return found
        time.sleep(0.1)
    raise AssertionError(f"never came true: {what}")


@contextmanager
def _started(command: list[str], folder: Path, url: str, ready: str) -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, stdout=file, stderr=file)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(f"{url}{ready}", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(answers, f"{command[0]} is ready")
        yield url
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


@contextmanager
def pushgateway(folder: Path) -> Iterator[str]:
    """A Pushgateway; its URL."""
    port = free_port()
    program = require_tool("prometheus-pushgateway")
    # Debian's keeps what was pushed in /var/lib, so that the next one would know it.
    command = [program, f"--web.listen-address=127.0.0.1:{port}", "--persistence.file="]
    with _started(command, folder, f"http://127.0.0.1:{port}", "/-/ready") as url:
        yield url


@contextmanager
def alertmanager(folder: Path, port: int, ports: dict[int, int]) -> Iterator[str]:
    """An Alertmanager with the repository's file, other ports and short waits; its URL."""
    folder.mkdir(parents=True)
    text = _other_ports((CONFIGURATION / "alertmanager.yml").read_text(), ports)
    text = re.sub(r"(group_wait|group_interval): \w+", r"\1: 1s", text)
    (folder / "alertmanager.yml").write_text(text)
    command = [
        require_tool("prometheus-alertmanager"),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        f"--storage.path={folder / 'data'}",
    ]
    with _started(command, folder, f"http://127.0.0.1:{port}", "/-/ready") as url:
        yield url


@contextmanager
def prometheus(folder: Path, port: int, ports: dict[int, int]) -> Iterator[Prometheus]:
    """A Prometheus with the repository's files, other ports and short intervals."""
    folder.mkdir(parents=True)
    shutil.copytree(CONFIGURATION / "rules", folder / "rules")
    alerts = folder / "rules/alerts.yml"
    alerts.write_text(re.sub(r"(?m)^( +)for: \w+$", r"\1for: 1s", alerts.read_text()))
    text = _other_ports((CONFIGURATION / "prometheus.yml").read_text(), {**ports, 9090: port})
    text = re.sub(r"(scrape_interval|evaluation_interval): \w+", r"\1: 1s", text)
    (folder / "prometheus.yml").write_text(text)
    command = [
        require_tool("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={folder / 'data'}",
    ]
    with _started(command, folder, f"http://127.0.0.1:{port}", "/-/ready") as url:
        yield Prometheus(url)


def _other_ports(text: str, ports: dict[int, int]) -> str:
    return re.sub(
        r"127\.0\.0\.1:(\d+)",
        lambda found: f"127.0.0.1:{ports.get(int(found[1]), int(found[1]))}",
        text,
    )


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples that an expression gives now; what is no number is left out."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=30)
        body = answer.json()
        assert body["status"] == "success", (expression, body)
        found = body["data"]["result"]
        return [one for one in found if not isnan(float(one["value"][1]))]

    def wait_for_scrapes(self, more: int) -> None:
        """Wait until every target has been scraped so many times more."""

        def scrapes() -> float:
            counts = self.query("min(count_over_time(up[10m]))")
            return float(counts[0]["value"][1]) if counts else 0.0

        now = scrapes()
        until(lambda: scrapes() >= now + more, f"{more} more scrapes")

    def has(self, selector: str) -> bool:
        """Whether there have been series of a selector."""
        params = {"match[]": selector}
        answer = httpx.get(f"{self.url}/api/v1/series", params=params, timeout=30).json()
        assert answer["status"] == "success", (selector, answer)
        return bool(answer["data"])


@dataclass
class Webhook:
    """What Alertmanager has sent, by the path that it was sent to."""

    port: int
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def alerts(self, path: str, name: str, status: str = "firing") -> list[dict[str, Any]]:
        """The alerts of a name that came to a path."""
        return [
            alert
            for where, body in list(self.received)
            if where == path
            for alert in body["alerts"]
            if alert["labels"]["alertname"] == name and alert["status"] == status
        ]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A receiver for Alertmanager."""
    told = Webhook(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.received.append((self.path, json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
