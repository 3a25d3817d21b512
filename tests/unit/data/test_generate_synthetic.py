from datetime import date, datetime
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_mlops.data import generate_synthetic
from churn_mlops.data.generate_synthetic import (
    ACTIVE_EVENTS,
    EVENT_TYPES,
    blocks,
    inactivity_probability,
    user_count,
)
from churn_mlops.params.tree import Dirt, Drift, Synthetic
from tests.conftest import examples

START = date(2025, 1, 1)
DIRTY = Dirt(duplicates=0.05, late=0.1, unknown_users=0.03, impossible_values=0.05)


def portal(users=60, seed=5, dirt=DIRTY, **over):
    return Synthetic(users=users, seed=seed, dirt=dirt, **over)


def log(synthetic, first=0, last=None, block_users=8_192):
    made = list(blocks(synthetic, START, first, last, block_users))
    return tuple(
        pa.concat_tables([getattr(block, name) for block in made]).combine_chunks()
        for name in ("users", "events")
    )


def same(one, other):
    """Equal to the byte, as one would find them in a file."""
    return all(
        a.equals(b) and a.to_pandas().to_csv() == b.to_pandas().to_csv()
        for a, b in zip(one, other, strict=True)
    )


@settings(max_examples=examples(12))
@given(st.integers(0, 2**64 - 1), st.integers(1, 80), st.integers(0, 12), st.integers(1, 12))
def test_a_log_can_be_continued_on_any_day(seed, users, first_part, second_part):
    synthetic, last = portal(users, seed), first_part + second_part
    parts = log(synthetic, 0, first_part), log(synthetic, first_part + 1, last)
    joined = tuple(pa.concat_tables(tables) for tables in zip(*parts, strict=True))
    assert same(joined, log(synthetic, 0, last))


@settings(max_examples=examples(6))
@given(st.integers(1, 200), st.integers(1, 10), st.integers(1, 10))
def test_days_do_not_depend_on_how_many_there_are(users, short, more):
    synthetic = portal(users)
    brief = log(synthetic.model_copy(update={"days": short}))
    long = log(synthetic.model_copy(update={"days": short + more}))
    assert same(brief, tuple(table.slice(0, len(b)) for b, table in zip(brief, long, strict=True)))


def test_all_blocks_are_prefix_stable():
    synthetic = portal(150)
    first, second = log(synthetic, 0, 5, 64), log(synthetic, 6, 12, 64)
    whole = log(synthetic, 0, 12, 64)
    for one, two, both, key in zip(first, second, whole, ("user_id", "event_id"), strict=True):
        joined = pa.concat_tables([one, two])
        assert joined.sort_by(key).equals(both.sort_by(key))


def test_how_days_are_held_in_memory_changes_nothing(monkeypatch):
    whole = log(portal(), 0, 20)
    monkeypatch.setattr(generate_synthetic, "SPAN_DAYS", 6)
    assert len(list(blocks(portal(), START, 0, 20))) == 4
    assert same(whole, log(portal(), 0, 20))


def test_same_seed_same_bytes_other_seed_other_bytes():
    assert same(log(portal(), 0, 9), log(portal(), 0, 9))
    assert not log(portal(), 0, 9)[1].equals(log(portal(seed=6), 0, 9)[1])


def test_clean_rows_stay_when_dirt_comes():
    (_, clean), (_, dirty) = log(portal(dirt=Dirt()), 0, 9), log(portal(), 0, 9)
    kept = dirty.filter(pc.is_in(dirty["event_id"], clean["event_id"]))
    assert len(kept) > 0
    by_id = clean.to_pandas().set_index("event_id")
    found = kept.to_pandas().drop_duplicates().set_index("event_id")
    assert found.index.is_unique
    assert by_id.loc[found.index].equals(found)
    # Only what is still on its way on the last days is missing.
    missing = by_id.drop(found.index)
    assert missing.event_time.min() >= np.datetime64("2025-01-08")


def test_late_rows_come_in_a_later_days_batch():
    only_late = portal(dirt=Dirt(late=0.3))
    _, events = log(only_late, 5, 5)
    days = events["event_time"].to_numpy().astype("M8[D]") - np.datetime64(START)
    assert set(days.astype(int)) == {2, 3, 4, 5}
    assert (np.diff((days.astype(int) < 5).astype(int)) >= 0).all()


