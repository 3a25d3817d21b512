"""Two workers and clients that open all their connections at once."""

from __future__ import annotations

import socket
from collections import Counter
from pathlib import Path

import pytest

from tests.served import Server, served
from tests.serving import workspace

pytestmark = pytest.mark.slow


def shares(server: Server, count: int) -> list[int]:
    """How many of some connections, opened at once, each worker has; its ids tell them apart."""
    host, port = server.address.removeprefix("http://").split(":")
    connections = [socket.socket() for _ in range(count)]
    for connection in connections:
        connection.setblocking(False)
        connection.connect_ex((host, int(port)))
    found: Counter[str] = Counter()
    for connection in connections:
        connection.setblocking(True)
        connection.settimeout(30)
        while True:
            try:
                connection.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
                break
            except OSError:
                continue
        head = connection.recv(4096).decode()
        found[head.partition("x-request-id: ")[2].partition("-")[0]] += 1
        connection.close()
    return sorted(found.values())


def test_no_worker_takes_all_connections(tmp_path: Path) -> None:
    with served(workspace(tmp_path, workers=2)) as server:
        server.until(lambda: len(shares(server, 8)) == 2)
        trials = [shares(server, 16) for _ in range(10)]
    assert sum(len(trial) == 2 and trial[0] >= 4 for trial in trials) >= 8, trials
