"""What monitoring writes, made up but like the files of a real run."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

from tests.unit.report.made import VERSION

FIRST = date(2025, 2, 20)


def spread(value: float, wide: float) -> dict[str, float]:
    return {"value": value, "low": value - wide, "high": value + wide}


def grade(said: dict[str, float], value: float) -> dict[str, Any]:
    kept = said["low"] <= value <= said["high"]
    return {
        "value": value, "estimated": said["value"], "low": said["low"], "high": said["high"],
        "kept": kept,
    }  # fmt: skip


def entry(n: int, days: int) -> dict[str, Any]:
    """The batch of the n-th of so many days; the last 30 days are not graded yet."""
    estimated = {
        "pr_auc": spread(0.81 + 0.01 * math.sin(n / 6), 0.03),
        "roc_auc": spread(0.885 + 0.004 * math.sin(n / 6), 0.012),
        "profit": spread(2_150.0, 400.0),
    }
    off = {"pr_auc": 0.022, "roc_auc": 0.008, "profit": 210.0}
    realised = {
        name: grade(
            said, said["value"] + off[name] * math.sin(n * 1.7) * (2.1 if n % 13 == 4 else 1)
        )
        for name, said in estimated.items()
    }
    return {
        "as_of_date": (FIRST + timedelta(days=n)).isoformat(),
        "model_version": VERSION if n > 25 else "77e01bb4c0de",
        "users": 1_240 + n,
        "estimated": estimated,
        "realised": {"users": 1_238 + n, "unlabelled": 2, **realised} if n < days - 30 else None,
    }


def performance(days: int = 70, **over: Any) -> dict[str, Any]:
    """`monitoring/performance_latest.json`."""
    history = [entry(n, days) for n in range(days)]
    graded = [one for one in history if one["realised"]]
    newest = graded[-1] if graded else None
    body = {
        "as_of_date": history[-1]["as_of_date"],
        "model_version": VERSION,
        "confidence": 0.9,
        "estimated": history[-1]["estimated"],
        "realised": newest and {
            "as_of_date": newest["as_of_date"], "model_version": newest["model_version"],
            **newest["realised"],
        },
        "floors": {"pr_auc": 0.6498, "roc_auc": 0.8097},
        "status": "OK",
        "promises": {
            name: {
                "batches": len(graded),
                "kept": sum(one["realised"][name]["kept"] for one in graded),
            }
            for name in ("pr_auc", "roc_auc", "profit")
        },
        "history": history,
    }  # fmt: skip
    return body | over


def score_proxy(**over: Any) -> dict[str, Any]:
    """`monitoring/score_proxy_latest.json`."""
    body = {
        "as_of_date": "2025-04-30", "model_version": VERSION, "users": 1_309, "risk_mean": 0.3421,
        "risk_quantiles": {"0.05": 0.02, "0.25": 0.09, "0.5": 0.27, "0.75": 0.55, "0.95": 0.91},
        "high_risk": 0.5, "high_risk_share": 0.2811, "contacts": 100,
        "compared_with": [f"2025-04-{n}" for n in range(23, 30)],
        "risk_psi": 0.0042, "risk_chance_psi": 0.0281, "status": "OK",
    }  # fmt: skip
    return body | over


def drift(**over: Any) -> dict[str, Any]:
    """`monitoring/drift_latest.json` of a day on which minutes came in seconds."""
    return {
        "as_of_date": "2025-04-30",
        "status": "FAIL",
        "headline": "FAIL: watch_minutes_sum is 60 times larger; 1 more",
        "users": 1_160,
        "model_version": VERSION,
        "reference": {"first_day": "2025-03-14", "last_day": "2025-03-31", "days": 2,
                      "rows": 2_229, "users": 1_170, "compared": "Wednesdays"},
        "findings": [
            {"check": "CHN405", "level": "FAIL", "column": "watch_minutes_sum", "upstream": True,
             "text": "watch_minutes_sum is 60 times larger"},
            {"check": "CHN411", "level": "WARN", "column": "country", "upstream": False,
             "text": "country: DE 20 % → 31 %, PSI 0.12"},
        ],
        "columns": [
            {"column": f"column_{n}", "psi": 0.4 / (n + 1), "chance_psi": 0.01, "p_value": 0.1,
             "importance": 0.05, "score": 0.02 / (n + 1), "level": "FAIL" if n == 0 else "OK",
             "text": f"column_{n}: median 1 → {n}"}
            for n in range(13)
        ],
        "risk": {"psi": 0.3, "chance_psi": 0.01, "p_value": 0.0, "level": "FAIL",
                 "mean": 0.21, "reference_mean": 0.08},
        "joint": {"roc_auc": 0.81, "p_value": 0.0, "level": "FAIL", "columns": ["column_0"]},
        **over,
    }  # fmt: skip
