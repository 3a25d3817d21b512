"""A workspace is thrown away and comes back from git, DVC's remote on S3 and MLflow's server."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from churn_mlops.errors import BackupError, ReproduceError
from tests import s3_server, workspaces
from tests.lineages import Origin, reproduce
from tests.mlflow_server import free_port

pytestmark = pytest.mark.slow
STATE = f"s3://{s3_server.BUCKET}/state"


@dataclass
class Pushed:
    """Where the workspace is pushed to, and what it had before it was thrown away."""

    store: s3_server.S3
    repository: Path
    outputs: dict[str, str]

    def clone(self, to: Path) -> Path:
        """A new machine: git's files and where the remote is; no data, no cache."""
        subprocess.run(["git", "clone", "-q", str(self.repository), str(to)], check=True)
        remote_on(to, self.store)
        return to


def remote_on(folder: Path, store: s3_server.S3) -> None:
    """Set the remote as docs/lineage.md says: the address for all, the key for this machine."""
    for option in (
        ["remote", "add", "-f", "-d", "store", f"s3://{s3_server.BUCKET}/dvc"],
        ["remote", "modify", "store", "endpointurl", store.endpoint],
        ["remote", "modify", "--local", "store", "access_key_id", s3_server.KEY],
        ["remote", "modify", "--local", "store", "secret_access_key", s3_server.SECRET],
        ["remote", "modify", "--local", "store", "connect_timeout", "2"],
    ):
        workspaces.run(folder, "dvc", *option)


def with_keys(folder: Path, store: s3_server.S3, *command: str, code: int = 0) -> str:
    """Run a program that finds the store by AWS's usual variables; all that it prints."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment(store.endpoint).items():
            patch.setenv(name, value)
        done = workspaces.run(folder, *command, code=code)
    return done.stdout + done.stderr


def outputs(folder: Path) -> dict[str, str]:
    """DVC's hash of every output."""
    lock = yaml.safe_load((folder / "dvc.lock").read_text())
    return {o["path"]: o["md5"] for stage in lock["stages"].values() for o in stage["outs"]}


@pytest.fixture(scope="module")
def pushed(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    """Pushed with its run cache; then the workspace is gone."""
    base = tmp_path_factory.mktemp("remote")
    with s3_server.running(base / "s3") as store:
        folder = origin.copy(base / "work")
        remote_on(folder, store)
        workspaces.run(folder, "dvc", "push", "--run-cache")
        with_keys(folder, store, "churn", "backup", STATE)
        known = outputs(folder)
        repository = base / "repository.git"
        command = ["git", "clone", "-q", "--bare", str(folder), str(repository)]
        subprocess.run(command, check=True)
        shutil.rmtree(folder)
        yield Pushed(store, repository, known)


def test_a_new_machine_has_everything_after_a_pull(pushed: Pushed, tmp_path: Path) -> None:
    folder = pushed.clone(tmp_path / "new")
    assert not (folder / "data").joinpath("raw").exists()
    workspaces.run(folder, "dvc", "pull", "--run-cache")
    assert outputs(folder) == pushed.outputs
    with_keys(folder, pushed.store, "churn", "restore", STATE)
    again = workspaces.run(folder, "dvc", "repro")
    assert workspaces.stages_run(again.stdout) == []
    assert "up to date" in again.stdout
    assert outputs(folder) == pushed.outputs
    workspaces.run(folder, "churn", "history", "--verify")
    facts = reproduce(folder, "champion")
    assert facts["equal"] is True
    assert facts["source"] == "the remote 'store'"


def test_a_training_set_that_was_changed_in_the_remote_is_found(
    pushed: Pushed, tmp_path: Path
) -> None:
    folder = pushed.clone(tmp_path / "new")
    md5 = pushed.outputs["data/features/training_dataset.csv"]
    key = f"{s3_server.BUCKET}/dvc/files/md5/{md5[:2]}/{md5[2:]}"
    files = pushed.store.filesystem()
    whole = files.cat_file(key)
    try:
        files.pipe_file(key, whole.replace(b"1", b"2", 1))
        error = reproduce(folder, "1", code=ReproduceError.exit_code)["error"]
    finally:
        files.pipe_file(key, whole)
    assert "data/features/training_dataset.csv" in error
    assert "is not what it was trained on" in error
    assert "--force" in error


def test_what_was_never_pushed_and_a_store_that_is_away_are_told(
    pushed: Pushed, tmp_path: Path
) -> None:
    folder = pushed.clone(tmp_path / "new")
    workspaces.run(folder, "dvc", "remote", "modify", "store", "url", "s3://churn/elsewhere")
    error = reproduce(folder, "1", code=ReproduceError.exit_code)["error"]
    assert "could not pull the data" in error
    assert "dvc push" in error
    gone = f"http://127.0.0.1:{free_port()}"
    workspaces.run(folder, "dvc", "remote", "modify", "store", "endpointurl", gone)
    error = reproduce(folder, "1", code=ReproduceError.exit_code)["error"]
    assert "could not pull the data" in error
    assert "the remote 'store'" in error


def test_a_backup_that_was_changed_in_the_store_is_not_put_in_place(
    pushed: Pushed, tmp_path: Path
) -> None:
    folder = pushed.clone(tmp_path / "new")
    files = pushed.store.filesystem()
    snapshot = json.loads(files.cat_file(f"{s3_server.BUCKET}/state/latest.json"))
    key = f"{s3_server.BUCKET}/state/objects/{snapshot['files']['artifacts/ledger.jsonl']}"
    whole = files.cat_file(key)
    try:
        files.pipe_file(key, whole + b"\n")
        told = with_keys(
            folder, pushed.store, "churn", "restore", STATE, code=BackupError.exit_code
        )
    finally:
        files.pipe_file(key, whole)
    assert "is damaged" in told
    assert not (folder / "artifacts/production").exists()
    assert not (folder / "artifacts/ledger.jsonl").exists()
