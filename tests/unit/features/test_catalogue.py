"""The catalogue names every column once and knows its unit and range."""

from __future__ import annotations

from typing import Any

from churn_mlops.features import catalogue
from churn_mlops.params import Params


def test_column_names_of_the_default_portal() -> None:
    names = [f.name for f in catalogue.features(Params())]
    assert len(names) == len(set(names))
    for expected in (
        "logins_count",
        "watch_minutes_sum",
        "logins_7d",
        "watch_minutes_30d",
        "quiz_avg_score_14d",
        "active_days_7d",
        "payment_fail_rate_30d",
        "days_since_last_activity",
        "events_30d",
        "days_since_signup",
    ):
        assert expected in names


def test_keys_and_flags_are_no_model_inputs() -> None:
    names = {f.name for f in catalogue.model_features(Params())}
    assert not names & {"user_id", "as_of_date", "is_eligible", "churn_label"}
    contract = catalogue.features_contract(Params())
    assert contract.names[:3] == ("user_id", "as_of_date", "is_eligible")


def test_windows_come_from_the_parameters(make_params: Any) -> None:
    params = make_params({"features": {"windows_days": (3,)}})
    names = [f.name for f in catalogue.features(params)]
    assert "logins_3d" in names
    assert "payment_fail_rate_3d" in names
    assert not [n for n in names if n.endswith(("_7d", "_14d", "_30d")) or "_trend_" in n]


def test_subscriptions_add_their_features(make_params: Any) -> None:
    params = make_params({"data": {"subscriptions": True}})
    names = [f.name for f in catalogue.features(params)]
    assert names[-2:] == ["current_subscriptions", "subscription_days_left"]


def test_a_sum_of_signed_values_has_no_lower_bound(make_params: Any) -> None:
    params = make_params({"data": {"measures": {"watch_minutes": {"min": None}}}})
    bounds = {f.name: f.minimum for f in catalogue.features(params)}
    assert bounds["watch_minutes_7d"] is None
    assert bounds["logins_7d"] == 0


def test_the_page_has_a_row_for_every_feature() -> None:
    page = catalogue.as_markdown(Params())
    for feature in catalogue.features(Params()):
        assert f"| `{feature.name}` |" in page
