from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

import churn_mlops.api.app
from churn_mlops.api.door import Door
from churn_mlops.errors import ParamsError
from tests.serving import ask, workspace


def test_importing_the_app_brings_no_heavy_package_and_reads_no_parameters(tmp_path: Path) -> None:
    script = (
        "import sys, churn_mlops.api.app\n"
        "heavy = ('ibis', 'duckdb', 'pandas', 'sklearn', 'mlflow', 'lightgbm', 'pyarrow')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_server_asks_for_app_and_gets_one(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("serving: {metrics_port: 0}\n")
    app = churn_mlops.api.app.app
    assert isinstance(app, Door)
    transport = httpx.ASGITransport(app)

    async def metrics() -> int:
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return (await client.get("/metrics")).status_code

    assert asyncio.run(metrics()) == 200
    with pytest.raises(AttributeError):
        churn_mlops.api.app.nothing  # noqa: B018


def test_keys_that_cannot_be_used_stop_the_start(tmp_path: Path) -> None:
    params = workspace(tmp_path, api_keys=("short",))
    with pytest.raises(ParamsError, match="less than 16"):
        churn_mlops.api.app.create_app(params)


def test_the_frameworks_own_errors_are_problems_too(tmp_path: Path) -> None:
    async def questions(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await client.get("/nowhere"), await client.delete("/model")]

    missing, wrong = ask(workspace(tmp_path), questions)
    for answer, kind in ((missing, "not-found"), (wrong, "method-not-allowed")):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"].endswith(kind)
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert wrong.headers["allow"] == "GET"
