from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from churn_mlops.data.bad_days import read_bad_days
from churn_mlops.data.watermark import Watermark
from churn_mlops.errors import ParamsError, QuarantineError, SourceError
from churn_mlops.loop.daily import LISTED, STEPS, Step, days_to_work_in, summed_up, work_in
from churn_mlops.loop.day_log import DayLog, day_log_path, read_day_log
from churn_mlops.params import Params
from churn_mlops.summary import Summary

DAY = date(2025, 5, 1)


def after(n: int) -> date:
    return DAY + timedelta(days=n)


@pytest.mark.parametrize(
    ("reached", "last", "open_day", "expected"),
    [
        (None, 0, None, [0]),
        (0, 1, None, [1]),
        (0, 3, None, [1, 2, 3]),
        (0, 2, 0, [0, 1, 2]),
        (0, 0, 0, [0]),
        (0, 0, None, [0]),
    ],
    ids=["the first", "the next", "missed ones", "broken off and later", "broken off", "again"],
)
def test_days(reached: int | None, last: int, open_day: int | None, expected: list[int]) -> None:
    mark = None if reached is None else Watermark(after(reached), True, "x")
    opened = None if open_day is None else after(open_day)
    assert days_to_work_in(mark, after(last), opened) == [after(n) for n in expected]


def test_a_whole_source_that_does_not_say_how_far_it_reaches_begins_with_the_day() -> None:
    assert days_to_work_in(Watermark(None, False, "x"), DAY, None) == [DAY]


def test_what_has_passed_is_not_worked_in() -> None:
    with pytest.raises(ParamsError, match="2025-04-30 lies before 2025-05-01") as caught:
        days_to_work_in(Watermark(DAY, True, "x"), after(-1), None)
    # Scoring a past day anew is no way to get its list.
    assert "batch-score" not in str(caught.value.fix)


def does(name: str, error: Exception | None = None) -> Step:
    def run(params: Params, day: date) -> Summary:
        if error is not None:
            raise error
        return Summary(name, {name: 1}, [], {"status": "OK", "day": str(day)})

    return Step(name, run)


def test_a_day_is_noted_when_it_is_done(workspace: Path) -> None:
    log = work_in(Params(), DAY, [does("one"), does("two")])
    assert read_day_log(Params(), DAY) == log
    assert [one["step"] for one in log.steps] == ["one", "two"]
    assert log.facts_of("two") == {"status": "OK", "day": "2025-05-01"}


def test_a_gate_that_closes_is_noted_and_any_other_error_leaves_the_day_open(
    workspace: Path,
) -> None:
    with pytest.raises(SourceError):
        work_in(Params(), DAY, [does("one"), does("two", SourceError("away"))])
    assert read_day_log(Params(), DAY) is None
    with pytest.raises(QuarantineError):
        work_in(Params(), DAY, [does("one"), does("two", QuarantineError("bad rows"))])
    log = read_day_log(Params(), DAY)
    assert log is not None
    assert (log.status, log.error) == ("failed", {"step": "two", "message": "bad rows"})
    assert [one["step"] for one in log.steps] == ["one"]
    assert read_bad_days(Params()) == [], "the gate marks it, not the day"


def test_each_step_is_published(workspace: Path, make_params: Callable[..., Params]) -> None:
    (workspace / "out").mkdir()
    params = make_params({"monitoring": {"publish": {"textfile": str(workspace / "out")}}})
    with pytest.raises(SourceError):
        work_in(params, DAY, [does("one"), does("two", SourceError("away"))])
    told = {path.name: path.read_text() for path in (workspace / "out").iterdir()}
    assert 'churn_stage_exit_code{stage="one"} 0.0' in told["churn_stage_one.prom"]
    assert 'churn_stage_exit_code{stage="two"} 11.0' in told["churn_stage_two.prom"]


def test_the_summary_says_what_people_want_to_know() -> None:
    facts = {"status": "WARN", "headline": "WARN: logins moved"}
    steps = [{"step": "drift_check", "seconds": 1.0, "rows": {"users": 5}, "facts": facts}]
    told = summed_up(Params(), DayLog(DAY, "done", steps), 2)
    assert told.facts == {"as_of_date": "2025-05-01", "days": 2, "drift_check": "WARN"}
    assert told.lines == ["drift WARN: logins moved"]
    assert told.outputs == [day_log_path(Params(), DAY)]
    assert json.loads(told.as_json(1.0))["rows"] == {"users": 5}


def test_the_list_is_a_step() -> None:
    assert LISTED in STEPS
