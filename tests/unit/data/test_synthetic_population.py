from dataclasses import fields
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from churn_mlops.data.synthetic_population import (
    COUNTRIES,
    COUNTRY_SHARE,
    NEW_COUNTRY_SHARE,
    NEW_MARKET,
    draw_population,
    labels,
    users_table,
)
from churn_mlops.params.tree import Drift, Synthetic

START = date(2025, 1, 1)


def population(users=4_000, last_day=30, **over):
    return draw_population(Synthetic(users=users, **over), START, last_day, 0, 8_192)


def test_later_days_add_users_and_change_none():
    short, long = population(last_day=3), population(last_day=90)
    size = len(short)
    assert size < len(long)
    for field in fields(short)[3:]:
        assert (getattr(short, field.name) == getattr(long, field.name)[:size]).all(), field.name


def test_blocks_number_users_without_gap_or_overlap():
    one, two = (draw_population(Synthetic(users=150), START, 0, b, 64) for b in (0, 1))
    assert (one.first_id, two.first_id, len(one), len(two)) == (1, 65, 64, 56)
    assert one.signup[-1] <= two.signup[0]
    assert not (one.log_odds[:56] == two.log_odds).any()


def test_plans_follow_the_paid_share():
    assert population(paid_share=0.25).paid.mean() == pytest.approx(0.25, abs=0.03)
    assert not population(paid_share=0.0).paid.any()
    assert population(paid_share=1.0).paid.all()


def test_only_who_pays_has_a_billing_day_and_it_is_that_of_sign_up():
    drawn = population()
    assert (drawn.billing_day[~drawn.paid] == 0).all()
    table = users_table(drawn, 0, 30).to_pandas()
    month_day = np.array([day.day for day in table.signup_date])
    assert (drawn.billing_day[drawn.paid] == np.minimum(month_day, 28)[drawn.paid]).all()


def test_country_mix_changes_only_new_sign_ups():
    drift = Drift(kind="country_mix", start=date(2025, 1, 11), strength=1.0)
    usual, moved = population(8_000, 119), population(8_000, 119, drift=(drift,))
    before = usual.signup < 10
    assert (usual.country[before] == moved.country[before]).all()
    brazil = COUNTRIES.index("BR")
    assert (usual.country == brazil).mean() == pytest.approx(COUNTRY_SHARE[brazil], abs=0.02)
    share = (moved.country[~before] == brazil).mean()
    assert share == pytest.approx(NEW_COUNTRY_SHARE[brazil], abs=0.05)


def test_a_new_market_adds_people_who_stay_less_and_changes_nobody_before():
    drift = Drift(kind="new_market", start=date(2025, 1, 11), strength=1.0)
    usual, moved = population(8_000, 119), population(8_000, 119, drift=(drift,))
    before = usual.signup < 10
    for field in fields(usual)[3:]:
        values = (getattr(drawn, field.name) for drawn in (usual, moved))
        assert (np.equal(*(v[: before.sum()] for v in values))).all(), field.name
    new = moved.country == len(COUNTRIES)
    assert not new[moved.signup < 10].any()
    assert new[moved.signup >= 10].mean() == pytest.approx(0.5, abs=0.03)
    old = ~new & (moved.signup >= 10)
    assert moved.log_odds[new].mean() < moved.log_odds[old].mean() - 1
    assert moved.hazard[new].mean() > 2 * moved.hazard[old].mean()
    countries = users_table(moved, 0, 119)["country"].to_numpy(zero_copy_only=False)
    assert ((countries == NEW_MARKET) == new).all()
    opened_before = Drift(kind="new_market", start=date(2024, 6, 1), strength=1.0)
    early = population(8_000, 119, drift=(opened_before,))
    assert not (early.country[early.signup < 0] == len(COUNTRIES)).any()


def test_table_has_the_columns_and_types_and_only_the_days_asked_for():
    drawn = population()
    table = users_table(drawn, 5, 9)
    assert table.schema == pa.schema(
        {
            "user_id": pa.int64(),
            "signup_date": pa.date32(),
            "plan": pa.string(),
            "is_paid": pa.int8(),
            "country": pa.string(),
            "marketing_source": pa.string(),
        }
    )
    days = table["signup_date"].to_pylist()
    assert (min(days), max(days)) == (date(2025, 1, 6), date(2025, 1, 10))
    everybody = users_table(drawn, 0, 30)
    assert everybody.num_rows == len(drawn)
    paid = [plan != "free" for plan in everybody["plan"].to_pylist()]
    assert paid == [bool(flag) for flag in everybody["is_paid"].to_pylist()]


def test_labels_are_null_where_missing():
    got = labels(np.array([1, 0, 1]), ("a", "b"), np.array([False, True, False]))
    assert got.to_pylist() == ["b", None, "b"]
