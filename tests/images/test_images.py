"""The images build, hold what they should, and the manifests' pods run on them and converge."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.images.cluster import HERE, Cluster, built, cluster, podman, restart
from tests.images.service import asking, service
from tests.manifests.objects import ROOT
from tests.monitoring_servers import PATIENCE_SECONDS, until

TRAINING = ("sklearn", "lightgbm", "mlflow", "dvc", "ibis", "duckdb", "pandas", "scipy")


@pytest.fixture(scope="module")
def images() -> None:
    """churn-api:dev and churn-ml:dev, built as `make images` does."""
    built()


def facts(image: str) -> dict[str, object]:
    body: dict[str, object] = json.loads(podman("inspect", image))[0]
    return body


@pytest.mark.parametrize("name", ["churn-api", "churn-ml"])
def test_an_image_says_what_it_is_and_who_runs_in_it(images: None, name: str) -> None:
    config = facts(f"{name}:dev")["Config"]
    assert isinstance(config, dict)
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["churn"], "in exec form, so that signals arrive"
    labels = config["Labels"]
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert labels["org.opencontainers.image.revision"] == commit
    assert labels["org.opencontainers.image.title"] == name
    assert labels["org.opencontainers.image.version"] == "dev"


@pytest.mark.nightly
def test_the_same_commit_gives_the_same_layers(images: None) -> None:
    """Built from the ground twice, nothing taken from what there is."""
    layers = []
    for tag in ("one", "two"):
        new = {"IMAGES": "api", "TAG": tag, "BUILD_OPTIONS": "--no-cache"}
        done = subprocess.run(
            [str(HERE / "build.sh")],
            env=os.environ | new,
            capture_output=True,
            text=True,
            timeout=1_800,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-4_000:]
        layers.append(facts(f"churn-api:{tag}")["RootFS"])
        podman("rmi", f"churn-api:{tag}")
    assert layers[0] == layers[1]


def test_the_api_cannot_train_and_is_small(images: None) -> None:
    code = f"import importlib.util as i; print([n for n in {TRAINING!r} if i.find_spec(n)])"
    there = podman("run", "--rm", "--entrypoint", "python", "churn-api:dev", "-c", code)
    assert there.strip() == "[]"
    sizes = {name: facts(name)["Size"] for name in ("churn-api:dev", "churn-ml:dev")}
    base = facts("docker.io/library/python:3.11-slim-bookworm")["Size"]
    assert isinstance(base, int)
    assert int(str(sizes["churn-api:dev"])) - base < 330 * 10**6
    assert int(str(sizes["churn-api:dev"])) < int(str(sizes["churn-ml:dev"])) / 2


def test_what_is_mounted_while_building_is_not_in_the_image(images: None) -> None:
    files = ("/etc/pip.conf", "/etc/uv/uv.toml")
    code = f"import os; print([p for p in {files!r} if os.path.exists(p) and os.stat(p).st_size])"
    for image in ("churn-api:dev", "churn-ml:dev"):
        assert podman("run", "--rm", "--entrypoint", "python", image, "-c", code).strip() == "[]"


@pytest.fixture(scope="module")
def running(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


def settings(rounds: int) -> str:
    """Parameters of a small portal, and how far the candidate is trained."""
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    tree["data"]["synthetic"] |= {"users": 400}
    tree["training"]["candidate"]["rounds"] = rounds
    tree["promotion"] |= {"min_rows": 50, "min_users": 20, "confidence": 0.5, "max_slice_drop": 1.0}
    return str(yaml.safe_dump(tree, sort_keys=False))


QUESTION = {"user_id": 1, "features": {}}


def ask(address: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://{address}:8000{path}", data, {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
    except OSError as error:
        return 0, {"error": str(error)}


@dataclass
class Up:
    """A service that has come up from nothing; the address of an API pod and its first answer."""

    cluster: Cluster
    api: str
    address: str
    first: dict[str, object]


@pytest.fixture(scope="module")
def up(running: Cluster) -> Up:
    """API, then the seed job, and MLflow as the last: nothing is there at first."""
    api = running.deploy("churn-api")
    address = running.address(api)
    until(lambda: ask(address, "/live")[0] == 200, "the API was alive")
    status, told = ask(address, "/ready")
    assert (status, told["ready"]) == (503, False)
    seed = running.begin("seed-model", params=settings(rounds=2))
    running.deploy("mlflow")
    assert podman("wait", seed).strip() == "0", podman("logs", seed)
    until(lambda: ask(address, "/ready")[0] == 200, "the API was ready")
    return Up(running, api, address, ask(address, "/ready")[1])


def test_a_new_service_answers_and_follows_its_jobs(up: Up) -> None:
    running, address, first = up.cluster, up.address, up.first
    assert (first["source"], first["registry_version"]) == ("mlflow", 1)
    assert "/predict" in json.dumps(ask(address, "/openapi.json")[1])
    model = ask(address, "/model")[1]
    assert model["model_version"] == first["model_version"]
    status, answer = ask(address, "/predict", QUESTION)
    assert status == 200, answer
    assert 0 <= float(str(answer["churn_risk"])) <= 1

    better = settings(rounds=60)
    for job in ("batch-score", "drift-check", "drift-auto-retrain", "high-drift-alert"):
        code, log = running.job(job, params=better)
        assert code == 0, (job, log)
    # The API shares no disk with the jobs.
    found = until(
        lambda: [
            body
            for status, body in (ask(address, f"/users/{n}") for n in range(1, 40))
            if status == 200
        ],
        "the API had the list",
    )
    assert found[0]["reasons"]
    code, log = running.job("weekly-retrain", "retrain", "--reason", "more rounds", params=better)
    assert code == 0, log
    assert "promoted" in log, log
    second = until(
        lambda: (
            (told := ask(address, "/ready")[1])["model_version"] != first["model_version"] and told
        ),
        "the API followed",
    )
    assert second["registry_version"] > first["registry_version"]


def test_a_rolling_update_fails_no_request(up: Up) -> None:
    """Clients keep their connections and try nothing twice; each pod is replaced by a new one."""
    container = up.cluster.container_of("churn-api")
    listed = next(n for n in range(1, 400) if ask(up.address, f"/users/{n}")[0] == 200)
    with service(container["readinessProbe"], 8000) as balanced:
        pods = {up.api: up.address}
        balanced.add(up.address)
        until(lambda: balanced.is_ready(up.address), "the first pod was ready")
        with asking(balanced.address, retries=0) as clients:
            for number in range(2):
                new = up.cluster.deploy("churn-api", replica=f"-{number}")
                address = up.cluster.address(new)
                balanced.add(address)
                until(partial(balanced.is_ready, address), "the new pod was ready")
                assert ask(address, f"/users/{listed}")[0] == 200, "with the list"
                (old, gone) = next(iter(pods.items()))
                balanced.remove_later(gone)
                up.cluster.end(old, "churn-api")
                pods = {new: address}
                code = json.loads(podman("inspect", old))[0]["State"]["ExitCode"]
                assert code == 0, "it ended by itself, in its time"
    up.api, up.address = next(iter(pods.items()))
    assert [client.failed for client in clients] == [[], [], [], []]
    assert sum(client.answered for client in clients) > 500


def test_a_pod_that_is_killed_is_made_up_for_by_the_others(up: Up) -> None:
    """Clients that try again, as ours do, notice nothing; the pod comes back with its model."""
    container = up.cluster.container_of("churn-api")
    other = up.cluster.deploy("churn-api", replica="-other")
    addresses = [up.address, up.cluster.address(other)]
    with service(container["readinessProbe"], 8000) as balanced:
        for address in addresses:
            balanced.add(address)
        until(lambda: all(map(balanced.is_ready, addresses)), "both pods were ready")
        with asking(balanced.address, retries=3) as clients:
            time.sleep(1)
            podman("kill", "--signal", "KILL", other)
            # What a node does; podman gives it another address then.
            podman("wait", other)
            podman("start", other)
            until(lambda: ask(up.cluster.address(other), "/ready")[0] == 200, "it was back")
            balanced.add(up.cluster.address(other))
            time.sleep(1)
    assert [client.failed for client in clients] == [[], [], [], []]
    up.cluster.end(other, "churn-api")


def test_without_mlflow_the_service_goes_on(up: Up) -> None:
    """Requests are answered, a new container has its last model, a day gets its list."""
    podman("stop", "mlflow-pod-0-mlflow")
    until(lambda: ask(up.address, "/ready")[1].get("stale") is True, "the outage was noticed")
    assert ask(up.address, "/ready")[0] == 200
    restart(up.api)
    up.address = up.cluster.address(up.api)
    until(lambda: ask(up.address, "/ready")[0] == 200, "the API was ready from its own disk")
    assert ask(up.address, "/predict", QUESTION)[0] == 200
    code, log = up.cluster.job("batch-score", params=settings(rounds=60))
    assert code == 0, log
    assert "list_shared None" in log
    podman("start", "mlflow-pod-0-mlflow")
    until(lambda: ask(up.address, "/ready")[1].get("stale") is False, "all was as before")


def test_what_mlflow_keeps_can_be_brought_back(up: Up, tmp_path: Path) -> None:
    """The commands of docs/operations.md, while the service runs."""
    mlflow = "mlflow-pod-0-mlflow"
    script = ("python", "/opt/project/scripts/mlflow_data.py")
    before = ask(up.address, "/ready")[1]
    archive = tmp_path / "mlflow.tar"
    with archive.open("wb") as file:
        subprocess.run(["podman", "exec", mlflow, *script, "backup"], stdout=file, check=True)
    with tarfile.open(archive) as kept:
        assert {"mlflow.db", "artifacts"} <= set(kept.getnames())
    lost = "import shutil, os; os.remove('/mlflow/mlflow.db'); shutil.rmtree('/mlflow/artifacts')"
    podman("exec", mlflow, "python", "-c", lost)
    with archive.open("rb") as file:
        back = ["podman", "exec", "-i", mlflow, *script, "restore"]
        subprocess.run(back, stdin=file, check=True, capture_output=True)
    restart(mlflow)
    # A pod that has nothing on its disk gets model and list from what was brought back.
    new = up.cluster.deploy("churn-api", replica="-new")
    address = up.cluster.address(new)
    until(lambda: ask(address, "/ready")[0] == 200, "a new pod was ready")
    for fact in ("model_version", "registry_version"):
        assert ask(address, "/ready")[1][fact] == before[fact]
    up.cluster.end(new, "churn-api")
