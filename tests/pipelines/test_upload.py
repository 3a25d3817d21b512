"""The commands of docs/kubeflow.md for a cluster, as Kubeflow's API hears them.

There is no Kubeflow here: a stand-in of its API takes down what Kubeflow's own client sends.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.pipelines.programs import FOLDER, ROOT
from tests.workspaces import BIN

ADDRESS = "http://localhost:8080"
NOW = "2025-01-01T00:00:00Z"
RUN = {
    "run_id": "r-1",
    "display_name": "first",
    "state": "PENDING",
    "created_at": NOW,
    "experiment_id": "e-1",
}
ANSWERS: dict[str, Any] = {
    "/apis/v2beta1/healthz": {"multi_user": False},
    "/apis/v2beta1/pipelines/upload": {
        "pipeline_id": "p-1",
        "display_name": "churn-pipeline",
        "created_at": NOW,
    },
    "/apis/v2beta1/pipelines/p-1/versions": {"pipeline_versions": []},
    "/apis/v2beta1/experiments": {"experiment_id": "e-1", "display_name": "churn"},
    "/apis/v2beta1/runs": RUN,
    "/apis/v2beta1/runs/r-1": RUN,
}


@contextmanager
def api() -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """Its address, and what it was asked: method, path, body."""
    asked: list[tuple[str, str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            path = self.path.partition("?")[0]
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.command, self.path, body))
            answer = json.dumps(ANSWERS.get(path, {})).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def printed(word: str) -> list[str]:
    """The command of the page that has a word in it."""
    (line,) = re.findall(
        rf"^kfp .*{word}.*$", (ROOT / "docs/kubeflow.md").read_text(), re.MULTILINE
    )
    return shlex.split(line)


def run(word: str, address: str) -> None:
    program, *arguments = printed(word)
    done = subprocess.run(
        [str(Path(BIN) / program), *(address if a == ADDRESS else a for a in arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_file_is_uploaded_as_it_is() -> None:
    with api() as (address, asked):
        run("pipeline create", address)
    (body,) = [body for method, path, body in asked if "/pipelines/upload" in path]
    assert (FOLDER / "churn_pipeline.yaml").read_bytes() in body


def test_a_run_is_started_with_its_parameters() -> None:
    with api() as (address, asked):
        run("run create", address)
    posted = {path.partition("?")[0]: body for method, path, body in asked if method == "POST"}
    started = json.loads(posted["/apis/v2beta1/runs"])
    given = started["runtime_config"]["parameters"]
    assert given == {"tracking_uri": "http://mlflow.churn-mlops:5000"}
    assert started["pipeline_spec"]["pipeline_spec"]["pipelineInfo"]["name"] == "churn-pipeline"
    assert "kubernetes" in started["pipeline_spec"]["platform_spec"]["platforms"]
