"""From a broken thing to the message that wakes somebody: real servers, the repository's files.

The API, MLflow, a Pushgateway, Prometheus, Alertmanager and a webhook run. The commands of some
days run as processes over made-up features and labels, and publish what they did. Then every
question of every rule and panel must have an answer, and what is broken must be told. The tests
build on each other, in their order.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from churn_mlops.monitoring.state_metrics import end_of
from churn_mlops.params import Params, Tracking
from churn_mlops.registry.bundle import copy_bundle
from churn_mlops.registry.champion import production_folder
from churn_mlops.registry.history import PROMOTED, REVERTED, ledger
from tests import mlflow_server
from tests.mlflow_server import free_port
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
from tests.trained import bundle, bundle_folder
from tests.watched import DAYS, day, put_features, watched

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

    def value(self, expression: str) -> float:
        """The only value of an expression."""
        (found,) = self.prometheus.query(expression)
        return float(found["value"][1])

    def until_value(self, value: float, expression: str) -> None:
        """Wait until Prometheus has scraped a value."""
        until(lambda: self.value(expression) == value, f"{expression} is {value}")

    def told(self, path: str, name: str, status: str = "firing") -> dict[str, Any]:
        """Wait for an alert at the webhook."""
        found = until(lambda: self.webhook.alerts(path, name, status), f"{name} is told")
        return dict(found[-1])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with ExitStack() as stack:
        gateway = stack.enter_context(pushgateway(folder / "pushgateway"))
        params = watched(
            folder,
            serving={
                "poll_seconds": 0.2,
                "shadow_share": 1.0,
                "rate_limit": 50.0,
                "rate_limit_burst": 200,
            },
            # No schedule: training is not what this is about.
            monitoring={"publish": {"pushgateway": gateway}, "retrain": {"every_days": None}},
            tracking=Tracking().model_dump(),
            # The event log ends on the last day of the features.
            data={"synthetic": {"users": 60, "days": DAYS}},
        )
        shutil.rmtree(production_folder(params))
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
    # The labels of the first two days are known on the last one.
    for n in (75, 85, DAYS - 1):
        world.churn("batch-score", "--as-of-date", day(n).isoformat())
    world.churn("score-proxy")
    world.churn("performance")
    world.churn("drift-check")
    world.churn("retrain")
    for job in ("drift-check", "drift-auto-retrain", "weekly-retrain"):
        world.churn("job", job)
    meta = bundle("baseline").meta
    challenger = {
        "digest": bundle("baseline").digest,
        "version": bundle("baseline").version,
        "family": meta.family,
    }
    ledger(params).append(
        REVERTED, as_of_date=day(DAYS - 1).isoformat(), reason="lost", evidence={}
    )
    ledger(params).append(PROMOTED, challenger=challenger)
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


def test_users_who_behave_differently_reach_the_webhook_as_drift(world: World) -> None:
    assert world.value("churn_drift_status") == 0
    put_features(world.params, DAYS - 1, logins_7d=lambda logins: logins + 4)
    told = json.loads(world.churn("drift-check", "--json", code=2))
    assert told["facts"]["headline"].startswith("FAIL: logins_7d")
    world.until_value(2, "churn_drift_status")
    alert = world.told("/ticket", "ChurnDriftFailed")
    assert alert["labels"] == {"alertname": "ChurnDriftFailed", "severity": "ticket"}
    assert alert["annotations"]["runbook_url"] == f"{RUNBOOK}#churndriftfailed"
    assert alert["annotations"]["dashboard_url"].endswith("/d/churn-data-and-drift")
    # A verdict is work that was done, and the source is not to blame.
    assert world.value('churn_stage_exit_code{stage="drift_check"}') == 2
    assert world.value('churn_drift_findings{check="CHN411",level="FAIL"}') == 1
    assert world.prometheus.query('ALERTS{alertname=~"ChurnStageFailed|ChurnFeedBroken"}') == []


def test_what_is_published_is_what_the_files_say(world: World) -> None:
    folder = Path(world.params.paths.artifacts) / "monitoring"
    body = json.loads((folder / "performance_latest.json").read_text())
    assert body["realised"]["as_of_date"] == day(85).isoformat()
    for metric in ("pr_auc", "roc_auc"):
        chosen = f'{{metric="{metric}"}}'
        realised, said = body["realised"][metric], body["estimated"][metric]
        assert world.value(f"churn_performance_realised{chosen}") == realised["value"]
        assert world.value(f"churn_performance_floor{chosen}") == body["floors"][metric]
        low = f'churn_performance_estimated{{metric="{metric}", bound="low"}}'
        assert world.value(low) == said["low"]
    scores = json.loads((folder / "score_proxy_latest.json").read_text())
    assert world.value("churn_batch_users") == scores["users"]
    assert world.value("churn_batch_risk_psi") == scores["risk_psi"]
    drift = json.loads((folder / f"drift/{day(DAYS - 1)}.json").read_text())
    assert world.value("churn_drift_users") == drift["users"] == scores["users"]
    assert world.value("churn_drift_risk_psi") == pytest.approx(drift["risk"]["psi"])


def test_every_panel_has_data(world: World) -> None:
    found = {
        where: unanswered(world.prometheus, expression, must_give=True)
        for where, expression in panels()
    }
    assert len(found) > 60
    assert {where: missing for where, missing in found.items() if missing} == {}


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


def test_a_column_that_vanishes_reaches_the_webhook_as_a_fault_of_the_source(world: World) -> None:
    put_features(world.params, DAYS - 1, watch_minutes_7d=None)
    said = world.churn("drift-check", code=2)
    assert said.startswith("FAIL: watch_minutes_7d is gone")
    world.churn("batch-score", code=12)
    alert = world.told("/ticket", "ChurnFeedBroken")
    assert alert["labels"] == {
        "alertname": "ChurnFeedBroken",
        "severity": "ticket",
        "check": "CHN401",
    }
    notes = alert["annotations"]
    assert notes["summary"] == "The features are broken at their source: CHN401 in 1 place(s)"
    assert "do not train" in notes["description"]
    assert notes["runbook_url"] == f"{RUNBOOK}#churnfeedbroken"
    assert world.told("/ticket", "ChurnStageFailed")["labels"]["stage"] == "batch_score"
    # The list of before stays as it was.
    assert world.value("churn_batch_day_timestamp_seconds") == end_of(day(DAYS - 1))


def test_everything_that_a_rule_asks_for_is_there(world: World) -> None:
    found = {
        # What is recorded gives a number; an alert gives one only when it fires.
        name: unanswered(world.prometheus, expression, must_give=":" in name)
        for name, expression in rules()
        # That Kubernetes gave a job up is told by kube-state-metrics, which watches a cluster.
        if name != "ChurnJobFailed"
    }
    assert len(found) > 35
    assert {name: missing for name, missing in found.items() if missing} == {}


def test_a_mended_source_is_told_as_resolved(world: World) -> None:
    put_features(world.params, DAYS - 1)
    assert world.churn("drift-check").startswith("OK: ")
    world.churn("batch-score")
    world.told("/ticket", "ChurnFeedBroken", "resolved")
    world.told("/ticket", "ChurnStageFailed", "resolved")
    world.until_value(0, "churn_drift_status")
    assert world.prometheus.query("churn_drift_findings") == []


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