def test_a_clean_log_keeps_its_promises():
    users, events = log(portal(400, dirt=Dirt()), 0, 29)
    signup = dict(zip(users["user_id"].to_pylist(), users["signup_date"].to_pylist(), strict=True))
    assert list(signup) == list(range(1, user_count(portal(400), START, 29) + 1))
    assert len(set(events["event_id"].to_pylist())) == len(events)
    assert set(events["event_type"].to_pylist()) == set(EVENT_TYPES)
    pairs = zip(events["user_id"].to_pylist(), events["event_time"].to_pylist(), strict=True)
    assert all(time.date() >= signup[user] for user, time in pairs)
    days = events["event_time"].to_numpy().astype("M8[D]")
    assert (np.diff(days).astype(int) >= 0).all()
    assert set(np.diff(np.unique(days)).astype(int)) == {1}


def test_nothing_latent_is_written():
    users, events = log(portal(), 0, 3)
    assert users.column_names == [
        "user_id",
        "signup_date",
        "plan",
        "is_paid",
        "country",
        "marketing_source",
    ]
    assert events.column_names == [
        "event_id",
        "user_id",
        "event_time",
        "event_type",
        "course_id",
        "watch_minutes",
        "quiz_score",
        "amount",
    ]


def test_broken_tracking_only_removes_rows():
    drift = Drift(
        kind="broken_tracking", start=date(2025, 1, 3), end=date(2025, 1, 4), event_type="login"
    )
    (_, whole), (_, lossy) = (
        log(portal(dirt=Dirt()), 0, 9),
        log(portal(dirt=Dirt(), drift=(drift,)), 0, 9),
    )
    day = whole["event_time"].cast(pa.date32())
    gone = pc.and_(
        pc.equal(whole["event_type"], "login"),
        pc.is_in(day, pa.array([date(2025, 1, 3), date(2025, 1, 4)])),
    )
    assert pc.sum(gone).as_py() > 0
    assert lossy.equals(whole.filter(pc.invert(gone)))


def test_engagement_shift_makes_fewer_active_days():
    drift = Drift(kind="engagement_shift", start=date(2025, 1, 11), strength=0.3)
    usual, less = (log(portal(300, dirt=Dirt(), drift=drift), 0, 19)[1] for drift in ((), (drift,)))
    change = pa.scalar(datetime(2025, 1, 11), pa.timestamp("s"))
    before, same_before = (t.filter(pc.less(t["event_time"], change)) for t in (usual, less))
    assert before.equals(same_before)
    assert len(less) - len(before) < 0.7 * (len(usual) - len(before))


def test_a_late_delivery_loses_nothing_and_brings_every_event_within_three_days():
    drift = Drift(
        kind="late_delivery", start=date(2025, 1, 11), end=date(2025, 1, 14), strength=0.5
    )
    (_, usual), (_, late) = (log(portal(300, dirt=Dirt(), drift=d), 0, 19) for d in ((), (drift,)))
    assert late.sort_by("event_id").equals(usual.sort_by("event_id"))
    days = [log(portal(300, dirt=Dirt(), drift=(drift,)), n, n)[1] for n in range(20)]
    assert pa.concat_tables(days).equals(late)
    waits = [
        (n - (day["event_time"].to_numpy().astype("M8[D]") - np.datetime64(START)).astype(int))
        for n, day in enumerate(days)
    ]
    assert all((wait == 0).all() for wait in (*waits[:11], *waits[18:]))
    assert set(np.concatenate(waits)) == {0, 1, 2, 3}


AFTERWARDS = (
    Drift(kind="new_market", start=date(2025, 1, 6), strength=2.0),
    Drift(kind="competitor", start=date(2025, 2, 1), strength=4.0),
    Drift(kind="engagement_shift", start=date(2025, 1, 20), strength=0.6, ramp_days=30),
)
UNSEEN = (
    Drift(kind="late_delivery", start=date(2025, 1, 10), end=date(2025, 1, 20), strength=0.9),
)


