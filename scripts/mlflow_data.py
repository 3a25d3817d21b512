"""Keep and bring back what an MLflow server has on its disk: its SQLite database and artifacts.

    kubectl -n churn-mlops exec deploy/mlflow -- python /opt/project/scripts/mlflow_data.py backup > mlflow.tar
    kubectl -n churn-mlops exec -i deploy/mlflow -- python /opt/project/scripts/mlflow_data.py restore < mlflow.tar

The places are those that the server is told in its environment. The database is copied as of one
moment, while the server works on; artifacts that it names are in the archive. After `restore` the
server must be started anew. PostgreSQL and buckets have tools of their own.
"""  # noqa: E501

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

DATABASE, ARTIFACTS = "mlflow.db", "artifacts"
_SQLITE = "sqlite:///"


def places() -> tuple[Path, Path]:
    """The database and the folder of artifacts that the environment names."""
    store = os.environ.get("MLFLOW_BACKEND_STORE_URI", "")
    artifacts = os.environ.get("MLFLOW_ARTIFACTS_DESTINATION", "")
    if not store.startswith(_SQLITE):
        sys.exit("runs are not in a SQLite file here; use the tools of that database (pg_dump)")
    if not artifacts or "://" in artifacts:
        sys.exit("artifacts are not in a folder here; use the versions of the bucket")
    return Path(store.removeprefix(_SQLITE)), Path(artifacts)


def backup(to: BinaryIO) -> None:
    """Write a tar archive; the database first, so that all it names is there."""
    database, artifacts = places()
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=to, mode="w|") as archive:
        copy = Path(folder) / DATABASE
        address = f"{database.absolute().as_uri()}?mode=ro"
        with (
            closing(sqlite3.connect(address, uri=True)) as live,
            closing(sqlite3.connect(copy)) as kept,
        ):
            live.backup(kept)
        archive.add(copy, DATABASE)
        if artifacts.exists():
            archive.add(artifacts, ARTIFACTS)


def restore(source: BinaryIO) -> None:
    """Put the contents of an archive in place, once all of it has arrived and is sound."""
    database, artifacts = places()
    database.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=database.parent, prefix=".restoring-") as name:
        folder = Path(name)
        with tarfile.open(fileobj=source, mode="r|") as archive:
            for member in archive:
                plain = member.isfile() or member.isdir()
                if not plain or member.name.startswith("/") or ".." in Path(member.name).parts:
                    sys.exit(
                        f"the archive would write elsewhere: {member.name}; nothing was changed"
                    )
                archive.extract(member, folder)
        new = folder / DATABASE
        if not new.exists():
            sys.exit(f"the archive has no {DATABASE}; nothing was changed")
        with closing(sqlite3.connect(new)) as read:
            (told,) = read.execute("PRAGMA integrity_check").fetchone()
        if told != "ok":
            sys.exit(f"the archive's database is damaged: {told}; nothing was changed")
        if (folder / ARTIFACTS).exists():
            shutil.copytree(folder / ARTIFACTS, artifacts, dirs_exist_ok=True)
        try:
            # Into the file that is there, whose locks and journals SQLite knows.
            with closing(sqlite3.connect(new)) as kept, closing(sqlite3.connect(database)) as live:
                kept.backup(live)
        except sqlite3.DatabaseError:
            # What is there is no database any more.
            for more in ("-wal", "-shm", "-journal"):
                database.with_name(database.name + more).unlink(missing_ok=True)
            os.replace(new, database)
    print("brought back; start the server anew now", file=sys.stderr)


def main() -> None:
    """Run the command that is named."""
    actions = {"backup", "restore"}
    if len(sys.argv) != 2 or sys.argv[1] not in actions:
        sys.exit(__doc__)
    if sys.argv[1] == "backup":
        backup(sys.stdout.buffer)
    else:
        restore(sys.stdin.buffer)


if __name__ == "__main__":
    main()
