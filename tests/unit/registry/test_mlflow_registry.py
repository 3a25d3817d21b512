"""`Tracker` with MLflow's real client on an SQLite file, in this process and in a worker."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from churn_mlops.errors import TrackingError
from churn_mlops.params import Tracking
from churn_mlops.registry import mlflow_process
from churn_mlops.registry.mlflow_registry import Run, Tracker
from tests.mlflow_store import at_home, name_of

STAGE = "train_baseline"
slow = pytest.mark.slow


@pytest.fixture(scope="module", params=["here", pytest.param("process", marks=slow)])
def tracker(request, mlflow_store):
    """In this process, which is quick, and in a worker of its own, which is what the jobs have."""
    if request.param == "here":
        with mlflow_store.is_used():
            yield mlflow_store.tracker("registry")
        return
    mlflow_store.link("registry")
    with Tracker(Tracking(uri=mlflow_store.uri, experiment="registry")) as entered:
        yield entered


@pytest.fixture
def model(request):
    """A model of the test's own."""
    return name_of(request.node.nodeid)


@pytest.fixture
def made(tracker, tmp_path):
    """Log a run with a small directory as its bundle; gives its id and tags."""

    def make(content, stage=STAGE):
        folder = tmp_path / f"bundle {content}"
        (folder / "deep").mkdir(parents=True, exist_ok=True)
        (folder / "model.onnx").write_text(content)
        (folder / "deep" / "ümlaut.json").write_text("{}")
        tags = {"bundle_sha256": hashlib.sha256(content.encode()).hexdigest(), "stage": stage}
        dataset = {"name": "t", "digest": "0", "path": "t.csv"}
        run = Run(f"{stage} x", {"a": "1"}, {"m": 0.5}, tags, [(str(folder), "model")], dataset)
        return tracker.log(run), tags

    return make


def test_a_version_is_what_was_registered(tracker, made, model):
    run_id, tags = made(model)
    assert tracker.by_version(model, 1) is None
    assert tracker.versions(model) == []
    number = tracker.register(model, run_id, "model", {**tags, "gate": "passed"})
    found = tracker.by_version(model, number)
    assert dataclasses.replace(found, created="") == (
        type(found)(1, run_id, {**tags, "gate": "passed"}, ())
    )
    age = datetime.now(UTC) - datetime.fromisoformat(found.created)
    assert 0 <= age.total_seconds() < 60
    assert tracker.versions(model) == [found]


def test_a_bundle_is_registered_once(tracker, made, model):
    run_id, tags = made(f"{model} one")
    other_id, other = made(f"{model} two")
    assert tracker.register(model, run_id, "model", tags) == 1
    assert tracker.register(model, other_id, "model", other) == 2
    assert tracker.register(model, made(f"{model} one")[0], "model", {**tags, "more": "1"}) == 1
    assert [(v.version, v.run_id) for v in tracker.versions(model)] == [(2, other_id), (1, run_id)]
    assert tracker.by_version(model, 1).tags == tags
    # The same bundle may be a version of another model.
    assert tracker.register(f"{model} 2", run_id, "model", tags) == 1


def test_what_has_no_bundle_is_not_registered(tracker, made, model):
    run_id, tags = made(model)
    with pytest.raises(TrackingError, match=f"run {run_id} has no folder 'modle' with a bundle"):
        tracker.register(model, run_id, "modle", tags)
    with pytest.raises(TrackingError, match="did not register a version of"):
        tracker.register(model, "f" * 32, "model", tags)
    with pytest.raises(TrackingError, match="bundle_sha256"):
        tracker.register(model, run_id, "model", {})
    assert tracker.versions(model) == []


def test_an_alias_names_one_version_at_a_time(tracker, made, model):
    assert tracker.by_alias(model, "champion") is None
    for name in ("one", "two"):
        run_id, tags = made(f"{model} {name}")
        tracker.register(model, run_id, "model", tags)
    assert tracker.by_alias(model, "champion") is None
    tracker.set_alias(model, "champion", 1)
    tracker.set_alias(model, "stable", 1)
    assert tracker.by_alias(model, "champion").aliases == ("champion", "stable")
    tracker.set_alias(model, "champion", 2)
    assert tracker.by_alias(model, "champion") == tracker.by_version(model, 2)
    assert [v.aliases for v in tracker.versions(model)] == [("champion",), ("stable",)]
    for _ in range(2):
        tracker.delete_alias(model, "champion")
    assert tracker.by_alias(model, "champion") is None
    with pytest.raises(TrackingError, match="did not let champion name version 3 of"):
        tracker.set_alias(model, "champion", 3)
    with pytest.raises(TrackingError, match="'latest' alias name"):
        tracker.set_alias(model, "latest", 1)


def test_tags_are_added_and_changed(tracker, made, model):
    run_id, tags = made(model)
    tracker.register(model, run_id, "model", {**tags, "gate": "open"})
    tracker.set_tags(model, 1, {"gate": "größer 'passed'", "head": "3:abc"})
    added = {"gate": "größer 'passed'", "head": "3:abc"}
    assert tracker.by_version(model, 1).tags == {**tags, **added}
    with pytest.raises(TrackingError, match="did not tag version 2 of"):
        tracker.set_tags(model, 2, {"a": "b"})


