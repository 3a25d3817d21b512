"""A real PostgreSQL on loopback that a test can end and start again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

from churn_mlops.data.source_sql import connection
from churn_mlops.errors import SourceError
from tests.integration.tools import require_tool

PASSWORD = "only-for-this-test"


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Postgres:
    """A server of its own; ended by its pid."""

    def __init__(self) -> None:
        self._initdb = Path(require_tool("/usr/lib/postgresql/*/bin/initdb"))
        self._folder = Path(tempfile.mkdtemp(prefix="churn-postgres-"))
        self._folder.chmod(0o755)
        root = os.geteuid() == 0
        self._as_user = ["runuser", "-u", "postgres", "--"] if root else []
        if root:
            shutil.chown(self._folder, "postgres")
        password = self._folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._data, self._port = self._folder / "data", free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://me:{PASSWORD}@127.0.0.1:{self._port}/postgres"
        subprocess.run(
            [*self._as_user, str(self._initdb), "-D", str(self._data), "-U", "me",
             "-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--no-sync"],
            check=True, capture_output=True, cwd=self._folder,
        )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                [*self._as_user, str(self._initdb.with_name("postgres")), "-D", str(self._data),
                 "-p", str(self._port), "-c", "listen_addresses=127.0.0.1",
                 "-c", f"unix_socket_directories={self._folder}", "-c", "fsync=off"],
                stdout=log, stderr=log, cwd=self._folder,
            )  # fmt: skip
        for _ in range(300):
            try:
                with connection(self.url):
                    return
            except SourceError:
                time.sleep(0.2)
        raise AssertionError((self._folder / "log").read_text())

    def stop(self) -> None:
        """End it; what was committed stays."""
        if self._process is not None:
            os.kill(int((self._data / "postmaster.pid").read_text().split("\n")[0]), 2)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """End it and take away its folder."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
