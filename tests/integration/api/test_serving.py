"""`churn serve` as a process: what clients see when things go right, and when they do not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from churn_mlops.params import Params
from churn_mlops.registry.bundle import copy_bundle
from churn_mlops.registry.champion import production_folder
from tests.integration.tools import require_tool
from tests.served import COMMAND, Server, served
from tests.serving import golden_request, whole_rows, workspace
from tests.trained import bundle, bundle_folder

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
CANDIDATE, BASELINE = "candidate", "baseline"


def metric(text: str, name: str, **labels: str) -> float:
    """The sum of a metric's samples that carry these labels."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def version_of(server: Server) -> str:
    return str(server.get("/ready").json()["model_version"])


def swaps(server: Server) -> float:
    return metric(server.get("/metrics").text, "churn_api_model_swaps_total")


class Load:
    """Clients that ask without a pause over kept connections, each answer checked."""

    def __init__(self, server: Server, clients: int = 4) -> None:
        self.failures: list[str] = []
        self.mixed: list[str] = []
        self.versions: Counter[str] = Counter()
        self._done = threading.Event()
        self._server = server
        rows = [row for row, _ in whole_rows()]
        self._rows = rows
        self._risks = {
            made.version: [float(made.score(made.encode_rows([row]))[0]) for row in rows]
            for made in (bundle(CANDIDATE), bundle(BASELINE))
        }
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self._server.address, timeout=30) as client:
            place = 0
            while not self._done.is_set():
                place = (place + 1) % len(self._rows)
                body = {"user_id": place, "features": self._rows[place]}
                try:
                    answer = client.post("/predict", json=body)
                except httpx.TransportError as error:
                    self.failures.append(repr(error))
                    continue
                if answer.status_code != 200:
                    self.failures.append(answer.text)
                    continue
                found = answer.json()
                self.versions[found["model_version"]] += 1
                right = self._risks[found["model_version"]][place]
                if abs(found["churn_risk"] - right) > 1e-6:
                    self.mixed.append(answer.text)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(workspace(tmp_path_factory.mktemp("one"))) as server:
        yield server


def test_it_says_where_it_listens_answers_and_ends_well(tmp_path: Path) -> None:
    body, risk = golden_request()
    with served(workspace(tmp_path)) as server:
        assert server.post("/predict", body).json()["churn_risk"] == pytest.approx(risk, abs=1e-6)
        assert server.end() == 0
        lines = server.log()
    requests = [line for line in lines if line["event"] == "request"]
    assert requests[-1]["route"] == "/predict"
    assert requests[-1]["model_version"] == bundle(CANDIDATE).version
    assert requests[-1].keys() == {
        *("timestamp", "event", "request_id", "method", "route"),
        *("status", "seconds", "model_version"),
    }


def test_a_port_that_is_taken_is_told(one: Server, tmp_path: Path) -> None:
    port = one.address.rpartition(":")[2]
    done = subprocess.run(
        [*COMMAND, "--params", str(ROOT / "params.yaml"), "--port", port],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 10
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "fix: choose another serving.port" in done.stderr


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        yield connection


def test_requests_under_way_finish_when_it_ends(tmp_path: Path) -> None:
    body, _ = golden_request()
    whole = json.dumps(body).encode()
    head = (
        f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(whole)}\r\n\r\n"
    )
    with served(workspace(tmp_path)) as server, connected(server) as connection:
        connection.sendall(head.encode() + whole[:20])
        server.until(
            lambda: metric(server.get("/metrics").text, "churn_api_in_flight_requests") == 2
        )
        server.process.send_signal(signal.SIGTERM)
        server.until(lambda: "Shutting down" in str(server.log()))
        connection.sendall(whole[20:])
        answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert bundle(CANDIDATE).version.encode() in answer
        assert server.process.wait(30) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_until_it_has_left_nobody_is_hung_up_on(tmp_path: Path, workers: int) -> None:
    """Clients that keep their connections, and new ones, while a server is told to end."""
    body, _ = golden_request()
    settings = {"leave_seconds": 2.0, "workers": workers}
    with served(workspace(tmp_path, **settings)) as server, httpx.Client(timeout=30) as client:

        def ask() -> httpx.Response:
            return client.post(f"{server.address}/predict", json=body)

        assert "connection" not in ask().headers
        server.process.send_signal(signal.SIGTERM)
        server.until(lambda: server.get("/ready").status_code == 503)
        for _ in range(100):
            answer = ask()
            assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert "leaves" in server.get("/ready").json()["detail"]
        assert server.process.wait(30) == 0


def test_a_body_of_50_mb_is_refused_and_the_sender_learns_it(one: Server) -> None:
    answer = httpx.post(
        f"{one.address}/predict",
        content=b" " * 50_000_000,
        headers={"content-type": "application/json"},
        timeout=60,
    )
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:churn-mlops:problem:too-large"

    def parts() -> Iterator[bytes]:
        for _ in range(50):
            yield b" " * 1_000_000

    kind = {"content-type": "application/json"}
    answer = httpx.post(f"{one.address}/predict", content=parts(), headers=kind, timeout=60)
    assert answer.status_code == 413


