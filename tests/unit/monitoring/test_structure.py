from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from churn_mlops.monitoring.findings import CONSTANT, GONE, UNIT, VANISHED, VOLUME, Finding
from churn_mlops.monitoring.structure import History, constant, gone, sound, unit_change, volume

DAY = date(2025, 4, 30)


def history(events: list[int], users: list[int], day: date = DAY) -> History:
    days = [day - timedelta(days=n) for n in range(len(users) - 1, -1, -1)]
    return History(days, {"logins_count": np.array(events)}, np.array(users))


def found(events: list[int], users: list[int], day: date = DAY) -> list[tuple[str, str]]:
    return [(f.check, f.level) for f in volume(history(events, users, day))]


def stuck(reference: np.ndarray, current: np.ndarray, days: int = 1) -> Finding | None:
    return constant("x", reference, np.arange(len(reference)) % days, current)


def test_a_column_that_is_gone_is_named():
    (finding,) = gone(["a", "b"], ["a", "c"])
    assert (finding.check, finding.column, finding.upstream) == (GONE, "b", True)
    assert gone(["a"], ["a"]) == []


def test_a_column_that_became_constant():
    before = np.arange(1_000) % 7.0
    finding = stuck(before, np.full(200, 3.0))
    assert finding is not None
    assert finding.check == CONSTANT
    assert "3 for everybody" in finding.text
    assert "7 different values" in finding.text


def test_a_column_without_any_value():
    finding = stuck(np.arange(100.0), np.full(200, np.nan))
    assert finding is not None
    assert "no value any more" in finding.text
    texts = np.array(["a", "b"] * 50, dtype=object)
    assert stuck(texts, np.array([None] * 200, dtype=object)) is not None


def test_a_rare_value_may_be_away_for_a_day():
    before = np.r_[np.zeros(970), np.ones(30)]
    assert stuck(before, np.zeros(170)) is None
    assert stuck(before, np.zeros(2_000)) is not None
    assert stuck(np.zeros(100), np.zeros(5_000)) is None


def test_a_day_without_any_may_come_again():
    before = np.r_[np.zeros(500), np.tile([0.0, 1.0], 250)]
    day = np.repeat([0, 1], 500)
    assert constant("x", before, day, np.zeros(1_000)) is None
    assert constant("x", before, day, np.ones(1_000)) is not None


def test_few_users_say_nothing():
    assert stuck(np.arange(100.0), np.full(10, 1.0)) is None


@pytest.mark.parametrize("factor", [60, 1 / 60, 1000, 0.01, 24])
def test_another_unit(factor):
    rng = np.random.default_rng(1)
    before = np.r_[np.zeros(300), rng.lognormal(3, 1, 3_000)]
    now = factor * np.r_[np.zeros(100), rng.lognormal(3, 1, 1_500)]
    finding = unit_change("minutes", before, now)
    assert finding is not None
    assert (finding.check, finding.column, finding.upstream) == (UNIT, "minutes", True)
    assert f"{max(factor, 1 / factor):g} times" in finding.text


@pytest.mark.parametrize("factor", [1, 2, 0.2, 10])
def test_a_shift_is_no_unit(factor):
    rng = np.random.default_rng(1)
    before, now = rng.lognormal(3, 1, 3_000), factor * rng.lognormal(3, 1, 1_500)
    assert unit_change("minutes", before, now) is None
    assert unit_change("plan", np.array(["a"] * 60, object), np.array(["b"] * 60, object)) is None


def test_an_event_type_that_vanished():
    assert found([100] * 40 + [0], [500] * 41) == [(VANISHED, "FAIL")]


def test_far_fewer_events():
    assert found([100] * 40 + [15], [500] * 41) == [(VOLUME, "FAIL")]
    assert found([100] * 40 + [60], [500] * 41) == []


def test_rare_events_may_be_away():
    assert found([3] * 40 + [0], [500] * 41) == []


def test_days_without_events_are_known_by_weekday_and_by_date():
    sundays = [0 if (DAY - timedelta(days=40 - n)).weekday() == 6 else 100 for n in range(41)]
    sunday = DAY - timedelta(days=3)
    assert found(sundays[:38], [500] * 38, sunday) == []
    # Nobody pays on the last days of a month: 30 April is as empty as 30 and 31 March.
    monthly = [0 if (DAY - timedelta(days=60 - n)).day >= 29 else 100 for n in range(61)]
    assert found(monthly, [500] * 61) == []
    few = [2 if n == 0 else n for n in monthly[:-1]] + [0]
    assert found(few, [500] * 61) == []


@pytest.mark.parametrize(
    ("users", "expected"),
    [(500, []), (360, [(VOLUME, "WARN")]), (250, [(VOLUME, "FAIL")]), (1_000, [(VOLUME, "WARN")])],
)
def test_far_fewer_or_more_users(users, expected):
    assert found([0] * 41, [500] * 40 + [users]) == expected


def test_more_users_are_no_fault_of_a_delivery():
    (grown,) = volume(history([0] * 41, [500] * 40 + [5_000]))
    assert (grown.level, grown.upstream) == ("WARN", False)
    (lost,) = volume(history([0] * 41, [500] * 40 + [360]))
    assert (lost.level, lost.upstream) == ("WARN", True)


def test_a_partial_loss_is_found_every_day_as_long_as_its_days_are_marked():
    events, users = [300] * 60 + [45] * 40, [500] * 100
    first = DAY - timedelta(days=99)
    bad: set[date] = set()
    for n in range(60, 100):
        day = first + timedelta(days=n)
        now = history(events[: n + 1], users[: n + 1], day)
        assert [f.check for f in volume(sound(now, bad))] == [VOLUME], n
        bad.add(day)
    # Somebody says that it is meant: the marks go.
    assert list(volume(sound(history(events, users), set()))) == []


def test_users_of_days_of_which_nobody_knows_who_was_there_are_not_usual() -> None:
    """Mixed-up ids make users look present that have left, for as long as activity counts."""
    now = history([0] * 81, [500] * 40 + [1_000] * 40 + [500])
    assert [f.level for f in volume(now)] == ["FAIL"]
    assert list(volume(now, set(now.days[40:80]))) == []
    assert [f.level for f in volume(now, set(now.days))] == ["FAIL"]


def test_of_a_history_without_bad_days_the_day_and_two_alike_stay():
    now = history(list(range(30)), list(range(500, 530)))
    assert sound(now, set()).days == now.days
    one = sound(now, {DAY, DAY - timedelta(days=1)})
    assert (len(one.days), one.days[-1], DAY - timedelta(days=1) in one.days) == (29, DAY, False)
    assert one.events["logins_count"].tolist() == [*range(28), 29]
    assert one.users.tolist() == [*range(500, 528), 529]
    least = sound(now, set(now.days))
    assert least.days == [DAY - timedelta(days=n) for n in (14, 7, 0)]
    few = sound(now, set(now.days) - {DAY - timedelta(days=21)})
    assert few.days == [DAY - timedelta(days=n) for n in (21, 7, 0)]


def test_a_log_that_has_just_begun_is_not_judged():
    assert found([100, 0], [500, 500]) == []
    assert found([0], [500]) == []
