from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from churn_mlops.data import bad_days_table
from churn_mlops.data.bad_days import BadDay, mark, read_bad_days
from churn_mlops.errors import ParamsError
from churn_mlops.params import Params

DAY = date(2025, 3, 10)


def test_days_come_and_go_by_hand(workspace: Path) -> None:
    assert bad_days_table.run(Params()).lines == ["none"]
    told = bad_days_table.run(Params(), bad=DAY, why="a test campaign", labels=False)
    assert read_bad_days(Params()) == [BadDay(DAY, "by hand", "a test campaign", labels=False)]
    assert "a test campaign" in told.lines[0]
    assert told.facts["days"][0]["day"] == "2025-03-10"
    mark(Params(), BadDay(DAY, "CHN405", "seconds", labels=False))
    assert bad_days_table.run(Params(), mended=DAY).rows == {"days": 0}


def test_a_day_that_is_none_of_them_cannot_be_taken_off(workspace: Path) -> None:
    with pytest.raises(ParamsError, match="2025-03-10 is no bad day"):
        bad_days_table.run(Params(), mended=DAY)


def test_somebody_must_say_what_is_wrong(workspace: Path) -> None:
    with pytest.raises(ParamsError, match="what is wrong with 2025-03-10"):
        bad_days_table.run(Params(), bad=DAY)
    assert read_bad_days(Params()) == []
