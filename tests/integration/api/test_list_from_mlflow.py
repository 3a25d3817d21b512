"""A list goes from a workspace through a real MLflow server to an API on another disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_mlops.api.list_follower import ListFollower
from churn_mlops.api.mlflow_source import MlflowSource
from churn_mlops.api.users import UserStore
from churn_mlops.errors import TrackingError
from churn_mlops.inference.predictions import store_path
from churn_mlops.loop.jobs import Done, with_list
from churn_mlops.params import Params, Tracking
from churn_mlops.registry.mlflow_registry import Tracker
from churn_mlops.registry.shared_list import share
from churn_mlops.summary import Summary
from tests.mlflow_server import free_port, register, running
from tests.trained import bundle_folder
from tests.unit.api.test_users import put, versions

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("server")) as (uri, _):
        yield uri


def test_an_api_of_another_machine_has_the_latest_list(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "workspace").mkdir()
    monkeypatch.chdir(tmp_path / "workspace")
    tracking = Tracking(uri=server, experiment="lists", model="lists", timeout_seconds=30)
    params = Params(tracking=tracking)
    path = store_path(params)
    follower = ListFollower(MlflowSource(tracking), tmp_path / "cache", 0.01, tmp_path / "own")
    users = UserStore(tmp_path / "own", follower.path)
    put(path, "v1")
    assert share(params) is None, "there is no champion"
    follower.refresh()
    with Tracker(tracking) as tracker:
        numbers = [register(tracker, "lists", bundle_folder(n)) for n in ("candidate", "baseline")]
        tracker.set_alias("lists", "champion", numbers[0])
    folders = []
    for version in ("v1", "v2", "v3"):
        put(path, version)
        shared = share(params)
        assert shared is not None
        assert share(params) == shared, "the same list is not given twice"
        folders.append(shared.folder)
        follower.refresh()
        assert versions(users.get("1")) == {version}
    assert folders == ["lists/0", "lists/1", "lists/0"], "two places, in turns"

    with Tracker(tracking) as tracker:
        tracker.set_alias("lists", "champion", numbers[1])
    follower.refresh()
    assert versions(users.get("1")) == {"v3"}, "a new champion has no list yet: the old one stays"
    put(path, "v4")
    done = with_list(Done(Summary("daily", {}, [])), params)
    assert done.summary.facts["list_shared"] == "2025-04-30"
    follower.refresh()
    assert versions(users.get("1")) == {"v4"}
    follower.close()


def test_a_server_that_is_away_fails_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = f"http://127.0.0.1:{free_port()}"
    params = Params(tracking=Tracking(uri=uri, timeout_seconds=1))
    put(store_path(params), "v1")
    with pytest.raises(TrackingError):
        share(params)
    done = Done(Summary("daily", {}, []), 4)
    told = with_list(done, params)
    assert told.exit_code == 4
    assert told.summary.facts["list_shared"] is None


def test_an_artifact_that_the_server_does_not_hand_out_is_told(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry may have versions whose artifacts lie elsewhere."""
    from churn_mlops.errors import BundleError
    from churn_mlops.registry.shared_list import SharedList

    source = MlflowSource(Tracking(uri=server, model="elsewhere", timeout_seconds=30))
    named = SharedList("2025-04-30", "a" * 64, "lists/0")
    with pytest.raises(BundleError, match="hand artifacts out"):
        source.fetch_list(named, tmp_path / "to")
