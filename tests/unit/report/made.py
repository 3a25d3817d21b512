"""Inputs of a report, made up but like those of a real run."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

from churn_mlops.params import Churn, Params
from churn_mlops.registry.calibration import Calibration
from churn_mlops.registry.encoding import Categorical, Encoding, Numeric
from churn_mlops.registry.meta import FeatureFacts, Linear, Meta, Window
from churn_mlops.report.inputs import Champion, Inputs, user
from churn_mlops.report.shapes import Backtest, Evaluation, Promotion, Validation

VERSION, DIGEST = "abc123def456", "abc123def456" + "0" * 52
EVIL = "<script>alert(1)</script>"

FEATURES = (
    ("days_since_last_activity", "days since the last active day", 0.312),
    ("active_days_30d", "active days in the last 30 days", 0.164),
    ("active_days_trend_7d_30d", "active days a day in 7 days less those in 30", 0.117),
    ("watch_minutes_14d", "minutes of watch_minutes in the last 14 days", 0.083),
    ("logins_7d", "events of type login in the last 7 days", 0.066),
    ("plan", "known at sign-up", 0.051),
    ("payment_fail_rate", "payments failed as a share of all, in 30 days", 0.044),
    ("days_since_signup", "days since sign-up; 0 on its day", 0.041),
    ("quiz_attempts_30d", "events of type quiz_attempt in the last 30 days", 0.032),
    ("support_ticket_30d", "events of type support_ticket in the last 30 days", 0.025),
    ("country", "known at sign-up", 0.021),
    ("active_streak_days", "active days in a row up to this one", 0.015),
    ("marketing_source", "known at sign-up", 0.011),
    ("enroll_30d", "events of type course_enroll in the last 30 days", 0.008),
    ("is_paid", "known at sign-up", 0.005),
    ("logins_14d", "events of type login in the last 14 days", 0.003),
    ("logins_30d", "events of type login in the last 30 days", 0.002),
)


def evaluation(name: str = "candidate", **over: Any) -> dict[str, Any]:
    """`evaluation/NAME.json`."""
    off = 0.0 if name == "candidate" else 0.021
    steps = [n / 80 for n in range(81)]
    base = 0.347
    body: dict[str, Any] = {
        "name": name,
        "family": "lightgbm" if name == "candidate" else "logistic_regression",
        "model_version": VERSION if name == "candidate" else "77e01bb4c0de",
        "metrics": {
            "pr_auc": 0.8123 - off, "roc_auc": 0.8871 - off, "accuracy": 0.821 - off,
            "log_loss": 0.4012 + off, "brier": 0.1288 + off / 2, "ece": 0.0121 + off / 2,
            "recall_at_k": 0.2216 - off / 2, "precision_at_k": 0.8312 - off,
            "lift_at_k": 2.395 - 2 * off, "base_rate": base,
            "rows": 19_480, "users": 1_377, "churned": 6_760,
        },
        "intervals": {
            "pr_auc": [0.789 - off, 0.834 - off], "roc_auc": [0.874 - off, 0.899 - off],
            "log_loss": [0.384 + off, 0.419 + off], "brier": [0.122 + off, 0.136 + off],
            "ece": [0.008 + off / 2, 0.021 + off / 2], "precision_at_k": [0.789 - off, 0.861 - off],
            "recall_at_k": [0.206 - off, 0.239 - off], "lift_at_k": [2.21 - off, 2.58 - off],
        },
        "confidence": 0.95,
        "resamples": 200,
        "rules": {
            "recency": {"pr_auc": 0.7012, "roc_auc": 0.8011},
            "activity": {"pr_auc": 0.6633, "roc_auc": 0.7822},
        },
        "beats_rules": True,
        "slices": [
            one_slice("plan", "free", 821, 0.41, 0.842, 0.874, 0.405),
            one_slice("plan", "monthly", 398, 0.29, 0.768, 0.889, 0.302),
            one_slice("plan", "yearly", 158, 0.11, 0.512, 0.861, 0.138),
            one_slice("country", "DE", 402, 0.34, 0.815, 0.891, 0.344),
            one_slice("country", "United Kingdom of Great Britain", 333, 0.36, 0.82, 0.88, 0.35),
            one_slice("country", None, 91, 0.33, 0.74, 0.829, 0.351),
            one_slice("tenure", "below 30 days", 455, 0.47, 0.851, 0.85, 0.455),
            one_slice("tenure", "30 to 89 days", 922, 0.28, 0.77, 0.9, 0.291),
        ],
        "calibration": {
            "method": "beta",
            "log_loss": {"none": 0.4388, "sigmoid": 0.4071, "beta": 0.4033, "isotonic": 0.4052},
            "rows": 5_120, "users": 233,
        },
        "curves": {
            "pr": {
                "recall": steps,
                "precision": [base + (1 - base) * (1 - (s ** (2.4 - 20 * off))) * 0.97
                              for s in steps],
            },
            "roc": {
                "false_positive_rate": steps,
                "true_positive_rate": [1 - (1 - s) ** (6 - 60 * off) for s in steps],
            },
            "calibration": {
                "predicted": [0.018, 0.05, 0.094, 0.16, 0.245, 0.34, 0.45, 0.58, 0.73, 0.9],
                "observed": [0.012, 0.054, 0.081, 0.171, 0.236, 0.352, 0.461, 0.555, 0.748, 0.896],
                "rows": [1948] * 9 + [1503],
            },
        },
        "importance": [
            {"feature": feature, "about": about, "share": share}
            for feature, about, share in FEATURES
        ],
        "checks": [
            {"id": "CHN301", "status": "passed",
             "text": "no feature alone ranks better than 0.99 ROC-AUC (most: 0.801)"},
            {"id": "CHN302", "status": "passed",
             "text": "shuffled labels give a ROC-AUC of 0.503"},
            {"id": "CHN303", "status": "passed",
             "text": "no training label looks into the test days"},
            {"id": "CHN304", "status": "not_applicable",
             "text": "there are no subscription periods"},
        ],
        "split": {
            "train_first_day": "2025-01-01", "train_last_day": "2025-02-11", "train_days": 42,
            "test_first_day": "2025-03-14", "test_last_day": "2025-03-31", "test_days": 18,
            "embargo_days": 30,
        },
        "seconds": 3.2,
        "profit": profit(),
    }  # fmt: skip
    return body | over


def one_slice(
    by: str, value: str | None, users: int, base: float, pr: float, roc: float, risk: float
) -> dict[str, Any]:
    return {
        "by": by, "value": value, "rows": users * 14, "users": users, "base_rate": base,
        "pr_auc": pr, "roc_auc": roc, "ece": 0.02, "mean_risk": risk,
    }  # fmt: skip


def profit() -> dict[str, Any]:
    shares = [n / 50 for n in range(51)]
    earned = [9 * (1 - math.exp(-4 * s)) - 8.2 * s for s in shares]
    best = max(range(51), key=lambda n: earned[n])
    return {
        "share": shares,
        "profit_per_user": earned,
        "best_share": shares[best],
        "best_threshold": 0.312,
        "best_profit_per_user": earned[best],
        "value": {
            "customer_value": 120.0, "contact_cost": 1.5, "offer_cost": 15.0,
            "success_rate": 0.3, "budget": None,
        },
    }  # fmt: skip


def promotion(**over: Any) -> dict[str, Any]:
    """`metrics/promotion.json`."""
    body: dict[str, Any] = {
        "decision": "promoted",
        "reason": "the challenger passed every rule",
        "metric": "pr_auc",
        "challenger": {"name": "candidate", "family": "lightgbm", "version": VERSION},
        "champion": {"family": "logistic_regression", "version": "77e01bb4c0de"},
        "against": "champion",
        "difference": 0.021, "low": 0.009, "high": 0.034, "confidence": 0.95,
        "rows": 19_480, "users": 1_377, "first_day": "2025-03-14", "last_day": "2025-03-31",
        "rules": [
            {"rule": "enough rows", "passed": True,
             "text": "19,480 rows of 1,377 users; at least 500 of 100"},
            {"rule": "primary metric", "passed": True,
             "text": "pr_auc 0.812 against 0.791: +0.021 (95 % interval +0.009 to +0.034),"
                     " margin 0"},
            {"rule": "calibration", "passed": True,
             "text": "ece 0.012 against 0.023: at most 0.02 more"},
            {"rule": "slices", "passed": True,
             "text": "worst: plan=yearly, −0.012; at most 0.1 less"},
        ],
    }  # fmt: skip
    return body | over


def backtest() -> dict[str, Any]:
    """`metrics/backtest.json`."""
    cutoffs = ("2025-01-20", "2025-01-27", "2025-02-03", "2025-02-11")
    values = (0.771, 0.785, 0.779, 0.812)
    points = []
    for cutoff, value in zip(cutoffs, values, strict=True):
        for model, less in (("candidate", 0.0), ("baseline", 0.019)):
            points.append({
                "cutoff": cutoff, "model": model, "value": value - less,
                "low": value - less - 0.024, "high": value - less + 0.022,
                "recency": value - 0.105,
            })  # fmt: skip
    return {"metric": "pr_auc", "points": points}


def validation() -> dict[str, Any]:
    """`validation/report.json`."""
    return {
        "status": "passed",
        "calendar": {"first_day": "2025-01-01", "last_day": "2025-04-30"},
        "tables": {
            "users": {"rows_in": 2000, "rows_ok": 2000, "rows_quarantined": 0,
                      "quarantine_share": 0.0, "checks": {}},
            "events": {"rows_in": 148_220, "rows_ok": 147_981, "rows_quarantined": 239,
                       "quarantine_share": 0.001612,
                       "checks": {"CHN113": 171, "CHN121": 55, "CHN124": 13}},
        },
    }  # fmt: skip


def rows(n: int = 12) -> list[dict[str, Any]]:
    """The head of the latest list."""
    return [
        {
            "user_id": 1017 + 61 * k, "as_of_date": "2025-04-30",
            "churn_risk": round(0.972 * 0.988**k, 6), "risk_rank": k + 1, "decision": "contact",
            "reason_1": f"{27 - k} days since the last active day (typical: 2)",
            "reason_2": "1 active day in the last 30 days (typical: 11)",
            "reason_3": "payments failed in the last 30 days: 50% (average: 6%)" if k % 3 else None,
            "model_version": VERSION,
        }
        for k in range(n)
    ]  # fmt: skip


def meta(**over: Any) -> Meta:
    """What a bundle says."""
    numeric = FeatureFacts(
        name="logins_7d", kind="numeric", type="int32", unit="events",
        about="events of type login in the last 7 days", minimum=0.0, maximum=None,
        typical=5.0, mean=5.4, direction=-1,
    )  # fmt: skip
    plan = FeatureFacts(
        name="plan", kind="categorical", type="string", unit="", about="known at sign-up",
        minimum=None, maximum=None, typical="free", mean=None, direction=0,
    )  # fmt: skip
    body: dict[str, Any] = {
        "family": "lightgbm",
        "features": (numeric, plan),
        "encoding": Encoding(
            style="linear",
            numeric=(
                Numeric(
                    name="logins_7d", default=5.0, low=0.0, high=30.0, seen_minimum=0.0,
                    seen_maximum=33.0, scale="log", missing=False,
                ),
            ),
            categorical=(Categorical(name="plan", categories=("free", "yearly")),),
        ),
        "linear": Linear(intercept=0.0, coefficients=(0.0,) * 5, means=(0.0,) * 5),
        "trees": None,
        "calibration": Calibration(method="sigmoid", parameters=(1.0, 0.0)),
        "label": Churn(),
        "window": Window(
            train_first_day=date(2025, 1, 1), train_last_day=date(2025, 2, 11), train_days=42,
            test_first_day=date(2025, 3, 14), test_last_day=date(2025, 3, 31), test_days=18,
            embargo_days=30,
        ),
        "metrics": {key: float(value) for key, value in evaluation()["metrics"].items()},
        "intervals": {key: tuple(value) for key, value in evaluation()["intervals"].items()},
        "thresholds": {"top_k": 0.7312, "profit": 0.312},
        "settings": {"top_k": 100, "seed": 42, "class_weight": None},
        "data": {"training_dataset": "9f" * 32},
        "versions": {"churn_mlops": "0.1.0", "lightgbm": "4.6.0"},
    }  # fmt: skip
    return Meta(**(body | over))


def inputs(**over: Any) -> Inputs:
    """Everything there."""
    body: dict[str, Any] = {
        "params": Params(),
        "evaluations": tuple(
            Evaluation.model_validate(evaluation(name)) for name in ("candidate", "baseline")
        ),
        "champion": Champion(meta(), DIGEST),
        "promotion": Promotion.model_validate(promotion()),
        "backtest": Backtest.model_validate(backtest()),
        "validation": Validation.model_validate(validation()),
        "users": tuple(user(row) for row in rows()),
    }
    return Inputs(**(body | over))


def bare() -> Inputs:
    """Nothing but an evaluation without extras."""
    known = ("name", "family", "model_version", "metrics")
    less = {key: value for key, value in evaluation().items() if key in known}
    return Inputs(Params(), (Evaluation.model_validate(less),))
