"""docker-compose.yml comes up, trains a model, serves it and watches itself; Grafana apart."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.images.cluster import HERE, built
from tests.integration.tools import require_tool
from tests.manifests.objects import ROOT, plain_objects
from tests.mlflow_server import free_port
from tests.monitoring_servers import until

FILE = ROOT / "docker-compose.yml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
SERVERS = ("churn-api", "mlflow", "prometheus", "alertmanager", "pushgateway")
PORTS = ("API", "MLFLOW", "PROMETHEUS", "ALERTMANAGER", "PUSHGATEWAY")
OURS = "churn-api", "churn-ml"


def settings(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (one,) = [o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name]
    return one


def test_everything_listens_on_this_machine_and_has_its_port() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 6
    assert all(re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-(\d+)\}:\1", port) for port in ports)


def test_images_are_those_of_kubernetes_and_no_password_is_given() -> None:
    images = {service["image"] for service in SERVICES.values()}
    assert {i for i in images if ":$" in i} == {f"{name}:${{CHURN_TAG:-dev}}" for name in OURS}
    foreign = images - {i for i in images if ":$" in i}
    assert all(re.fullmatch(r"docker\.io/[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", i) for i in foreign)
    pushgateway = settings(plain_objects(), "Deployment", "pushgateway")
    (container,) = pushgateway["spec"]["template"]["spec"]["containers"]
    assert container["image"] in foreign
    assert not re.search(r"password\s*[:=]\s*[^\s$]", FILE.read_text(), re.IGNORECASE)


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges"]


def test_settings_are_those_of_kubernetes() -> None:
    objects = plain_objects()
    given = settings(objects, "ConfigMap", "churn-config")["data"]
    pairs = [
        line.split("=", 1)
        for line in (ROOT / "docker/compose/churn.env").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert dict(pairs) == given
    mlflow = settings(objects, "ConfigMap", "mlflow-config")["data"]
    same = {k: v for k, v in SERVICES["mlflow"]["environment"].items() if "HOSTS" not in k}
    assert same == {k: v for k, v in mlflow.items() if "HOSTS" not in k}
    published = settings(objects, "ConfigMap", "churn-publish")["data"]
    for job in ("seed", "job"):
        assert SERVICES[job]["environment"] == published
    api = settings(objects, "Deployment", "churn-api")["spec"]["template"]["spec"]
    (container,) = api["containers"]
    wanted = {pair["name"]: pair["value"] for pair in container["env"]}
    assert SERVICES["churn-api"]["environment"] == wanted


def test_prometheus_scrapes_what_it_does_without_compose() -> None:
    files = ("monitoring/prometheus.yml", "docker/compose/prometheus.yml")
    alone, here = (yaml.safe_load((ROOT / file).read_text()) for file in files)
    for one in (alone, here):
        for job in one["scrape_configs"]:
            for group in job["static_configs"]:
                group["targets"] = len(group["targets"])
        one.pop("alerting")
    assert here == alone
    sources = ("monitoring/grafana-provisioning/datasources/prometheus.yml",)
    for path in (*sources, "docker/compose/datasource.yml"):
        (source,) = yaml.safe_load((ROOT / path).read_text())["datasources"]
        assert source["uid"] == "churn-prometheus"


@pytest.fixture(scope="module")
def up() -> Iterator[dict[str, str]]:
    """Everything but Grafana, on free ports; the addresses by name."""
    built()
    done = subprocess.run([str(HERE / "servers.sh")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ports = {name: str(free_port()) for name in PORTS}
    environment = {f"{name}_PORT": port for name, port in ports.items()}
    compose(environment, "up", "-d", *SERVERS)
    try:
        yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()} | environment
    finally:
        compose(environment, "--profile", "seed", "--profile", "jobs", "down", "-v")


def compose(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [require_tool("podman-compose"), *arguments],
        cwd=ROOT,
        env=os.environ | {"CONTAINERS_CONF": str(HERE / "containers.conf")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-4_000:]
    return done.stdout


def get(address: str, path: str) -> Any:
    """The answer's JSON; None while there is no good one."""
    try:
        answer = httpx.get(f"{address}{path}", timeout=30)
        return answer.json() if answer.is_success else None
    except (httpx.TransportError, json.JSONDecodeError):
        return None


def query(address: str, expression: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{address}/api/v1/query", params={"query": expression}, timeout=30)
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def test_it_comes_up_trains_serves_and_watches_itself(up: dict[str, str], tmp_path: Path) -> None:
    environment = {name: value for name, value in up.items() if name.endswith("_PORT")}
    assert get(up["API"], "/ready") is None, "there is no model yet"
    compose(environment, "--profile", "seed", "run", "--rm", "seed")
    ready = until(lambda: get(up["API"], "/ready"), "the API was ready")
    assert (ready["source"], ready["registry_version"]) == ("mlflow", 1)
    body = {"user_id": 1, "features": {}}
    answer = httpx.post(f"{up['API']}/predict", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    batch = ("run", "--rm", "job", "batch-score", "--project", "/opt/project")
    compose(environment, "--profile", "jobs", *batch)

    def scraped() -> set[str]:
        return {one["metric"]["job"] for one in query(up["PROMETHEUS"], "up == 1")}

    wanted = {"churn-api", "mlflow", "pushgateway", "prometheus"}
    until(lambda: scraped() == wanted, f"{wanted} were up")
    until(
        lambda: query(up["PROMETHEUS"], 'churn_stage_exit_code{stage="job_batch_score"} == 0'),
        "Prometheus knew of the job",
    )
    until(lambda: query(up["PROMETHEUS"], "churn_api:requests:rate5m"), "a rule was evaluated")
    managers = get(up["PROMETHEUS"], "/api/v1/alertmanagers")["data"]
    assert [one["url"] for one in managers["activeAlertmanagers"]] == [
        "http://alertmanager:9093/api/v2/alerts"
    ]
    status = get(up["ALERTMANAGER"], "/api/v2/status")
    assert "ChurnFeedBroken" in status["config"]["original"], "our routes and inhibitions"
