"""The files in monitoring/: complete, consistent with each other, with the docs and the code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn_mlops.api.metrics import Metrics
from churn_mlops.data.checks import BY_NUMBER, DRIFT_CHECKS
from churn_mlops.monitoring.gauges import STAGE, STATE
from churn_mlops.params import Params
from tests.promql import selectors

ROOT = Path(__file__).parents[2]
RULES = {path.name: yaml.safe_load(path.read_text()) for path in ROOT.glob("monitoring/rules/*")}
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in RULES["alerts.yml"]["groups"] for rule in group["rules"]
}
RECORDED = [r["record"] for g in RULES["recording.yml"]["groups"] for r in g["rules"]]
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.name: json.loads(path.read_text())
    for path in sorted(ROOT.glob("monitoring/grafana-provisioning/dashboards/*.json"))
}
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
ADDRESS = "https://github.com/TechITFactory/churn-mlops-prod-v2/blob/main/docs/runbook.md"
# Of servers that are not ours; the end-to-end test asks them for these.
FOREIGN = {
    *("up", "ALERTS", "push_time_seconds", "mlflow_http_request_total"),
    "prometheus_rule_evaluation_failures_total",
    *("kube_job_failed", "kube_job_status_start_time"),
}


def cases(name: str) -> list[bool]:
    """Of each test of an alert, whether it must fire."""
    return [
        bool(case["exp_alerts"])
        for path in ROOT.glob("tests/alerts/*.yml")
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test.get("alert_rule_test", [])
        if case["alertname"] == name
    ]


def known() -> set[str]:
    """Every metric that our code exposes."""
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    Metrics(registry)
    names = set(registry._names_to_collectors)
    return names | {gauge.name for gauge in (*STAGE, *STATE)} | set(RECORDED) | FOREIGN


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_is_tested_both_ways(name: str) -> None:
    assert set(cases(name)) == {True, False}


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_is_labelled_and_explained(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in ("page", "ticket")
    notes = rule["annotations"]
    assert notes.keys() == {"summary", "description", "runbook_url", "dashboard_url"}
    assert notes["runbook_url"] == f"{ADDRESS}#{name.lower()}"
    uids = {dashboard["uid"] for dashboard in DASHBOARDS.values()}
    assert notes["dashboard_url"].removeprefix("http://127.0.0.1:3000/d/") in uids


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_has_its_section_in_the_runbook(name: str) -> None:
    (section,) = re.findall(rf"(?ms)^## {name}$(.*?)(?=^## |\Z)", RUNBOOK)
    severity = ALERTS[name]["labels"]["severity"]
    assert f"*{severity}*" in section
    for part in ("What it means", "What users notice", "First look", "Likely causes", "Mend"):
        assert f"**{part}.**" in section, part
    assert ("**It may wait.**" in section) == (severity == "ticket")


def test_the_runbook_knows_no_other_alert() -> None:
    assert set(re.findall(r"(?m)^## (Churn\w+)$", RUNBOOK)) == set(ALERTS)


def commands(page: str) -> list[str]:
    """The commands that a page of docs/ prints, one a line."""
    text = (ROOT / "docs" / page).read_text()
    blocks = "\n".join(re.findall(r"(?ms)^```bash\n(.*?)^```$", text))
    inline = re.findall(r"`((?:churn|dvc|promtool|amtool) [^`]+)`", text.replace("\n", " "))
    return [*blocks.splitlines(), *inline]


@pytest.mark.parametrize("page", ["runbook.md", "monitoring.md", "jobs.md"])
def test_every_command_that_is_printed_exists(page: str) -> None:
    reference = (ROOT / "docs/cli.md").read_text()
    sections = dict(re.findall(r"(?ms)^## `churn ([\w -]+)`$(.*?)(?=^## |\Z)", reference))
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for command in commands(page):
        for name, rest in re.findall(r"\bchurn (job [a-z-]+|[a-z-]+)([^&|;#]*)", command):
            if name == "job --help":
                continue
            assert name in sections, command
            for option in re.findall(r"--[\w-]+", rest):
                assert f"`{option}" in sections[name] or f", {option}" in sections[name], command
        for words in re.findall(r"\bdvc repro((?: [a-z_]+)*)", command):
            assert set(words.split()) <= set(stages), command
        for path in re.findall(r"(?<![\w/])(?:monitoring|tests)/[\w./-]+\w", command):
            assert (ROOT / path).exists(), command


@pytest.mark.parametrize("page", ["runbook.md", "monitoring.md"])
def test_every_question_that_is_printed_asks_for_metrics_that_exist(page: str) -> None:
    asked = [c for c in commands(page) if c.startswith("promtool query")]
    assert asked
    for command in asked:
        (expression,) = re.findall(r"'(.+)'", command)
        names = {selector.partition("{")[0] for selector in selectors(expression)}
        assert names
        assert names <= known(), command


def test_alertmanager_names_only_alerts_that_exist() -> None:
    text = (ROOT / "monitoring/alertmanager.yml").read_text()
    for pattern in re.findall(r"Churn[\w.*]*", text):
        assert any(re.fullmatch(pattern, name) for name in ALERTS), pattern


def test_prometheus_reads_exactly_the_rules_that_are_there() -> None:
    config = yaml.safe_load((ROOT / "monitoring/prometheus.yml").read_text())
    assert sorted(config["rule_files"]) == sorted(f"rules/{name}" for name in RULES)


def test_everything_listens_on_this_machine_only() -> None:
    for path in ROOT.glob("monitoring/**/*.yml"):
        for address in re.findall(r"[\w.]+:\d{4,5}\b", path.read_text()):
            assert address.startswith("127.0.0.1:"), (path, address)


def expressions() -> list[str]:
    rules = [r["expr"] for file in RULES.values() for g in file["groups"] for r in g["rules"]]
    return rules + [
        target["expr"]
        for dashboard in DASHBOARDS.values()
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_that_is_asked_for_is_exposed(expression: str) -> None:
    names = {selector.partition("{")[0] for selector in selectors(expression)}
    assert names
    assert names <= known()


def test_a_made_up_metric_is_found() -> None:
    (selector,) = selectors("sum(rate(churn_api_made_up_total[5m]))")
    assert selector not in known()


def test_the_thresholds_of_rules_and_panels_are_those_of_the_parameters() -> None:
    drift, gate = Params().monitoring.drift, Params().validation.max_quarantine_share
    assert f"> {gate / 2}" in ALERTS["ChurnQuarantineRising"]["expr"]

    def steps(file: str, title: str) -> list[float]:
        (panel,) = [p for p in DASHBOARDS[file]["panels"] if p["title"] == title]
        return [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]

    page = "data_and_drift.json"
    assert steps(page, "Columns over time") == [None, drift.warn_psi, drift.fail_psi]
    assert steps(page, "All columns together") == [None, drift.warn_auc, drift.fail_auc]
    assert steps(page, "Set aside") == [None, gate / 2, gate]


def test_a_broken_feed_is_exactly_what_the_upstream_checks_find() -> None:
    rule = ALERTS["ChurnFeedBroken"]
    (pattern,) = re.findall(r'check=~"([^"]+)"', rule["expr"])
    upstream = {check.number: check.name for check in DRIFT_CHECKS if check.kind == "upstream"}
    found = {number for number in BY_NUMBER if re.fullmatch(pattern, number)}
    assert found == set(upstream)
    for number, name in upstream.items():
        assert re.search(rf"{number} [a-z ]*{name.split()[-1]}", rule["annotations"]["description"])


def test_the_dashboards_are_the_generated_ones(tmp_path: Path) -> None:
    script = str(ROOT / "scripts/dashboards.py")
    subprocess.run([sys.executable, script, str(tmp_path)], check=True, capture_output=True)
    written = {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    assert written == DASHBOARDS, "run python scripts/dashboards.py"


def test_dashboards_have_uids_of_their_own_and_point_to_each_other() -> None:
    assert len(DASHBOARDS) == 4
    uids = [dashboard["uid"] for dashboard in DASHBOARDS.values()]
    assert len(set(uids)) == len(uids)
    for dashboard in DASHBOARDS.values():
        assert dashboard["tags"] == ["churn"]
        by_tag, runbook = dashboard["links"]
        assert (by_tag["type"], by_tag["tags"]) == ("dashboards", ["churn"])
        assert runbook["url"] == ADDRESS


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_is_whole(name: str) -> None:
    source = yaml.safe_load(
        (ROOT / "monitoring/grafana-provisioning/datasources/prometheus.yml").read_text()
    )["datasources"][0]
    wanted = {"type": source["type"], "uid": source["uid"]}
    panels = DASHBOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    places = [tuple(panel["gridPos"].values()) for panel in panels]
    assert len(set(places)) == len(places)
    for panel in panels:
        assert panel["datasource"] == wanted
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert panel["targets"]
        for target in panel["targets"]:
            assert target["datasource"] == wanted
            assert "$" not in target["expr"]
        for link in panel.get("links", []):
            page, _, anchor = link["url"].partition("#")
            assert page == ADDRESS
            assert anchor in {alert.lower() for alert in ALERTS}
