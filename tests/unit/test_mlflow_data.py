"""scripts/mlflow_data.py refuses what it cannot do; tests/images keeps and restores a server's."""

from __future__ import annotations

import io
import os
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/mlflow_data.py"


def run(
    folder: Path, action: str, given: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    places = {
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder}/mlflow.db",
        "MLFLOW_ARTIFACTS_DESTINATION": f"{folder}/artifacts",
    }
    return subprocess.run(
        [sys.executable, str(SCRIPT), action],
        input=given,
        env=os.environ | places | environment,
        capture_output=True,
        check=False,
    )


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A folder with a database and an artifact."""
    folder = tmp_path / "server"
    (folder / "artifacts/1/run").mkdir(parents=True)
    (folder / "artifacts/1/run/model.onnx").write_bytes(b"model")
    write(folder / "mlflow.db", "first")
    return folder


def write(path: Path, word: str) -> None:
    with closing(sqlite3.connect(path)) as con:
        con.execute("CREATE TABLE IF NOT EXISTS runs (name TEXT)")
        con.execute("INSERT INTO runs VALUES (?)", (word,))
        con.commit()


def words(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as con:
        return [word for (word,) in con.execute("SELECT name FROM runs")]


def test_what_is_kept_comes_back(server: Path, tmp_path: Path) -> None:
    kept = run(server, "backup")
    assert kept.returncode == 0, kept.stderr
    write(server / "mlflow.db", "later")
    (server / "artifacts/1/run/model.onnx").unlink()
    for folder in (server, tmp_path / "new"):
        back = run(folder, "restore", kept.stdout)
        assert back.returncode == 0, back.stderr
        assert words(folder / "mlflow.db") == ["first"]
        assert (folder / "artifacts/1/run/model.onnx").read_bytes() == b"model"
        assert {path.name for path in folder.iterdir()} == {"mlflow.db", "artifacts"}


def test_a_database_that_is_none_any_more_is_replaced(server: Path) -> None:
    kept = run(server, "backup").stdout
    (server / "mlflow.db").write_bytes(b"rubbish" * 1_000)
    assert run(server, "restore", kept).returncode == 0
    assert words(server / "mlflow.db") == ["first"]


def archive(**files: bytes) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as made:
        for name, content in files.items():
            facts = tarfile.TarInfo(name.replace("_", "."))
            facts.size = len(content)
            made.addfile(facts, io.BytesIO(content))
    return body.getvalue()


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"no archive",
        archive(other=b"x"),
        archive(**{"../x": b"x"}),
        archive(mlflow_db=b"no database" * 100),
    ],
)
def test_what_is_no_backup_changes_nothing(server: Path, given: bytes) -> None:
    assert run(server, "restore", given).returncode != 0
    assert words(server / "mlflow.db") == ["first"]
    assert {path.name for path in server.iterdir()} == {"mlflow.db", "artifacts"}


def test_other_stores_have_tools_of_their_own(server: Path) -> None:
    for environment, word in (
        ({"MLFLOW_BACKEND_STORE_URI": "postgresql://x/y"}, b"pg_dump"),
        ({"MLFLOW_ARTIFACTS_DESTINATION": "s3://bucket"}, b"bucket"),
    ):
        done = run(server, "backup", **environment)
        assert done.returncode == 1
        assert word in done.stderr
        assert done.stdout == b""


def test_another_word_is_told_how(server: Path) -> None:
    done = run(server, "keep")
    assert done.returncode == 1
    assert b"restore < mlflow.tar" in done.stderr
