"""Models and lists lie in a bucket: jobs and API go through MLflow, and hold no key of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from churn_mlops.inference.predictions import store_path
from churn_mlops.params import Params, Tracking
from churn_mlops.registry.mlflow_registry import Tracker
from churn_mlops.registry.shared_list import share
from tests import mlflow_server, s3_server
from tests.mlflow_server import register
from tests.s3_server import BUCKET, KEY, S3, SECRET
from tests.served import Server, served
from tests.serving import golden_request
from tests.trained import bundle, bundle_folder
from tests.unit.api.test_users import put

pytestmark = pytest.mark.slow
ARTIFACTS = f"s3://{BUCKET}/mlflow"


@dataclass
class Registry:
    """A server of MLflow with its artifacts in a store, and who may ask it."""

    store: S3
    tracking: Tracking

    def objects(self) -> dict[str, str]:
        """The keys below the artifacts' place, by the last part of their names."""
        found = self.store.filesystem().find(ARTIFACTS)
        return {Path(name).name: name for name in found}

    def champion(self, name: str = "candidate") -> None:
        with Tracker(self.tracking) as tracker:
            number = register(tracker, self.tracking.model, bundle_folder(name))
            tracker.set_alias(self.tracking.model, "champion", number)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    with s3_server.running(tmp_path / "s3") as store:
        names = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        for name, value in (names | {"MLFLOW_S3_ENDPOINT_URL": store.endpoint}).items():
            monkeypatch.setenv(name, value)
        (tmp_path / "mlflow").mkdir()
        options = ("--serve-artifacts", "--artifacts-destination", ARTIFACTS)
        with mlflow_server.running(tmp_path / "mlflow", None, *options) as (uri, _):
            # Only the server has the keys.
            for name in (*names, "MLFLOW_S3_ENDPOINT_URL"):
                monkeypatch.delenv(name)
            yield Registry(store, Tracking(uri=uri, timeout_seconds=30))


def api(registry: Registry, folder: Path) -> Params:
    """Of an API with a disk of its own."""
    serving = {"cache": str(folder / "cache"), "poll_seconds": 0.2}
    paths = {"data": str(folder / "data"), "artifacts": str(folder / "artifacts")}
    return Params.model_validate(
        {"serving": serving, "paths": paths, "tracking": registry.tracking.model_dump()}
    )


def risk(server: Server, request: dict[str, object]) -> float:
    answer = server.post("/predict", request)
    assert answer.status_code == 200, answer.text
    return float(answer.json()["churn_risk"])


def test_the_api_serves_what_lies_in_the_bucket(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "AWS_ACCESS_KEY_ID" not in os.environ
    registry.champion()
    (tmp_path / "workspace").mkdir()
    monkeypatch.chdir(tmp_path / "workspace")
    jobs = Params(tracking=registry.tracking)
    put(store_path(jobs), "v1")
    assert share(jobs) is not None
    assert {"model.onnx", "SHA256SUMS", "users.sqlite"} <= registry.objects().keys()
    request, expected = golden_request()
    with served(api(registry, tmp_path / "one")) as server:
        assert risk(server, request) == pytest.approx(expected, abs=5e-7)
        assert server.get("/users/1").status_code == 200
        # The bucket goes away: who runs, runs on; who begins anew has what it had.
        s3_server.stop(registry.store)
        assert risk(server, request) == pytest.approx(expected, abs=5e-7)
    with served(api(registry, tmp_path / "one")) as server:
        assert risk(server, request) == pytest.approx(expected, abs=5e-7)
        assert server.get("/users/1").status_code == 200
    with served(api(registry, tmp_path / "two"), ready=False) as server:
        assert server.get("/ready").status_code == 503
        assert server.get("/live").status_code == 200


def test_what_was_changed_in_the_bucket_is_refused(registry: Registry, tmp_path: Path) -> None:
    registry.champion("baseline")
    with served(api(registry, tmp_path)) as server:
        before = server.get("/ready").json()["model_version"]
        assert before == bundle("baseline").version
        known = set(registry.store.filesystem().find(ARTIFACTS))
        with Tracker(registry.tracking) as tracker:
            number = register(tracker, registry.tracking.model, bundle_folder("candidate"))
            files = registry.store.filesystem()
            (model,) = [n for n in set(files.find(ARTIFACTS)) - known if n.endswith("model.onnx")]
            files.pipe_file(model, files.cat_file(model)[:-100])
            tracker.set_alias(registry.tracking.model, "champion", number)
        server.until(lambda: "was refused" in server.text())
        assert server.get("/ready").json()["model_version"] == before