def test_the_newest_finished_run_of_a_bundle_is_found(tracker, made, model, tmp_path):
    digest = hashlib.sha256(model.encode()).hexdigest()
    assert tracker.find_run(digest, STAGE) is None
    made(model)
    newest, _ = made(model)
    made(model, stage="train_boosted")
    dataset = {"name": "t", "digest": "0", "path": "t.csv"}
    tags = {"bundle_sha256": digest, "stage": STAGE}
    failing = Run("fails", {}, {}, tags, [(str(tmp_path / "none"), "model")], dataset)
    with pytest.raises(TrackingError, match="did not take the run"):
        tracker.log(failing)
    assert tracker.find_run(digest, STAGE) == newest
    assert tracker.find_run(digest, "tune") is None


def test_a_version_is_downloaded_whole(tracker, made, model, tmp_path):
    run_id, tags = made(model)
    tracker.register(model, run_id, "model", tags)
    place = tmp_path / "new" / "champion"
    tracker.download(model, 1, place)
    assert (place / "model.onnx").read_text() == model
    assert {path.name for path in place.rglob("*")} == {"model.onnx", "deep", "ümlaut.json"}
    assert list(place.parent.iterdir()) == [place]
    # A copy: what is done to it leaves the registry's file alone.
    (place / "model.onnx").write_text("changed")
    tracker.download(model, 1, tmp_path / "again")
    assert (tmp_path / "again" / "model.onnx").read_text() == model


def test_files_are_added_to_a_finished_run_and_fetched(tracker, made, model, tmp_path):
    run_id, _ = made(model)
    given, got = tmp_path / "given", tmp_path / "got"
    for folder in (given, got):
        folder.mkdir()
    assert tracker.fetch(run_id, "more", got) == []
    for text in ("first", "second"):
        (given / "ä.txt").write_text(text)
        (given / "b.txt").write_text("b")
        tracker.attach(run_id, given, "more")
    assert tracker.fetch(run_id, "more", got) == ["b.txt", "ä.txt"]
    assert {path.name: path.read_text() for path in got.iterdir()} == {
        "ä.txt": "second",
        "b.txt": "b",
    }
    with pytest.raises(TrackingError, match="did not take more of the run none"):
        tracker.attach("none", given, "more")
    with pytest.raises(TrackingError, match="did not give more of the run none"):
        tracker.fetch("none", "more", got)


def test_a_download_never_writes_over_anything(tracker, made, model, tmp_path):
    run_id, tags = made(model)
    tracker.register(model, run_id, "model", tags)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for place in (tmp_path, tmp_path / "file", tmp_path / "link"):
        with pytest.raises(TrackingError, match="exists already; choose a new directory"):
            tracker.download(model, 1, place)
    with pytest.raises(TrackingError, match="did not give version 2 of"):
        tracker.download(model, 2, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_download_of_lost_files_leaves_nothing(tracker, made, model, tmp_path, mlflow_store):
    run_id, tags = made(model)
    tracker.register(model, run_id, "model", tags)
    (lost,) = mlflow_store.folder.rglob(f"{run_id}/artifacts/model")
    lost.rename(tmp_path / "elsewhere")
    before = set(tmp_path.iterdir())
    with pytest.raises(TrackingError, match="did not give version 1 of"):
        tracker.download(model, 1, tmp_path / "new")
    assert set(tmp_path.iterdir()) == before


def test_names_with_quotes_are_searched_for(tracker, made, model):
    for name in (f"it's {model}", f'so "called" {model}'):
        run_id, tags = made(name)
        assert tracker.register(name, run_id, "model", tags) == 1
        assert tracker.register(name, run_id, "model", tags) == 1
        assert len(tracker.versions(name)) == 1
    with pytest.raises(TrackingError, match="both kinds of quotes"):
        tracker.versions('it\'s "so"')


@slow
@pytest.mark.parametrize("tracker", ["process"], indirect=True)
def test_ctrl_c_is_left_to_the_parent(tracker, model):
    os.kill(tracker._process._process.pid, signal.SIGINT)
    assert tracker.versions(model) == []


@slow
def test_a_database_that_mlflow_cannot_use_is_told_at_every_call(tmp_path):
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as con:
        con.execute("CREATE TABLE experiments (foreign_column INTEGER)")
    with at_home(tmp_path), Tracker(Tracking(uri=f"sqlite:///{path}")) as tracker:
        for _ in range(2):
            with pytest.raises(TrackingError, match=r"did not list churn: .+") as caught:
                tracker.versions("churn")
    assert "without a word" not in str(caught.value)
    assert "mlflow db upgrade" in str(caught.value)


def test_a_tracker_must_be_entered():
    with pytest.raises(RuntimeError, match="entered"):
        Tracker(Tracking(uri="sqlite:///x.db")).versions("churn")


@slow
def test_a_failed_training_ends_the_worker(monkeypatch, tmp_path):
    monkeypatch.setattr(mlflow_process, "GRACE_SECONDS", 0.1)
    tracker = Tracker(Tracking(uri=f"sqlite:///{tmp_path / 'mlflow.db'}"))
    processes = []

    def train():
        processes.append(tracker._process._process)
        raise ValueError("training failed")

    with pytest.raises(ValueError, match="training failed"), tracker:
        train()
    assert processes[0].returncode is not None
