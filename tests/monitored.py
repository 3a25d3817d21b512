"""The files that monitoring reads, as the commands write them, with realistic content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from churn_mlops.data.calendar import report_path
from churn_mlops.params import Params
from tests.conftest import merge

DAY = "2025-04-30"
VALIDATION: dict[str, Any] = {
    "status": "passed",
    "calendar": {"first_day": "2025-01-01", "last_day": DAY},
    "tables": {
        "users": {
            "rows_in": 2000,
            "rows_ok": 1998,
            "rows_quarantined": 2,
            "quarantine_share": 0.001,
            "checks": {"CHN113": 2},
        },
        "events": {
            "rows_in": 317742,
            "rows_ok": 317742,
            "rows_quarantined": 0,
            "quarantine_share": 0.0,
            "checks": {},
        },
    },
}
DRIFT: dict[str, Any] = {
    "as_of_date": DAY,
    "status": "WARN",
    "headline": "WARN: 1,311 users to score on 2025-04-30, but 1,790 on a usual day of the last 28;"
    " 2 more",
    "users": 1311,
    "model_version": "57a7a8b792bf",
    "reference": {
        "first_day": "2025-03-14",
        "last_day": "2025-03-31",
        "days": 18,
        "rows": 20717,
        "users": 1211,
        "compared": "each day of the reference",
    },
    "findings": [
        {"check": check, "level": "WARN", "column": column, "text": "", "upstream": upstream}
        for check, column, upstream in (
            ("CHN404", None, True),
            ("CHN411", "watch_minutes_7d", False),
            ("CHN411", "logins_7d", False),
        )
    ],
    "muted": [],
    "columns": [
        {
            "column": name,
            "psi": psi,
            "chance_psi": 0.02,
            "p_value": 0.001,
            "importance": 0.3,
            "score": psi,
            "level": level,
            "text": "",
        }
        for name, psi, level in (
            ("watch_minutes_7d", 0.18, "WARN"),
            ("logins_7d", 0.12, "WARN"),
            ("country", 0.01, "OK"),
            ("days_since_signup", 0.9, "MUTED"),
        )
    ],
    "risk": {
        "psi": 0.04,
        "chance_psi": 0.02,
        "p_value": 0.2,
        "level": "OK",
        "mean": 0.31,
        "reference_mean": 0.29,
    },
    "joint": {"roc_auc": 0.61, "p_value": 0.03, "level": "OK", "columns": ["watch_minutes_7d"]},
    "early": None,
}
SCORES: dict[str, Any] = {
    "as_of_date": DAY,
    "model_version": "57a7a8b792bf",
    "users": 1311,
    "risk_mean": 0.31,
    "risk_quantiles": {"0.05": 0.02, "0.25": 0.1, "0.5": 0.22, "0.75": 0.48, "0.95": 0.93},
    "high_risk": 0.5,
    "high_risk_share": 0.24,
    "contacts": 100,
    "compared_with": ["2025-04-28", "2025-04-29"],
    "risk_psi": 0.03,
    "risk_chance_psi": 0.05,
    "status": "OK",
}
REALISED: dict[str, Any] = {
    "users": 1240,
    "unlabelled": 0,
    "pr_auc": {"value": 0.9, "estimated": 0.91, "low": 0.87, "high": 0.94, "kept": True},
    "roc_auc": {"value": 0.94, "estimated": 0.95, "low": 0.92, "high": 0.97, "kept": True},
}
PERFORMANCE: dict[str, Any] = {
    "as_of_date": DAY,
    "model_version": "57a7a8b792bf",
    "confidence": 0.9,
    "estimated": {
        "pr_auc": {"value": 0.91, "low": 0.88, "high": 0.94},
        "roc_auc": {"value": 0.95, "low": 0.93, "high": 0.97},
    },
    "realised": {"as_of_date": "2025-03-31", "model_version": "57a7a8b792bf", **REALISED},
    "floors": {"pr_auc": 0.74, "roc_auc": 0.86},
    "realised_floors": {"pr_auc": 0.73, "roc_auc": 0.85},
    "status": "OK",
    "window_days": 30,
    "promises": {
        "pr_auc": {"batches": 10, "kept": 9, "below_days": 0},
        "roc_auc": {"batches": 10, "kept": 8, "below_days": 2},
    },
    "history": [
        {
            "as_of_date": day,
            "model_version": "57a7a8b792bf",
            "users": users,
            "estimated": {
                "pr_auc": {"value": 0.91, "low": 0.87, "high": 0.94},
                "roc_auc": {"value": 0.95, "low": 0.92, "high": 0.97},
            },
            "realised": realised,
        }
        for day, users, realised in (("2025-03-31", 1240, REALISED), (DAY, 1311, None))
    ],
}
RETRAIN: dict[str, Any] = {
    "as_of_date": DAY,
    "action": "wait",
    "reason": "CHN506 ... (drift: ...)",
    "triggers": [{"kind": "drift", "text": "...", "since": "2025-04-26"}],
    "checks": [
        {"check": f"CHN50{n}", "passed": n != 6, "binding": True, "text": ""} for n in range(1, 8)
    ],
    "waiting_since": "2025-04-28",
}
FILES = {
    "drift": DRIFT,
    "score_proxy": SCORES,
    "performance": PERFORMANCE,
    "retrain": RETRAIN,
}


def path_of(params: Params, name: str) -> Path:
    """Where a file lies: validation, drift, score_proxy or performance."""
    if name == "validation":
        return report_path(params)
    return Path(params.paths.artifacts) / "monitoring" / f"{name}_latest.json"


def write_file(params: Params, name: str, over: dict[str, Any] | None = None) -> Path:
    """Write one of the files, with some values changed."""
    body = merge({"validation": VALIDATION, **FILES}[name], over or {})
    path = path_of(params, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body))
    return path


def write_all(params: Params) -> None:
    """Write all of them."""
    for name in ("validation", *FILES):
        write_file(params, name)
