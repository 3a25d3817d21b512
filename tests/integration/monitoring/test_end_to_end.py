"""From a broken thing to the message that wakes somebody: real servers, the repository's files.

The API, MLflow, a Pushgateway, Prometheus, Alertmanager and a webhook run; commands publish what
they did. Then every question of every rule and panel must have an answer, and what is broken must
be told.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from churn_mlops.monitoring.publish import publish_stage
from churn_mlops.monitoring.stage_metrics import StageRun
from churn_mlops.params import Params
from churn_mlops.registry.bundle import copy_bundle
from churn_mlops.registry.champion import production_folder
from churn_mlops.registry.history import PROMOTED, ledger
from tests import mlflow_server
from tests.mlflow_server import free_port
from tests.monitored import FILES, write_file
from tests.monitoring_servers import (
    CONFIGURATION,
    Prometheus,
    Webhook,
    alertmanager,
    prometheus,
    pushgateway,
    until,
    webhook,
)
from tests.promql import selectors
from tests.served import Server, served
from tests.serving import golden_request
from tests.trained import bundle, bundle_folder, params_in, trained

pytestmark = pytest.mark.slow
RUNBOOK = "https://github.com/TechITFactory/churn-mlops-prod-v2/blob/main/docs/runbook.md"
CHURN = (sys.executable, "-c", "from churn_mlops.cli import main; main()")


@dataclass(frozen=True)
class World:
    """Everything that runs."""

    folder: Path
    params: Params
    api: Server
    prometheus: Prometheus
    webhook: Webhook

    def churn(self, *arguments: str, code: int = 0) -> str:
        """Run a command in the workspace."""
        done = subprocess.run(
            [*CHURN, *arguments], cwd=self.folder, capture_output=True, text=True, env=os.environ
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "metrics were not published" not in done.stderr
        return done.stdout

    def told(self, path: str, name: str, status: str = "firing") -> dict[str, Any]:
        """Wait for an alert at the webhook."""
        found = until(lambda: self.webhook.alerts(path, name, status), f"{name} is told")
        return dict(found[-1])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with ExitStack() as stack:
        gateway = stack.enter_context(pushgateway(folder / "pushgateway"))
        params = params_in(
            folder,
            serving={
                "poll_seconds": 0.2,
                "shadow_share": 1.0,
                "rate_limit": 50.0,
                "rate_limit_burst": 200,
            },
            monitoring={"publish": {"pushgateway": gateway}},
            tracking={},
            data={"synthetic": {"users": 60, "days": 60}},
        )
        (folder / "params.yaml").write_text(yaml.safe_dump(params.model_dump(mode="json")))
        copy_bundle(bundle_folder("candidate"), Path(params.paths.artifacts) / "models/candidate")
        hook = stack.enter_context(webhook())
        place = folder / "mlflow"
        place.mkdir()
        metrics = ("--serve-artifacts", "--expose-prometheus", str(place / "metrics"))
        mlflow, _ = stack.enter_context(mlflow_server.running(place, None, *metrics))
        api = stack.enter_context(served(params, ready=False))
        ports = {
            8000: _port(api.address),
            9091: _port(gateway),
            5000: _port(mlflow),
            9093: free_port(),
            9095: hook.port,
        }
        stack.enter_context(alertmanager(folder / "alertmanager", ports[9093], ports))
        asked = stack.enter_context(prometheus(folder / "prometheus", free_port(), ports))
        made = World(folder, params, api, asked, hook)
        _use(made, mlflow)
        yield made


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _use(world: World, mlflow: str) -> None:
    """Do with the system what people and jobs do, good and bad, so that everything is counted."""
    _ask_mlflow(mlflow)
    body, _ = golden_request("baseline")
    assert world.api.post("/predict", body).status_code == 503
    until(lambda: world.prometheus.has('churn_api_requests_total{status="503"}'), "503 is seen")
    copy_bundle(bundle_folder("baseline"), production_folder(world.params))
    world.api.until(lambda: world.api.get("/ready").status_code == 200)
    _run_jobs(world)
    _ask(world.api, body)
    _refuse(world)
    # Rates need a second look at each of them.
    for _ in range(2):
        _ask(world.api, body)
        _ask_mlflow(mlflow)
        world.prometheus.wait_for_scrapes(2)


def _ask_mlflow(url: str) -> None:
    place = f"{url}/api/2.0/mlflow/experiments/search"
    assert httpx.post(place, json={"max_results": 1}, timeout=30).status_code == 200


def _ask(api: Server, body: dict[str, Any]) -> None:
    """Requests as they come: whole, with gaps, out of range, unseen, and too many."""
    assert api.post("/predict", body).status_code == 200
    odd = {**body["features"], "logins_count": 1e6, "plan": "never seen"}
    del odd["watch_minutes_30d"]
    answer = api.post("/predict", {**body, "features": odd}).json()
    assert answer["imputed"]
    assert answer["out_of_range"]
    assert answer["unseen"]
    with httpx.Client(base_url=api.address, timeout=30) as client:
        codes = [client.post("/predict", json=body).status_code for _ in range(300)]
    assert 429 in codes
    assert api.get("/model").status_code in (200, 429)


def _refuse(world: World) -> None:
    """Put a damaged champion in place, wait until it is refused, put a sound one back."""
    production = production_folder(world.params)
    damaged = world.folder / "damaged"
    shutil.copytree(bundle_folder("candidate"), damaged)
    sums = (damaged / "SHA256SUMS").read_text()
    # Another model than all that the API has in memory.
    (damaged / "SHA256SUMS").write_text("0" * 64 + sums[64:])
    shutil.rmtree(production)
    damaged.rename(production)
    seen = 'churn_api_model_refusals_total{reason="damaged"}'
    until(lambda: world.prometheus.has(seen), "the refusal is seen")
    shutil.rmtree(production)
    copy_bundle(bundle_folder("baseline"), production)


def _run_jobs(world: World) -> None:
    params = world.params
    world.churn("generate-data")
    world.churn("validate-data")
    features = Path(trained()[0].paths.data) / "features"
    (Path(params.paths.data) / "features").symlink_to(features)
    world.churn("batch-score")
    meta = bundle("baseline").meta
    challenger = {
        "digest": bundle("baseline").digest,
        "version": bundle("baseline").version,
        "family": meta.family,
    }
    ledger(params).append(PROMOTED, challenger=challenger)
    for name in FILES:
        write_file(params, name)
    publish_stage(params, StageRun("drift_check", time.time(), 2.0, 3, True, {"users": 1311}))
    assert json.loads(world.churn("publish", "--json"))["rows"]["values"] > 40


def panels() -> list[tuple[str, str]]:
    """Every expression of every panel, with where it stands."""
    found = []
    for path in sorted(CONFIGURATION.glob("grafana-provisioning/dashboards/*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                where = f"{path.stem}: {panel['title']} {target['refId']}"
                found.append((where, target["expr"]))
    return found


def rules() -> list[tuple[str, str]]:
    """Every expression of every rule, with its name."""
    return [
        (rule.get("alert") or rule["record"], rule["expr"])
        for path in sorted(CONFIGURATION.glob("rules/*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


def unanswered(asked: Prometheus, expression: str, *, must_give: bool) -> list[str]:
    """What of an expression Prometheus has never heard of; also whether it gives nothing."""
    found = [selector for selector in selectors(expression) if not asked.has(selector)]
    if must_give and not asked.query(expression):
        found.append("no data")
    return found


def test_every_target_is_scraped(world: World) -> None:
    up = {one["metric"]["job"]: one["value"][1] for one in world.prometheus.query("up")}
    assert up == dict.fromkeys(("churn-api", "pushgateway", "mlflow", "prometheus"), "1")


def test_a_failed_validation_reaches_the_webhook_of_tickets(world: World) -> None:
    raw = Path(world.params.paths.data) / "raw/users.csv"
    lines = raw.read_text().splitlines()
    raw.write_text("\n".join([*lines, *(["not a number,,,,,"] * 20)]) + "\n")
    world.churn("validate-data", code=13)
    alert = world.told("/ticket", "ChurnValidationFailed")
    assert alert["labels"] == {
        "alertname": "ChurnValidationFailed",
        "severity": "ticket",
        "stage": "validate_data",
    }
    notes = alert["annotations"]
    assert notes["summary"] == "The data did not pass the gate: exit code 13"
    assert notes["runbook_url"] == f"{RUNBOOK}#churnvalidationfailed"
    # The report has the reason, and it is published, too.
    ratio = 'churn_validation_quarantined_ratio{table="users"} > 0.2'
    until(lambda: world.prometheus.query(ratio), "the quarantine is seen")
    (first,) = world.prometheus.query(
        'churn_stage_last_run_timestamp_seconds{stage="validate_data"}'
        ' > churn_stage_last_success_timestamp_seconds{stage="validate_data"}'
    )
    assert first["metric"]["stage"] == "validate_data"


def test_every_panel_has_data(world: World) -> None:
    found = {
        where: unanswered(world.prometheus, expression, must_give=True)
        for where, expression in panels()
    }
    assert len(found) > 60
    assert {where: missing for where, missing in found.items() if missing} == {}


def test_everything_that_a_rule_asks_for_is_there(world: World) -> None:
    found = {
        # What is recorded gives a number; an alert gives one only when it fires.
        name: unanswered(world.prometheus, expression, must_give=":" in name)
        for name, expression in rules()
    }
    assert len(found) > 35
    assert {name: missing for name, missing in found.items() if missing} == {}


@pytest.mark.parametrize(
    "expression",
    [
        "churn_drift_made_up",
        'churn_stage_exit_code{stage="made_up"}',
        "sum(rate(churn_api_made_up_total[5m])) or vector(0)",
        "max(churn_drift_status) > 0 and on () max(churn_made_up) < 1",
    ],
)
def test_a_metric_that_is_not_there_is_noticed(world: World, expression: str) -> None:
    assert unanswered(world.prometheus, expression, must_give=False) != []


def test_a_mended_validation_is_told_as_resolved(world: World) -> None:
    world.churn("generate-data")
    world.churn("validate-data")
    alert = world.told("/ticket", "ChurnValidationFailed", "resolved")
    assert alert["labels"]["stage"] == "validate_data"
    code = 'churn_stage_exit_code{stage="validate_data"}'
    assert [one["value"][1] for one in world.prometheus.query(code)] == ["0"]


def test_an_api_that_is_gone_reaches_the_webhook_of_pages(world: World) -> None:
    """The last test of this file: nothing answers after it."""
    assert world.webhook.alerts("/page", "ChurnApiDown") == []
    assert world.api.end() == 0
    alert = world.told("/page", "ChurnApiDown")
    assert alert["labels"] == {"alertname": "ChurnApiDown", "severity": "page"}
    assert alert["annotations"]["summary"] == "The API does not answer"
    assert alert["annotations"]["runbook_url"] == f"{RUNBOOK}#churnapidown"
    assert alert["annotations"]["dashboard_url"].endswith("/d/churn-service")
    assert world.webhook.alerts("/ticket", "ChurnApiDown") == []
