from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.data.bad_days import (
    BadDay,
    bad_days_path,
    clouded,
    mark,
    read_bad_days,
    spoiled,
    unmark,
    write_bad_days,
)
from churn_mlops.errors import ContractError
from churn_mlops.params import Params

DAY = date(2025, 3, 10)
UNIT = BadDay(DAY, "CHN405", "minutes came as seconds", labels=False)
LOST = BadDay(DAY, "CHN403", "no login", labels=True)


def test_marking_is_adding_once(workspace: Path) -> None:
    assert read_bad_days(Params()) == []
    assert mark(Params(), UNIT) == [UNIT]
    assert mark(Params(), UNIT, LOST) == [LOST]
    before = bad_days_path(Params()).stat().st_ino
    assert mark(Params(), UNIT) == []
    assert bad_days_path(Params()).stat().st_ino == before, "nothing new, nothing written"
    assert read_bad_days(Params()) == [LOST, UNIT]


def test_what_a_check_said_before_is_replaced(workspace: Path) -> None:
    mark(Params(), UNIT)
    said = BadDay(DAY, "CHN405", "minutes came as hours", labels=False)
    assert mark(Params(), said) == []
    assert read_bad_days(Params()) == [said]


def test_a_mended_day_is_taken_off(workspace: Path) -> None:
    other = BadDay(DAY + timedelta(days=1), "CHN123", "too many bad rows", labels=True)
    write_bad_days(Params(), [LOST, UNIT, other])
    assert unmark(Params(), DAY) == [LOST, UNIT]
    assert unmark(Params(), DAY) == []
    assert read_bad_days(Params()) == [other]


def test_a_check_takes_back_only_its_own(workspace: Path) -> None:
    write_bad_days(Params(), [LOST, UNIT])
    assert unmark(Params(), DAY, {"CHN405", "CHN404"}) == [UNIT]
    assert read_bad_days(Params()) == [LOST]


def test_features_look_back_and_labels_ahead() -> None:
    params = Params()
    longest, horizon = max(params.features.windows_days), params.churn.window_days
    days = spoiled([UNIT], params)
    assert (min(days), max(days)) == (DAY, DAY + timedelta(days=longest - 1))
    days = spoiled([LOST], params)
    assert (min(days), max(days)) == (DAY - timedelta(days=horizon), DAY + timedelta(longest - 1))
    assert len(days) == longest + horizon
    assert spoiled([], params) == set()


def test_who_is_there_is_not_known_while_a_lost_day_counts_as_activity(make_params: Any) -> None:
    params = make_params({"churn": {"active_within_days": 5}})
    assert clouded([UNIT], params) == set()
    days = clouded([LOST], params)
    assert (min(days), max(days)) == (LOST.day, LOST.day + timedelta(days=4))


@pytest.mark.parametrize("content", ["{", "{}", '{"days": [{"day": "2025-13-01"}]}', "[]"])
def test_a_damaged_file_is_named(workspace: Path, content: str) -> None:
    bad_days_path(Params()).parent.mkdir(parents=True)
    bad_days_path(Params()).write_text(content)
    with pytest.raises(ContractError, match=r"bad_days\.json is damaged") as caught:
        read_bad_days(Params())
    assert "mend it" in str(caught.value.fix)
