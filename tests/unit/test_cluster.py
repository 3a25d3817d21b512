"""What is wrong with a cluster is told before any work starts."""

from __future__ import annotations

import socket
import zipfile
from pathlib import Path

import pytest

from churn_mlops import cluster, engine
from churn_mlops.errors import EngineError
from churn_mlops.params import Params
from tests.mlflow_server import free_port


def on(master: str) -> Params:
    return Params.model_validate({"engine": "spark", "spark": {"master": master}})


def told(params: Params) -> str:
    with pytest.raises(EngineError) as error, engine.connect(params):
        raise AssertionError("it opened")
    return str(error.value)


@pytest.mark.parametrize(
    ("master", "found"),
    [
        ("local[*]", []),
        ("yarn", []),
        ("spark://one:7078", [("one", 7078)]),
        ("spark://one,two:7078", [("one", 7077), ("two", 7078)]),
        ("spark://[::1]:7077", [("::1", 7077)]),
        ("sc://host", [("host", 15002)]),
        ("sc://host:15003/;use_ssl=true", [("host", 15003)]),
        ("k8s://https://kubernetes.default.svc", [("kubernetes.default.svc", 443)]),
        ("k8s://https://10.0.0.1:6443", [("10.0.0.1", 6443)]),
    ],
)
def test_addresses(master: str, found: list[tuple[str, int]]) -> None:
    assert cluster.addresses(master) == found


@pytest.mark.parametrize("kind", ["spark", "sc", "k8s"])
def test_nobody_answers(kind: str) -> None:
    port = free_port()
    scheme = "k8s://https" if kind == "k8s" else kind
    said = told(on(f"{scheme}://127.0.0.1:{port}"))
    assert f"127.0.0.1:{port}" in said
    assert "start it, or correct spark.master" in said


def test_one_of_several_masters_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        cluster._require_answer(f"spark://127.0.0.1:{free_port()},127.0.0.1:{port}")
        assert server.accept()[1][0] == "127.0.0.1"


def test_there_is_no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    said = told(on("local[1]"))
    assert f"none in JAVA_HOME ({tmp_path})" in said
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "none in the PATH" in told(on("local[1]"))


@pytest.mark.parametrize("version", ['openjdk version "11.0.2" 2019-01-15', "java: cannot execute"])
def test_java_is_too_old(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    java = tmp_path / "bin/java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho '{version}' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    said = told(on("local[1]"))
    assert "needs Java 17 or newer" in said
    assert version in said


def test_the_package_as_a_zip(tmp_path: Path) -> None:
    names = zipfile.ZipFile(cluster._zipped(tmp_path)).namelist()
    assert "churn_mlops/tables/task_files.py" in names
    assert "churn_mlops/py.typed" in names
    assert not [name for name in names if "__pycache__" in name]