@pytest.mark.parametrize(
    ("drift", "rates"), [((), (0.08, 0.15)), (AFTERWARDS, (0.12, 0.2)), (UNSEEN, (0.08, 0.15))]
)
def test_the_oracle_is_calibrated_and_the_base_rate_as_promised(drift, rates):
    synthetic, day, window = portal(4_000, dirt=Dirt(), drift=drift), 29, 30
    known = inactivity_probability(synthetic, START, day, window)
    chance = known["probability"].to_numpy()
    users = user_count(synthetic, START, day)
    assert known["user_id"].to_pylist() == list(range(1, users + 1))
    active = np.zeros((user_count(synthetic, START, day + window), day + window + 1), bool)
    for block in blocks(synthetic, START, 0, day + window):
        mask = pc.is_in(block.events["event_type"], pa.array(ACTIVE_EVENTS))
        rows = block.events.filter(mask)
        days = rows["event_time"].to_numpy().astype("M8[D]") - np.datetime64(START)
        active[rows["user_id"].to_numpy() - 1, days.astype(int)] = True
    eligible = active[:users, : day + 1].any(axis=1)
    churned = ~active[:users, day + 1 :].any(axis=1)
    assert rates[0] < churned[eligible].mean() < rates[1]
    spread = np.sqrt((chance * (1 - chance)).sum())
    assert abs(churned.sum() - chance.sum()) < 4 * spread
    assert (chance[~churned] < 1 - 1e-9).all()


def test_mixed_up_users_are_no_change_of_what_users_do():
    drift = Drift(kind="mixed_up_users", start=date(2025, 1, 5), end=date(2025, 1, 11))
    usual, mixed = (portal(300, dirt=Dirt(), drift=d) for d in ((), (drift,)))
    forecasts = [inactivity_probability(one, START, 8, 30) for one in (usual, mixed)]
    assert forecasts[0].equals(forecasts[1])
    rows = [log(one, 0, 19)[1].sort_by("event_id") for one in (usual, mixed)]
    assert rows[0].drop_columns("user_id").equals(rows[1].drop_columns("user_id"))
    wrong = pc.not_equal(rows[0]["user_id"], rows[1]["user_id"])
    days = rows[0].filter(wrong)["event_time"].cast(pa.date32())
    assert pc.min_max(days).as_py() == {"min": date(2025, 1, 5), "max": date(2025, 1, 11)}


def test_user_count_grows_to_users_and_beyond():
    synthetic = portal(2_000)
    counts = [user_count(synthetic, START, day) for day in (0, 119, 239)]
    assert counts[0] < counts[1] == 2_000 < counts[2]
    users, _ = log(synthetic, 0, 0)
    assert len(users) == counts[0]


def synthetic_like(**over):
    values = portal().model_dump() | over
    values["dirt"] = SimpleNamespace(**values["dirt"])
    return SimpleNamespace(**values)


@pytest.mark.parametrize(
    ("synthetic", "days"),
    [
        (synthetic_like(), (-1, 3)),
        (synthetic_like(), (4, 3)),
        (synthetic_like(users=0), (0, 3)),
        (synthetic_like(days=0), (0, 3)),
        (synthetic_like(paid_share=1.5), (0, 3)),
        (synthetic_like(dirt=DIRTY.model_dump() | {"late": -0.1}), (0, 3)),
        (synthetic_like(seed=2**64), (0, 3)),
    ],
)
def test_refuses_impossible_arguments(synthetic, days):
    with pytest.raises(ValueError, match=r"day|users|not in"):
        list(blocks(synthetic, START, *days))


def test_refuses_impossible_blocks_and_windows():
    with pytest.raises(ValueError, match="block_users"):
        blocks(portal(), START, block_users=0)
    with pytest.raises(ValueError, match="window_days"):
        inactivity_probability(portal(), START, 3, 0)
    with pytest.raises(ValueError, match="before the log"):
        user_count(portal(), START, -1)


def test_going_on_from_a_day_is_the_same_as_from_the_opening() -> None:
    """What is remembered of a portal between two calls changes nothing."""
    synthetic = Synthetic().model_copy(
        update={"users": 300, "dirt": Dirt(late=0.3, duplicates=0.1)}
    )
    start = date(2025, 1, 1)

    def days(first: int, last: int) -> list[pa.Table]:
        return [block.events for block in blocks(synthetic, start, first, last)]

    piecewise = [table for day in range(40, 52) for table in days(day, day)]
    generate_synthetic._reached.clear()
    assert pa.concat_tables(piecewise).equals(pa.concat_tables(days(40, 51)))
    assert pa.concat_tables(days(41, 41)).equals(piecewise[1])
