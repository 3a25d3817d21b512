"""The commands of retrain.yml, run as GitHub's runner does: a repository, a bucket, a new day."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import s3_server, workspaces
from tests.delivery.workflows import Runner, cloned, fake_gh, workflow
from tests.integration.test_dvc_remote import outputs, remote_on
from tests.lineages import Origin

pytestmark = pytest.mark.slow
VALUES = {
    "vars.DVC_REMOTE": f"s3://{s3_server.BUCKET}/dvc",
    "vars.MLFLOW_TRACKING_URI": "",
    "secrets.DATA_SQL_URL": "",
    "inputs.force && '--force' || ''": "",
    "github.event_name == 'schedule' || inputs.ingest": "true",
    "inputs.stages || 'train_baseline train_candidate'": "train_baseline train_candidate",
    "github.token": "only-for-this-test",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3_server.S3]:
    with s3_server.running(tmp_path_factory.mktemp("retrain") / "s3") as running:
        yield running


@pytest.fixture(scope="module")
def repository(
    origin: Origin, store: s3_server.S3, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A bare repository whose data are in the bucket."""
    base = tmp_path_factory.mktemp("pushed")
    folder = origin.copy(base / "work")
    remote_on(folder, store)
    workspaces.run(folder, "dvc", "push", "--run-cache")
    subprocess.run(["git", "checkout", "-q", ".dvc/config"], cwd=folder, check=True)
    subprocess.run(["git", "branch", "-M", "main"], cwd=folder, check=True)
    bare = base / "repository.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(folder), str(bare)], check=True)
    return bare


def runner(repository: Path, store: s3_server.S3, folder: Path, **values: str) -> Runner:
    """A fresh machine with the repository's files and keys for the bucket."""
    clone = cloned(repository, folder / "clone")
    keys = s3_server.environment(store.endpoint)
    return Runner(clone, folder / "home", VALUES | values, keys, fake_gh(folder / "fakes"))


def run(one: Runner) -> str:
    job = workflow("retrain")["jobs"]["retrain"]
    return "\n".join(one.run(job, leave_out=("make .venv/.ready",)))


def test_a_new_day_is_trained_on_pushed_and_proposed(
    repository: Path, store: s3_server.S3, tmp_path: Path
) -> None:
    one = runner(repository, store, tmp_path)
    before = outputs(one.folder)
    printed = run(one)
    assert {"train_baseline", "train_candidate"} <= set(workspaces.stages_run(printed))
    changed = re.findall(r"train_candidate\.json +\| \S+ +\| (\S+) +\| (\S+) ", one.text("summary"))
    assert changed
    for was, now in changed:
        assert "-" not in (was, now), "both are known"
        assert was != now
    shown = subprocess.run(
        ["git", "show", "--stat=200", "--format=%s", "retrain"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown.startswith("Retrained on 20")
    assert "dvc.lock" in shown
    assert "1 file changed" in shown
    assert "train_candidate.json" in (tmp_path / "fakes/body").read_text()
    # Whoever checks the proposal out has its models without training.
    new = tmp_path / "new"
    command = ["git", "clone", "-q", "--branch", "retrain", str(repository), str(new)]
    subprocess.run(command, check=True)
    assert outputs(new) != before
    remote_on(new, store)
    again = workspaces.run(new, "dvc", "repro", "--pull", "train_baseline", "train_candidate")
    assert workspaces.stages_run(again.stdout) == []


def test_without_new_days_nothing_is_trained_and_nothing_proposed(
    repository: Path, store: s3_server.S3, tmp_path: Path
) -> None:
    ingest = {"github.event_name == 'schedule' || inputs.ingest": "false"}
    one = runner(repository, store, tmp_path, **ingest)
    printed = run(one)
    assert workspaces.stages_run(printed) == []
    assert "No metric has changed." in one.text("summary")
    assert "nothing has changed in: dvc.lock" in printed
    assert not (tmp_path / "fakes/asked").exists()


def test_a_variable_that_is_not_set_is_named(
    repository: Path, store: s3_server.S3, tmp_path: Path
) -> None:
    one = runner(repository, store, tmp_path, **{"vars.DVC_REMOTE": ""})
    with pytest.raises(AssertionError, match="set the variable DVC_REMOTE"):
        run(one)
