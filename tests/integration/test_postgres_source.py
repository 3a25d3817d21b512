"""A real PostgreSQL as the source."""

from __future__ import annotations

import csv
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.data import generate_data, prepare_dataset, sources, validate
from churn_mlops.data.source_sql import connection
from churn_mlops.errors import SourceError
from churn_mlops.params import Params
from tests.integration.tools import require_tool

pytestmark = pytest.mark.slow
PASSWORD = "only-for-this-test"
SMALL: dict[str, Any] = {
    "synthetic": {"users": 80, "days": 60},
    "measures": Params().data.measures,
}


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server on loopback, ended by its pid; yields its URL."""
    initdb = Path(require_tool("/usr/lib/postgresql/*/bin/initdb"))
    folder = Path(tempfile.mkdtemp(prefix="churn-postgres-"))
    folder.chmod(0o755)
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres")
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    data, port = folder / "data", free_port()
    subprocess.run(
        [*as_user, str(initdb), "-D", str(data), "-U", "me", "-A", "scram-sha-256",
         f"--pwfile={folder / 'password'}", "-E", "UTF8", "--no-sync"],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    log = (folder / "log").open("w")
    process = subprocess.Popen(
        [*as_user, str(initdb.with_name("postgres")), "-D", str(data), "-p", str(port),
         "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}",
         "-c", "fsync=off"],
        stdout=log, stderr=log, cwd=folder,
    )  # fmt: skip
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/postgres"
    try:
        for _ in range(150):
            try:
                with connection(url):
                    break
            except SourceError:
                time.sleep(0.2)
        else:
            pytest.fail((folder / "log").read_text())
        yield url
    finally:
        pid = int((data / "postmaster.pid").read_text().split("\n")[0])
        os.kill(pid, 2)
        process.wait(30)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def params(url: str, root: str, **over: Any) -> Params:
    data: dict[str, Any] = {
        "source": "sql",
        "end_date": "2025-03-01",
        "sql": {"url": url, "users": "users", "events": "public.events"},
    } | over
    tree = Params().model_dump()
    tree["paths"]["data"] = root
    tree["data"] |= data
    return Params.model_validate(tree)


@pytest.fixture(scope="module")
def loaded(server: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The synthetic log in the database, and the folder of its CSV files."""
    folder = tmp_path_factory.mktemp("synthetic")
    tree = Params().model_dump()
    tree["paths"]["data"] = str(folder)
    tree["data"]["synthetic"] |= SMALL["synthetic"]
    synthetic = Params.model_validate(tree)
    generate_data.run(synthetic)
    validate.run(synthetic)
    prepare_dataset.run(synthetic)
    columns = {
        "users": "user_id bigint, signup_date date, plan text, is_paid smallint, country text,"
        " marketing_source text",
        "events": "event_id bigint, user_id bigint, event_time timestamptz, event_type text,"
        " course_id text, watch_minutes double precision, quiz_score real, amount numeric(12,2)",
    }
    with connection(server) as con, con.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
        for name, types in columns.items():
            cursor.execute(f"CREATE TABLE {name} ({types})")
            with (folder / f"raw/{name}.csv").open(newline="") as file:
                rows = [[v or None for v in row] for row in csv.reader(file)][1:]
            names = [part.split()[0] for part in types.replace("(12,2)", "").split(",")]
            literals = ", ".join(
                "(" + ", ".join("NULL" if v is None else f"'{v}'" for v in row) + ")"
                for row in rows
            )
            cursor.execute(f"INSERT INTO {name} ({', '.join(names)}) VALUES {literals}")
        con.commit()
    return server, folder


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_the_database_gives_the_same_daily_table(
    loaded: tuple[str, Path], tmp_path: Path, format_: str
) -> None:
    url, folder = loaded
    ours = params(url, str(tmp_path))
    ours = ours.model_copy(update={"tables": ours.tables.model_copy(update={"format": format_})})
    rows = generate_data.run(ours).rows
    validate.run(ours)
    prepare_dataset.run(ours)
    with (folder / "raw/events.csv").open() as file:
        assert rows["events"] == sum(1 for _ in file) - 1
    if format_ == "csv":
        expected = (folder / "processed/user_daily.csv").read_text()
        assert (tmp_path / "processed/user_daily.csv").read_text() == expected


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (PASSWORD, "wrong-secret", "cannot be reached"),
        ("/postgres", "/nowhere", "cannot be reached"),
    ],
)
def test_a_refused_connection_never_shows_the_password(
    server: str, tmp_path: Path, old: str, new: str, words: str
) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        sources.run(params(server.replace(old, new), str(tmp_path)))
    assert PASSWORD not in str(caught.value)
    assert "wrong-secret" not in str(caught.value)
    assert not (tmp_path / "raw").exists()


def test_a_missing_table_is_named(server: str, tmp_path: Path) -> None:
    sql = {"url": server, "users": "users", "events": "public.nothing"}
    with pytest.raises(SourceError, match=r"public\.nothing"):
        sources.run(params(server, str(tmp_path), sql=sql))
