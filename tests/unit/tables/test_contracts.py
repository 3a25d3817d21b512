"""Contracts follow the parameters."""

from __future__ import annotations

from typing import Any

from churn_mlops.params import Params
from churn_mlops.tables import contracts


def test_columns_of_the_default_portal() -> None:
    params = Params()
    assert contracts.users(params).names == (
        "user_id", "signup_date", "plan", "is_paid", "country", "marketing_source",
    )  # fmt: skip
    assert contracts.events(params).names == (
        "event_id", "user_id", "event_time", "event_type", "course_id",
        "watch_minutes", "quiz_score", "amount",
    )  # fmt: skip
    assert contracts.user_daily(params).names == (
        "user_id", "as_of_date", "is_active_day", "total_events", "logins_count", "enroll_count",
        "quiz_attempts_count", "payment_success_count", "payment_failed_count",
        "support_ticket_count", "watch_minutes_sum", "quiz_avg_score", "days_since_signup",
    )  # fmt: skip


def test_raw_and_clean_differ_in_place_only() -> None:
    raw, clean = contracts.users(Params()), contracts.users(Params(), "processed")
    assert (raw.name, raw.folder, clean.name, clean.folder) == (
        "users", "raw", "users_clean", "processed",
    )  # fmt: skip
    assert raw.columns == clean.columns


def test_ids_keep_the_type_of_the_source(make_params: Any) -> None:
    params = make_params({"data": {"user_id": "text"}})
    for contract in (contracts.users, contracts.events, contracts.subscriptions):
        assert contract(params).types["user_id"] == "string"
    assert contracts.labels_daily(params).types["user_id"] == "string"


def test_measures_carry_their_range() -> None:
    score = next(c for c in contracts.events(Params()).columns if c.name == "quiz_score")
    assert (score.minimum, score.maximum, score.unit) == (0, 100, "points")
