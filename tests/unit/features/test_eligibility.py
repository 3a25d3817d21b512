"""Who is predicted: active lately, and able to be active for the whole horizon."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import pytest

from churn_mlops.features.eligibility import eligible, is_eligible

TODAY = ibis.date(date(2025, 1, 10))


@pytest.mark.parametrize(
    ("within", "last_active", "expected"),
    [
        (3, date(2025, 1, 8), True),
        (3, date(2025, 1, 7), False),
        (1, date(2025, 1, 10), True),
        (1, date(2025, 1, 9), False),
        (None, date(2020, 1, 1), True),
    ],
)
def test_active_within(
    con: Any, make_params: Any, within: int | None, last_active: date, expected: bool
) -> None:
    params = make_params({"churn": {"active_within_days": within}})
    rule = is_eligible(ibis.date(last_active), TODAY, None, params)
    assert bool(con.execute(rule)) is expected


def test_no_active_day_yet_is_not_eligible(con: Any, make_params: Any) -> None:
    assert not con.execute(is_eligible(ibis.null("date"), TODAY, None, make_params()))


@pytest.mark.parametrize(("left", "expected"), [(30, True), (29, False), (None, False)])
def test_the_whole_horizon_lies_inside_the_subscription(
    con: Any, make_params: Any, left: int | None, expected: bool
) -> None:
    params = make_params({"data": {"subscriptions": True}, "churn": {"within_subscription": True}})
    days_left = ibis.null("int32") if left is None else ibis.literal(left)
    assert bool(con.execute(is_eligible(TODAY, TODAY, days_left, params))) is expected


def test_eligible_keeps_flagged_rows_and_drops_the_flag(con: Any, make_params: Any) -> None:
    table = ibis.memtable({"user_id": [1, 2], "is_eligible": [1, 0]})
    kept = con.to_pyarrow(eligible(table, make_params()))
    assert kept.to_pylist() == [{"user_id": 1}]
