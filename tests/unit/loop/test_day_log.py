from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from churn_mlops.errors import ContractError
from churn_mlops.loop.day_log import (
    DONE,
    FAILED,
    DayLog,
    day_log_path,
    days_done,
    read_day_log,
    write_day_log,
)
from churn_mlops.params import Params

DAY = date(2025, 5, 1)
LOG = DayLog(
    DAY, DONE, [{"step": "drift_check", "seconds": 0.5, "rows": {}, "facts": {"status": "OK"}}]
)


def test_a_log_is_read_as_it_was_written(workspace: Path) -> None:
    assert read_day_log(Params(), DAY) is None
    write_day_log(Params(), LOG)
    assert read_day_log(Params(), DAY) == LOG
    assert LOG.facts_of("drift_check") == {"status": "OK"}
    assert LOG.facts_of("performance") == {}


def test_the_days_that_are_done_are_told_in_their_order(workspace: Path) -> None:
    assert days_done(Params()) == []
    for n, status in ((4, DONE), (2, DONE), (3, FAILED), (1, DONE)):
        write_day_log(Params(), DayLog(date(2025, 5, n), status, []))
    assert days_done(Params()) == [date(2025, 5, n) for n in (1, 2, 4)]
    assert days_done(Params(), date(2025, 5, 1)) == [date(2025, 5, n) for n in (2, 4)]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"as_of_date": "soon"}'])
def test_a_damaged_log_is_named(workspace: Path, content: str) -> None:
    write_day_log(Params(), LOG)
    day_log_path(Params(), DAY).write_text(content)
    with pytest.raises(ContractError, match=r"2025-05-01\.json is damaged"):
        read_day_log(Params(), DAY)
