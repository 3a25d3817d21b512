"""The rule by which a day is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from churn_mlops.data.bad_days import BadDay, mark, read_bad_days
from churn_mlops.data.day_gate import MINIMUM_BAD_ROWS, judge, refused_days, told_arrivals, too_bad
from churn_mlops.data.verdict import NOTHING, Verdict
from churn_mlops.params import Params

DAY = date(2025, 5, 3)
FEW, MANY = MINIMUM_BAD_ROWS, MINIMUM_BAD_ROWS + 1


@pytest.mark.parametrize(
    ("bad", "rows", "closes"),
    [(FEW, FEW, False), (MANY, MANY, True), (MANY, MANY * 100, False), (MANY, MANY * 99, True)],
)
def test_share_and_number_must_both_be_exceeded(bad: int, rows: int, closes: bool) -> None:
    found = too_bad({"events": Verdict(rows, {"CHN124": bad}, {}), "users": NOTHING}, Params())
    assert found == (["events"] if closes else [])


@pytest.mark.parametrize(
    ("failed", "labels"), [(["users"], False), (["events"], True), (["users", "events"], True)]
)
def test_only_bad_events_spoil_labels(workspace: Path, failed: list[str], labels: bool) -> None:
    verdict = Verdict(20, {"CHN110": 5, "CHN112": 15}, {})
    error = judge(dict.fromkeys(failed, verdict), failed, DAY, Params())
    assert error is not None
    assert str(DAY) in error.message
    (bad,) = read_bad_days(Params())
    assert (bad.day, bad.check, bad.labels) == (DAY, "CHN112", labels)
    assert refused_days(Params()) == [DAY]


def test_a_day_is_marked_once_and_the_mark_goes_when_it_passes(workspace: Path) -> None:
    drifted = BadDay(DAY, "CHN405", "minutes", labels=False)
    mark(Params(), drifted)
    for check in ("CHN110", "CHN112"):
        judge({"events": Verdict(20, {check: 20}, {})}, ["events"], DAY, Params())
    assert [one.check for one in read_bad_days(Params())] == ["CHN112", "CHN405"]
    assert judge({"events": Verdict(20, {}, {})}, [], DAY, Params()) is None
    assert read_bad_days(Params()) == [drifted]
    assert refused_days(Params()) == []


def test_the_report_names_the_day_and_what_belongs_to_it() -> None:
    told = told_arrivals({"users": NOTHING, "events": Verdict(4, {"CHN124": 1}, {})}, DAY, 2)
    assert (told["day"], told["too_late"], told["events"]["rows_ok"]) == ("2025-05-03", 2, 3)
    assert "users" not in told