def test_a_sender_that_stalls_is_told_and_let_go(tmp_path: Path) -> None:
    with served(workspace(tmp_path, timeout_seconds=0.5)) as server:
        with connected(server) as connection:
            connection.sendall(
                b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )
            answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"too-slow" in answer


def test_what_is_no_http_is_a_400_and_nothing_more(one: Server) -> None:
    for rubbish in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 50_000):
        with connected(one) as connection:
            connection.sendall(rubbish)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.makefile("rb").read()
        assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert one.get("/live").status_code == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_metrics_are_right_and_do_not_grow_with_paths(tmp_path: Path, workers: int) -> None:
    body, _ = golden_request()
    params = workspace(tmp_path, workers=workers)
    with served(params) as server:
        server.until(lambda: workers == 1 or len(server.workers()) == workers)
        for _ in range(40):
            # A connection each, so that all workers have some.
            assert server.post("/predict", body).status_code == 200
        server.get("/nowhere")
        before = server.get("/metrics").text
        for number in range(500):
            server.get(f"/nowhere/{number}")
        after = server.get("/metrics").text
    assert metric(after, "churn_api_predictions_total") == 40
    ok = {"method": "POST", "route": "/predict", "status": "200"}
    assert metric(after, "churn_api_requests_total", **ok) == 40
    assert metric(after, "churn_api_requests_total", route="unmatched") == 501
    assert metric(after, "churn_api_model_info") == 1
    assert metric(after, "churn_api_in_flight_requests") == 1
    # A worker that had not yet seen an unknown path adds that series, no path does.
    assert len(after.splitlines()) - len(before.splitlines()) < 40


def test_metrics_have_a_port_of_their_own_if_asked(tmp_path: Path) -> None:
    body, _ = golden_request()
    with served(workspace(tmp_path, metrics_port=0)) as server:
        server.post("/predict", body)
        assert server.get("/metrics").status_code == 404
        text = httpx.get(f"{server.metrics_address}/metrics").text
    assert metric(text, "churn_api_predictions_total") == 1


def test_a_killed_worker_costs_only_what_it_was_doing(tmp_path: Path) -> None:
    body, _ = golden_request()
    with served(workspace(tmp_path, workers=2)) as server:
        first, second = server.until(lambda: found if len(found := server.workers()) == 2 else None)
        for _ in range(20):
            assert server.post("/predict", body).status_code == 200
        os.kill(first, signal.SIGKILL)
        # New connections go to the other one at once.
        for _ in range(20):
            assert server.post("/predict", body).status_code == 200
        server.until(lambda: len(found := server.workers()) == 2 and first not in found)
        assert second in server.workers()
        text = server.until(
            lambda: (
                text
                if metric(text := server.get("/metrics").text, "churn_api_in_flight_requests") == 1
                else None
            )
        )
        # What the dead one has counted still counts.
        assert metric(text, "churn_api_predictions_total") == 40


def test_a_new_champion_takes_over_without_one_failed_request(tmp_path: Path) -> None:
    params = workspace(tmp_path, workers=2, poll_seconds=0.1)
    names = [BASELINE, CANDIDATE] * 10
    with served(params) as server, Load(server) as load:
        for done, name in enumerate(names, start=1):
            copy_bundle(bundle_folder(name), production_folder(params))
            # The workers' own count, not a sample of answers: which worker takes a connection
            # is chance, and eight in a row may go to the same one.
            server.until(lambda done=done: swaps(server) == 2 * done)
            assert {version_of(server) for _ in range(8)} == {bundle(name).version}
    assert load.failures == []
    assert load.mixed == []
    assert set(load.versions) == {bundle(CANDIDATE).version, bundle(BASELINE).version}


def test_a_damaged_champion_is_refused_and_the_old_one_serves_on(tmp_path: Path) -> None:
    params = workspace(tmp_path, poll_seconds=0.1)
    model = production_folder(params) / "model.onnx"
    with served(params) as server, Load(server, 1) as load:
        copy_bundle(bundle_folder(BASELINE), tmp_path / "next")
        (tmp_path / "next" / "model.onnx").write_bytes(model.read_bytes()[:-9])
        shutil.rmtree(production_folder(params))
        shutil.move(tmp_path / "next", production_folder(params))
        ready = server.until(
            lambda: (
                found
                if "refused" in str((found := server.get("/ready").json())["detail"])
                else None
            )
        )
        assert ready["ready"]
        assert ready["stale"]
        assert ready["model_version"] == bundle(CANDIDATE).version
        assert "model.onnx" in ready["detail"]
        text = server.get("/metrics").text
        assert metric(text, "churn_api_model_refusals_total", reason="damaged") >= 1
        assert metric(text, "churn_api_model_stale") == 1
        copy_bundle(bundle_folder(BASELINE), production_folder(params))
        server.until(lambda: server.get("/ready").json()["stale"] is False)
        assert version_of(server) == bundle(BASELINE).version
    assert load.failures == []
    assert load.mixed == []


