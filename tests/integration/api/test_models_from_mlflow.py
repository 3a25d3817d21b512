"""The model store follows a real MLflow server, also when it dies and comes back."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from mlflow import MlflowClient
from prometheus_client import CollectorRegistry

from churn_mlops.api.metrics import Metrics
from churn_mlops.api.model_source import Named, Source, SourceAwayError
from churn_mlops.api.model_store import ModelStore
from churn_mlops.api.served import Served
from churn_mlops.api.sources import source_for
from churn_mlops.api.watcher import Watcher
from churn_mlops.errors import BundleError
from churn_mlops.params import Params, Tracking
from churn_mlops.registry.bundle import FILES, load_bundle
from churn_mlops.registry.mlflow_registry import Tracker
from tests.mlflow_server import free_port, register, running, stop
from tests.served import served
from tests.serving import golden_request, workspace
from tests.trained import bundle, bundle_folder

pytestmark = pytest.mark.slow
NAMES = ("candidate", "baseline")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("server")) as (uri, _):
        yield uri


@pytest.fixture(scope="module")
def tracker(server: str) -> Iterator[Tracker]:
    with Tracker(Tracking(uri=server, experiment="serving", timeout_seconds=30)) as entered:
        yield entered


def source(uri: str, model: str) -> Source:
    return source_for(Params(tracking=Tracking(uri=uri, model=model, timeout_seconds=2)))


def store(uri: str, model: str, cache: Path, registry: CollectorRegistry) -> ModelStore:
    return ModelStore(
        source(uri, model),
        cache,
        lambda made, named: Served(made, named.number, 100),
        Watcher(Metrics(registry)),
        poll_seconds=0.01,
        shadow=True,
    )


def test_champion_and_challenger_go_by_their_aliases(
    server: str, tracker: Tracker, tmp_path: Path
) -> None:
    asked = source(server, "aliases")
    assert asked.champion() is None
    numbers = [register(tracker, "aliases", bundle_folder(name)) for name in NAMES]
    assert asked.champion() is None
    tracker.set_alias("aliases", "champion", numbers[0])
    first = Named(bundle(NAMES[0]).digest, numbers[0])
    assert (asked.champion(), asked.challenger()) == (first, None)
    tracker.set_alias("aliases", "challenger", numbers[1])
    second = Named(bundle(NAMES[1]).digest, numbers[1])
    assert asked.challenger() == second
    tracker.set_alias("aliases", "challenger", numbers[0])
    assert asked.challenger() is None
    for named in (first, second):
        place = tmp_path / named.digest
        place.mkdir()
        asked.fetch(named, place)
        assert {file.name for file in place.iterdir()} == set(FILES)
        assert load_bundle(place).digest == named.digest
    asked.close()


def test_a_version_that_is_no_bundle_is_told(server: str, tracker: Tracker) -> None:
    client = MlflowClient(tracking_uri=server)
    client.create_registered_model("foreign")
    run = client.create_run(client.create_experiment("foreign"))
    made = client.create_model_version("foreign", run.info.artifact_uri, run.info.run_id)
    client.set_registered_model_alias("foreign", "champion", made.version)
    with pytest.raises(BundleError, match="version 1 of the model 'foreign' has no tag"):
        source(server, "foreign").champion()
    registry = CollectorRegistry()
    lost = store(server, "foreign", Path("none"), registry)
    for _ in range(3):
        lost.refresh()
    labels = {"reason": "foreign"}
    assert registry.get_sample_value("churn_api_model_refusals_total", labels) == 1
    assert lost.current is None


def test_the_store_swaps_and_outlives_the_server(tmp_path: Path) -> None:
    port, registry = free_port(), CollectorRegistry()
    (tmp_path / "server").mkdir()
    with ExitStack() as first:
        uri, process = first.enter_context(running(tmp_path / "server", port))
        with Tracker(Tracking(uri=uri, timeout_seconds=30)) as tracker:
            numbers = [register(tracker, "churn", bundle_folder(name)) for name in NAMES]
            tracker.set_alias("churn", "champion", numbers[0])
            tracker.set_alias("churn", "challenger", numbers[1])
            served = store(uri, "churn", tmp_path / "cache", registry)
            served.refresh()
            assert served.current is not None
            assert served.current.model.version == bundle(NAMES[0]).version
            assert served.current.model.number == numbers[0]
            assert served.challenger is not None
            assert served.challenger.model.version == bundle(NAMES[1]).version
            tracker.set_alias("churn", "champion", numbers[1])
            served.refresh()
            assert served.current.model.version == bundle(NAMES[1]).version
        stop(process, signal.SIGKILL)
        served.refresh()
        assert served.stale
        assert f"{uri} does not answer" in (served.detail or "")
        assert served.current.model.version == bundle(NAMES[1]).version
        assert registry.get_sample_value("churn_api_model_source_up") == 0
    restarted = store(uri, "churn", tmp_path / "cache", CollectorRegistry())
    restarted.refresh()
    assert restarted.stale
    assert restarted.current is not None
    assert restarted.current.model.version == bundle(NAMES[1]).version
    with running(tmp_path / "server", port) as (uri, _):
        with Tracker(Tracking(uri=uri, timeout_seconds=30)) as tracker:
            tracker.set_alias("churn", "champion", numbers[0])
        for each in (served, restarted):
            each.refresh()
            assert each.current is not None
            assert each.current.model.version == bundle(NAMES[0]).version
            assert not each.stale


def test_damage_in_the_registry_is_refused(tmp_path: Path) -> None:
    with running(tmp_path) as (uri, _), Tracker(Tracking(uri=uri, timeout_seconds=30)) as tracker:
        numbers = [register(tracker, "churn", bundle_folder(name)) for name in NAMES]
        tracker.set_alias("churn", "champion", numbers[0])
        registry = CollectorRegistry()
        served = store(uri, "churn", tmp_path / "cache", registry)
        served.refresh()
        versions = {file.read_bytes(): file for file in tmp_path.rglob("artifacts/**/SHA256SUMS")}
        sums = versions[(bundle_folder(NAMES[1]) / "SHA256SUMS").read_bytes()]
        model = sums.with_name("model.onnx")
        model.write_bytes(model.read_bytes()[:-100])
        tracker.set_alias("churn", "champion", numbers[1])
        served.refresh()
        assert served.current is not None
        assert served.current.model.version == bundle(NAMES[0]).version
        count = "churn_api_model_refusals_total"
        assert registry.get_sample_value(count, {"reason": "damaged"}) == 1
        shutil.rmtree(sums.parent)
        gone = store(uri, "churn", tmp_path / "another", registry_gone := CollectorRegistry())
        gone.refresh()
        assert gone.current is None
        assert registry_gone.get_sample_value(count, {"reason": "damaged"}) == 1


def test_artifacts_that_the_server_does_not_hand_out_are_fetched_by_mlflow(tmp_path: Path) -> None:
    options = ("--no-serve-artifacts", "--default-artifact-root", f"file://{tmp_path / 'shared'}")
    with running(tmp_path, None, *options) as (uri, _):
        with Tracker(Tracking(uri=uri, timeout_seconds=30)) as tracker:
            number = register(tracker, "churn", bundle_folder())
            tracker.set_alias("churn", "champion", number)
        served = store(uri, "churn", tmp_path / "cache", CollectorRegistry())
        served.refresh()
        assert served.current is not None
        assert served.current.model.version == bundle().version
        served.close()


def test_a_database_without_a_server_is_a_source_too(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'registry.db'}"
    asked = source(uri, "churn")
    with Tracker(Tracking(uri=uri, timeout_seconds=30)) as tracker:
        numbers = [register(tracker, "churn", bundle_folder(name)) for name in NAMES]
        tracker.set_alias("churn", "champion", numbers[0])
        tracker.set_alias("churn", "challenger", numbers[1])
    named = asked.champion()
    assert named == Named(bundle(NAMES[0]).digest, numbers[0])
    assert asked.challenger() == Named(bundle(NAMES[1]).digest, numbers[1])
    (tmp_path / "to").mkdir()
    asked.fetch(named, tmp_path / "to")
    assert load_bundle(tmp_path / "to").digest == named.digest
    asked.close()


def test_away_tells_no_password(tmp_path: Path) -> None:
    uri = f"http://somebody:secret@127.0.0.1:{free_port()}"
    with pytest.raises(SourceAwayError) as caught:
        source(uri, "churn").champion()
    assert "secret" not in str(caught.value)
    assert "somebody:***@" in str(caught.value)


def test_clients_notice_nothing_when_the_server_dies(tmp_path: Path) -> None:
    body, _ = golden_request()
    port = free_port()
    (tmp_path / "server").mkdir()
    params = workspace(tmp_path, champion=None, poll_seconds=0.2)
    uri = f"http://127.0.0.1:{port}"
    tracking = params.tracking.model_copy(update={"uri": uri, "timeout_seconds": 2.0})
    params = params.model_copy(update={"tracking": tracking})
    with (
        running(tmp_path / "server", port) as (_, process),
        Tracker(Tracking(uri=uri, timeout_seconds=30)) as tracker,
        served(params, ready=False) as server,
    ):
        numbers = [register(tracker, "churn", bundle_folder(name)) for name in NAMES]
        assert server.get("/ready").status_code == 503
        assert server.post("/predict", body).status_code == 503
        tracker.set_alias("churn", "champion", numbers[0])
        server.until(lambda: server.get("/ready").status_code == 200)
        assert server.get("/ready").json()["registry_version"] == numbers[0]
        tracker.set_alias("churn", "champion", numbers[1])
        server.until(lambda: server.get("/ready").json()["registry_version"] == numbers[1])
        stop(process, signal.SIGKILL)
        server.until(lambda: server.get("/ready").json()["stale"])
        answer = server.post("/predict", body).json()
        assert answer["model_version"] == bundle(NAMES[1]).version
        assert "churn_api_model_source_up 0.0" in server.get("/metrics").text
    with served(params) as restarted:
        ready = restarted.get("/ready").json()
        assert (ready["ready"], ready["stale"]) == (True, True)
        assert ready["model_version"] == bundle(NAMES[1]).version
        assert "last good model serves" in ready["detail"]
