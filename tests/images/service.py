"""What a Service of Kubernetes does for clients: new connections go to one of the ready pods.

Pods are asked for readiness as the manifest's probe says. A pod that is being deleted is taken out
after a while, as nodes learn of it late; connections that are open stay open.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from churn_mlops.client import ApiError, Client

LATE_SECONDS = 3.0
"""So much later than its deletion a node knows that a pod is going."""


class Service:
    """Listens on loopback and passes bytes on.

    Parameters
    ----------
    probe : mapping
        The readiness probe of the pods.
    port : int
        Of the pods.
    """

    def __init__(self, probe: dict[str, Any], port: int) -> None:
        self._probe, self._port = probe, port
        self._ready: dict[str, bool] = {}
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def add(self, pod: str) -> None:
        """Ask a pod from now on; it gets connections once it is ready."""
        self._ready[pod] = False
        threading.Thread(target=self._watch, args=(pod,), daemon=True).start()

    def is_ready(self, pod: str) -> bool:
        return self._ready.get(pod, False)

    def remove_later(self, pod: str) -> None:
        """A pod is being deleted."""

        def remove() -> None:
            time.sleep(LATE_SECONDS)
            self._ready.pop(pod, None)

        threading.Thread(target=remove, daemon=True).start()

    def run(self) -> None:
        """Take connections until it is closed."""
        while not self._closed.is_set():
            with suppress(OSError):
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._listener.close()

    def _connect(self, client: socket.socket) -> None:
        pods = [pod for pod, ready in self._ready.items() if ready]
        if not pods:
            client.close()
            return
        try:
            server = socket.create_connection((random.choice(pods), self._port), timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_pass_on, args=(client, server), daemon=True).start()
        _pass_on(server, client)

    def _watch(self, pod: str) -> None:
        failed = 0
        while pod in self._ready and not self._closed.is_set():
            try:
                url = f"http://{pod}:{self._port}{self._probe['httpGet']['path']}"
                good = httpx.get(url, timeout=self._probe["timeoutSeconds"]).status_code == 200
            except httpx.TransportError:
                good = False
            failed = 0 if good else failed + 1
            if pod in self._ready and (good or failed >= self._probe["failureThreshold"]):
                self._ready[pod] = good
            time.sleep(1 if not self._ready.get(pod) else self._probe["periodSeconds"])


def _pass_on(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            to.sendall(data)
    for end in (source, to):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def service(probe: dict[str, Any], port: int) -> Iterator[Service]:
    """One that runs."""
    made = Service(probe, port)
    threading.Thread(target=made.run, daemon=True).start()
    try:
        yield made
    finally:
        made.close()


@dataclass
class Asking:
    """A client that asks all the time, on a connection that it keeps, until it is told to stop."""

    address: str
    retries: int
    answered: int = 0
    failed: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with Client(self.address, retries=self.retries, timeout=30) as client:
            while not self.stop.is_set():
                try:
                    client.predict(1, {})
                    self.answered += 1
                except ApiError as error:
                    self.failed.append(str(error))
                time.sleep(0.005)


@contextmanager
def asking(address: str, retries: int) -> Iterator[list[Asking]]:
    clients = [Asking(address, retries) for _ in range(4)]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.stop.set()
        for thread in threads:
            thread.join()
