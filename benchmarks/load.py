"""A server as a process of its own, and load on it: `wrk`, or single requests."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

READY_SECONDS, END_SECONDS = 90, 30
JSON, ARROW = "application/json", "application/vnd.apache.arrow.stream"

# `done` runs once, after the load: nothing of this costs a request anything.
_DONE = """
function done(summary, latency, requests)
  local e = summary.errors
  print(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "p50_ms": %.4f, "p99_ms": %.4f, "max_ms": %.4f,'
    .. ' "refused": %d, "broken": %d, "timeouts": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3,
    e.status, e.connect + e.read + e.write, e.timeout))
end
"""


class BenchmarkError(Exception):
    """Something did not answer as it must, so that a figure would mean nothing."""


@dataclass(frozen=True)
class Request:
    """An HTTP request that is sent again and again.

    Parameters
    ----------
    path : str
    body : bytes or None
        None: a GET.
    kind : str
        Media type of the body, and of the answer.
    """

    path: str
    body: bytes | None = None
    kind: str = JSON


@dataclass(frozen=True)
class Load:
    """What `wrk` measured: answers a second and latencies in milliseconds."""

    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    max_ms: float


class Server:
    """Runs a server; ready on entry, ended on exit.

    Parameters
    ----------
    name : str
    command : sequence of str
        ``{port}`` stands for the port, a free one of 127.0.0.1.
    folder : Path
        Where it runs.
    environment : mapping, optional
        Added to this process's own; ``{port}`` as above.
    ready : str
        Path that answers 200 when the server can take requests.
    core : int, optional
        The only processor that it may use.

    Raises
    ------
    BenchmarkError
        It ended, or was not ready in time; what it wrote is shown.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str] | None = None,
        ready: str = "/ready",
        core: int | None = None,
    ) -> None:
        self.name, self.folder, self.port = name, folder, free_port()
        self._command = [part.format(port=self.port) for part in command]
        if core is not None:
            self._command = ["taskset", "-c", str(core), *self._command]
        given = {key: text.format(port=self.port) for key, text in (environment or {}).items()}
        self._environment = os.environ | given
        self._ready = ready
        self.start_seconds = 0.0

    def __enter__(self) -> Server:
        self._log = tempfile.TemporaryFile(mode="w+b")
        started = time.perf_counter()
        # A session of its own, so that what it starts can be ended with it.
        self._process = subprocess.Popen(
            self._command,
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        try:
            while not self._answers():
                if self._process.poll() is not None:
                    raise BenchmarkError(f"{self.name} ended at its start:\n{self.log()}")
                if time.perf_counter() - started > READY_SECONDS:
                    raise BenchmarkError(f"{self.name} does not become ready:\n{self.log()}")
                time.sleep(0.005)
            self.start_seconds = time.perf_counter() - started
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        alive = self._process.poll() is None
        log = self.log() if error is not None or not alive else ""
        self._end()
        if not alive and error is None:
            raise BenchmarkError(f"{self.name} ended by itself:\n{log}")
        if isinstance(error, BenchmarkError):
            error.add_note(f"the last lines of {self.name}:\n{log}")

    @property
    def pid(self) -> int:
        """Of the process that was started; its workers are below it."""
        return self._process.pid

    def log(self) -> str:
        """The last lines that the server wrote."""
        size = os.fstat(self._log.fileno()).st_size
        tail = os.pread(self._log.fileno(), 4_000, max(0, size - 4_000))
        return tail.decode("utf-8", "replace")

    def rss_mb(self) -> float:
        """Resident memory of the process and all below it, in MB."""
        import psutil

        parent = psutil.Process(self.pid)
        total = 0
        for process in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total / 1e6

    def _answers(self) -> bool:
        try:
            return fetch(self.port, Request(self._ready), seconds=1)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"{self.name} did not end within {END_SECONDS} s", file=sys.stderr)
        # Whatever it left behind in its session.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(port: int, request: Request, seconds: float = 30) -> tuple[int, bytes]:
    """Send one request; status and body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        headers = {"Content-Type": request.kind, "Accept": request.kind} if request.body else {}
        method = "POST" if request.body else "GET"
        connection.request(method, request.path, request.body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def ask(server: Server, request: Request) -> bytes:
    """Send one request that must be answered with 200; the body of the answer."""
    status, body = fetch(server.port, request)
    if status != 200:
        text = body[:2_000].decode("utf-8", "replace")
        raise BenchmarkError(f"{server.name} answers {request.path} with {status}: {text}")
    return body


def wrk(
    server: Server, request: Request, seconds: float, connections: int, core: int | None = None
) -> Load:
    """Load a server from one thread of `wrk`.

    Parameters
    ----------
    server : Server
    request : Request
    seconds : float
        At least one.
    connections : int
        Kept alive; each sends its next request when it has its answer.
    core : int, optional
        The only processor that `wrk` may use.

    Raises
    ------
    BenchmarkError
        An answer was not 2xx, late, or a connection broke.
    """
    with tempfile.TemporaryDirectory() as temporary:
        script = Path(temporary) / "load.lua"
        lines = []
        if request.body is not None:
            (Path(temporary) / "body").write_bytes(request.body)
            lines = [
                'wrk.method = "POST"',
                f'local file = io.open("{temporary}/body", "rb")',
                'wrk.body = file:read("*a")',
                "file:close()",
                f'wrk.headers["Content-Type"] = "{request.kind}"',
                f'wrk.headers["Accept"] = "{request.kind}"',
            ]
        script.write_text("\n".join(lines) + _DONE)
        pinned = ["taskset", "-c", str(core)] if core is not None else []
        url = f"http://127.0.0.1:{server.port}{request.path}"
        options = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "20s"]
        process = subprocess.run(
            [*pinned, "wrk", *options, "-s", str(script), url],
            capture_output=True,
            text=True,
            check=False,
        )
    found = [line for line in process.stdout.splitlines() if line.startswith("RESULT ")]
    if process.returncode != 0 or not found:
        raise BenchmarkError(f"wrk failed: {process.stdout}{process.stderr}")
    told = json.loads(found[0].removeprefix("RESULT "))
    if told["refused"] or told["broken"] or told["timeouts"] or not told["requests"]:
        raise BenchmarkError(
            f"{server.name}, {request.path}: of {told['requests']:,} answers {told['refused']:,}"
            f" were errors, {told['timeouts']} late, and {told['broken']} connections broke"
        )
    rate = told["requests"] / told["seconds"]
    return Load(told["requests"], rate, told["p50_ms"], told["p99_ms"], told["max_ms"])


def in_rounds(measures: Mapping[str, Callable[[], Load]], rounds: int) -> dict[str, list[Load]]:
    """Measure each in turn, `rounds` times, after a first turn that does not count.

    What the machine does beside them meets all alike.
    """
    found: dict[str, list[Load]] = {name: [] for name in measures}
    for turn in range(rounds + 1):
        for name, measure in measures.items():
            load = measure()
            if turn:
                found[name].append(load)
    return found
