"""The images build, hold what they should, and the manifests' pods run on them and converge."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
import yaml

from tests.images.cluster import Cluster, built, cluster, podman
from tests.manifests.objects import ROOT
from tests.monitoring_servers import PATIENCE_SECONDS, until

pytestmark = pytest.mark.slow
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


def test_a_new_service_comes_up_in_any_order_and_follows_its_jobs(running: Cluster) -> None:
    """Nothing is there at first: API, then the seed job, and MLflow as the last."""
    api = running.deploy("churn-api")
    address = running.address(api)
    until(lambda: ask(address, "/live")[0] == 200, "the API was alive")
    status, told = ask(address, "/ready")
    assert (status, told["ready"]) == (503, False)
    seed = running.begin("seed-model", params=settings(rounds=2))
    running.deploy("mlflow")
    assert podman("wait", seed).strip() == "0", podman("logs", seed)
    until(lambda: ask(address, "/ready")[0] == 200, "the API was ready")
    first = ask(address, "/ready")[1]
    assert (first["source"], first["registry_version"]) == ("mlflow", 1)

    document = ask(address, "/openapi.json")[1]
    text = json.dumps(document)
    assert "/predict" in text
    model = ask(address, "/model")[1]
    assert model["model_version"] == first["model_version"]
    status, answer = ask(address, "/predict", {"user_id": 1, "features": {}})
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