def test_a_full_disk_stops_no_request(tmp_path: Path) -> None:
    prlimit = require_tool("prlimit")
    body, _ = golden_request()
    log = {"share": 1.0, "rows_per_file": 1}
    params = workspace(tmp_path, poll_seconds=0.1, prediction_log=log)
    with served(params):
        pass
    smallest = (bundle_folder(BASELINE) / "reference_profile.parquet").stat().st_size
    # No file may grow beyond this: what cannot be written fails, as on a full disk.
    with served(params, before=(prlimit, f"--fsize={min(smallest, 8_192) // 2}")) as server:
        copy_bundle(bundle_folder(BASELINE), production_folder(params))
        for _ in range(10):
            assert server.post("/predict", body).status_code == 200
        for name in ("churn_api_model_refusals_total", "churn_api_prediction_log_dropped_total"):
            server.until(lambda name=name: metric(server.get("/metrics").text, name, reason="disk"))
        assert version_of(server) == bundle(CANDIDATE).version
        assert "disk" in server.get("/ready").json()["detail"]
        assert server.post("/predict", body).status_code == 200


def test_the_clock_may_jump(tmp_path: Path) -> None:
    require_tool("faketime")
    library = require_tool("/usr/lib/*/faketime/libfaketime.so.1")
    params = workspace(tmp_path, poll_seconds=0.1, rate_limit=1000, rate_limit_burst=1000)
    shift = tmp_path / "shift"
    shift.write_text("+0")
    environment = {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(shift),
        "FAKETIME_NO_CACHE": "1",
        # As when an administrator sets the clock: the monotonic one goes on.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    champions = [BASELINE, CANDIDATE, BASELINE]
    with served(params, environment=environment) as server, Load(server, 2) as load:
        for days, name in zip(("+400d", "-400d", "+0"), champions, strict=True):
            beside = shift.with_suffix(".new")
            beside.write_text(days)
            os.replace(beside, shift)
            copy_bundle(bundle_folder(name), production_folder(params))
            wanted = bundle(name).version
            server.until(lambda wanted=wanted: version_of(server) == wanted)
            time.sleep(0.2)
        years = {line["timestamp"][:4] for line in server.log()}
    assert len(years) >= 3, years
    assert load.failures == []
    assert load.mixed == []


def test_keys_are_asked_for_and_followed(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("first-key-0123456789\n")
    body, _ = golden_request()
    with served(workspace(tmp_path, api_keys_file=str(keys))) as server:

        def status(key: str) -> int:
            return server.post("/predict", body, headers={"x-api-key": key}).status_code

        assert (status("first-key-0123456789"), status("second-key-0123456789")) == (200, 401)
        assert server.post("/predict", body).status_code == 401
        assert server.get("/ready").status_code == 200
        keys.write_text("second-key-0123456789\n")
        server.until(lambda: status("second-key-0123456789") == 200)
        assert status("first-key-0123456789") == 401
        assert "key-0123456789" not in str(server.log())


def test_a_client_that_asks_too_often_waits(tmp_path: Path) -> None:
    with served(workspace(tmp_path, rate_limit=0.01, rate_limit_burst=3)) as server:
        answers = [server.get("/model") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 101


def test_predictions_are_logged_when_it_ends(tmp_path: Path) -> None:
    import pyarrow.dataset as ds

    body, risk = golden_request()
    params = workspace(tmp_path, workers=2, prediction_log={"share": 1.0})
    with served(params) as server:
        for number in range(30):
            assert server.post("/predict", {**body, "user_id": number}).status_code == 200
        assert server.end() == 0
    table = ds.dataset(Path(params.paths.artifacts) / "serving/predictions").to_table()
    assert sorted(map(int, table["user_id"].to_pylist())) == list(range(30))
    assert table["churn_risk"].to_pylist() == pytest.approx([risk] * 30, abs=1e-6)


def test_plain_uvicorn_serves_it_too(tmp_path: Path) -> None:
    import sys

    import yaml

    from tests.mlflow_server import free_port

    params: Params = workspace(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params.model_dump(mode="json")))
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "churn_mlops.api.app:app"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--workers", "2"],
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    server = Server(f"http://127.0.0.1:{port}", None, process, (tmp_path / "log").open())
    body, _ = golden_request()

    def ready() -> bool:
        try:
            return server.get("/ready").status_code == 200
        except httpx.TransportError:
            return False

    try:
        server.until(ready)
        for _ in range(10):
            assert server.post("/predict", body).status_code == 200
        assert metric(server.get("/metrics").text, "churn_api_predictions_total") == 10
    finally:
        assert server.end() == 0
        server.errors.close()
