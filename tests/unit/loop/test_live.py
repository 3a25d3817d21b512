import json
from datetime import date
from types import SimpleNamespace

import pytest

from churn_mlops.errors import QuarantineError
from churn_mlops.loop.live import told_of_day, told_of_decision
from churn_mlops.params import Params
from churn_mlops.summary import Summary

DAY = date(2025, 5, 3)


@pytest.fixture
def params(tmp_path):
    paths = {"data": str(tmp_path / "data"), "artifacts": str(tmp_path / "artifacts")}
    return Params.model_validate({"paths": paths})


def write(path, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body))


def test_a_day_tells_what_its_files_say(params, tmp_path):
    folder = tmp_path / "artifacts/monitoring"
    estimated = {"pr_auc": {"value": 0.9, "low": 0.8, "high": 0.95}}
    write(folder / "performance_latest.json", {"as_of_date": str(DAY), "estimated": estimated})
    checked = {"as_of_date": str(DAY), "status": "WARN", "headline": "WARN: x moved"}
    write(folder / f"drift/{DAY}.json", checked)
    told = told_of_day(params, DAY, None)
    assert (told["drift"], told["headline"]) == ("WARN", "WARN: x moved")
    assert [told[f"pr_auc_{n}"] for n in ("estimated", "low", "high")] == [0.9, 0.8, 0.95]
    assert told["validation"] == "ok"
    assert (told["users"], told["risk_mean"]) == (0, None)


def test_files_of_other_days_say_nothing(params, tmp_path):
    estimated = {"pr_auc": {"value": 0.9, "low": 0.8, "high": 0.95}}
    body = {"as_of_date": "2025-05-02", "estimated": estimated}
    write(tmp_path / "artifacts/monitoring/performance_latest.json", body)
    told = told_of_day(params, DAY, QuarantineError("CHN105: 8 % of rows"))
    assert told["pr_auc_estimated"] is None
    assert told["drift"] is None
    assert told["headline"] == told["validation"] == "CHN105: 8 % of rows"


def entry(action, **facts):
    return SimpleNamespace(action=action, facts=facts)


def test_a_decision_is_told_with_what_the_gate_said():
    triggers = [{"kind": "drift", "text": "3 of 5"}]
    trained = {"decision": "promoted", "reason": "+0.02", "version": "b"}
    facts = {"action": "retrain", "triggers": triggers, "checks": [], "trained": trained}
    told = told_of_decision(
        Summary("retrain", facts=facts), [entry("promoted"), entry("retrained")]
    )
    assert (told["decision"], told["gate"], told["promoted"]) == ("retrain", "promoted", True)
    assert told["trigger"] == "drift: 3 of 5"
    assert told["reason"] == "promoted: +0.02"
    assert told["reverted"] is False


def test_so_are_waiting_and_going_back():
    checks = [{"check": "CHN503", "passed": False, "text": "2 mature days"}]
    facts = {"action": "wait", "reason": "CHN503", "triggers": [], "checks": checks}
    told = told_of_decision(Summary("retrain", facts=facts), [entry("retrain_waited")])
    assert (told["decision"], told["gate"], told["checks"]) == ("wait", None, checks)
    back = told_of_decision(
        Summary("retrain", facts={"action": "nothing", "reason": "no reason"}),
        [entry("reverted", reason="the one before is better"), entry("rolled_back")],
    )
    assert back["reverted"] is True
    assert back["reason"] == "the one before is better"
