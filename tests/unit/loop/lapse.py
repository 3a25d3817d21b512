"""Days of a time lapse for tests."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from churn_mlops.loop.diary import Day

BEGIN = date(2025, 5, 1)
WAITS = ({"check": "CHN503", "passed": False, "binding": True, "text": "too few labels"},)


def day(number: int, **over: Any) -> Day:
    """A quiet day; `number` counts from the first."""
    values: dict[str, Any] = {
        "day": (BEGIN + timedelta(days=number)).isoformat(),
        "users": 100,
        "risk_mean": 0.1,
        "risk_expected_churn": 10.0,
        "churn_true": 0.11,
        "oracle_pr_auc": 0.98,
        "pr_auc_estimated": 0.9,
        "pr_auc_low": 0.85,
        "pr_auc_high": 0.95,
        "pr_auc_realised": 0.92,
        "drift": "OK",
        "headline": "OK: looks like the reference",
        "validation": "ok",
        "decision": "nothing",
        "trigger": "",
        "reason": "no reason to train",
        "champion": "a" * 12,
        "promoted": False,
        "reverted": False,
        "seconds": 1.5,
    }
    return Day(**values | over)


def waits(number: int, *checks: str) -> Day:
    """A day on which a training waits."""
    held = [{**WAITS[0], "check": check} for check in checks or ("CHN503",)]
    return day(number, decision="wait", drift="FAIL", trigger="drift: moved", checks=held)


def trains(number: int, gate: str, champion: str) -> Day:
    """A day on which a model was trained."""
    return day(
        number,
        decision="retrain",
        gate=gate,
        promoted=gate == "promoted",
        champion=champion,
        reason=f"{gate}: +0.02",
    )
