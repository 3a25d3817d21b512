"""What there is to tell, from the files."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.data.bad_days import BadDay, mark
from churn_mlops.data.watermark import Watermark, write_watermark
from churn_mlops.monitoring.news import gather
from churn_mlops.params import Params
from churn_mlops.registry.champion import production_folder
from churn_mlops.registry.history import ledger
from tests.monitored import DAY, DRIFT, write_all, write_file
from tests.trained import params_in

TODAY, NEXT = date.fromisoformat(DAY), date(2025, 5, 1)


@pytest.fixture
def params(tmp_path: Path) -> Params:
    made = params_in(tmp_path)
    write_all(made)
    production_folder(made).mkdir(parents=True)
    return made


def test_a_calm_day(params: Params) -> None:
    news = gather(params)
    assert (news.today, news.last_day) == (TODAY, TODAY)
    assert not news.worth_telling
    assert news.performance is not None
    assert (news.damaged, news.unread, news.bad_days) == ((), (), ())


def test_a_warning_is_not_worth_telling_and_a_failure_is(params: Params) -> None:
    assert gather(params).drift.status == "WARN"
    write_file(params, "drift", {"status": "FAIL"})
    assert gather(params).drifted
    assert gather(params).worth_telling


def test_a_closed_gate(params: Params) -> None:
    write_file(params, "validation", {"status": "failed"})
    news = gather(params)
    assert news.refused
    assert news.refused_data == f"data up to {DAY}", "no day of it is known to be the broken one"


def test_a_day_that_the_gate_refused(params: Params) -> None:
    write_watermark(params, Watermark(NEXT, True, "x"))
    mark(params, BadDay(NEXT, "CHN113", "twice", True))
    mark(params, BadDay(TODAY, "CHN405", "minutes", False))
    news = gather(params)
    assert news.refused
    assert news.refused_data == f"the data of {NEXT}"
    assert news.last_day == NEXT
    assert [one.day for one in news.bad_days] == [TODAY, NEXT]


def test_a_day_that_a_drift_check_marked_was_not_refused(params: Params) -> None:
    mark(params, BadDay(TODAY, "CHN405", "minutes", False))
    news = gather(params)
    assert not news.refused
    assert [one.check for one in news.bad_days] == ["CHN405"]


def test_a_check_that_is_behind(params: Params) -> None:
    write_file(params, "drift", {"as_of_date": "2025-04-29"})
    assert gather(params).stale
    write_file(params, "drift")
    write_watermark(params, Watermark(NEXT, True, "x"))
    assert gather(params).stale


def test_a_check_that_was_never_made(params: Params) -> None:
    (Path(params.paths.artifacts) / "monitoring/drift_latest.json").unlink()
    assert gather(params).stale
    production_folder(params).rmdir()
    assert not gather(params).worth_telling


def test_an_empty_workspace_has_no_news(tmp_path: Path) -> None:
    news = gather(params_in(tmp_path / "empty"))
    assert not news.worth_telling
    assert news.last_day is None


@pytest.mark.parametrize("name", ["drift", "validation"])
@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "\x00"])
def test_what_must_be_known_and_is_damaged_is_news(name: str, text: str, params: Params) -> None:
    path = write_file(params, name)
    path.write_text(text)
    news = gather(params)
    assert news.worth_telling
    assert len(news.damaged) == 1
    assert f"{path} is damaged" in news.damaged[0]


def test_what_need_not_be_known_is_named(params: Params) -> None:
    write_file(params, "performance").write_text("{")
    ledger(params).path.write_text("no ledger\n")
    folder = Path(params.paths.data) / "raw"
    folder.mkdir(parents=True)
    (folder / "bad_days.json").write_text("{")
    news = gather(params)
    assert not news.worth_telling
    assert len(news.unread) == 3


@pytest.mark.parametrize("action", ["retrain_waited", "retrained"])
def test_what_was_decided_about_training(action: str, params: Params) -> None:
    ledger(params).append("retrained", as_of_date="2025-04-01", reason="long ago", evidence={})
    assert gather(params).retraining is None
    ledger(params).append(action, as_of_date=DAY, reason="too early", evidence={})
    ledger(params).append("dry_run", reason="between")
    found = gather(params).retraining
    assert found is not None
    assert (found.action, found.facts["reason"]) == (action, "too early")


def test_how_many_of_the_last_checks_fail(params: Params) -> None:
    folder = Path(params.paths.artifacts) / "monitoring/drift"
    folder.mkdir(parents=True)

    def check(day: str, status: str) -> None:
        body: dict[str, Any] = DRIFT | {"as_of_date": day, "status": status}
        (folder / f"{day}.json").write_text(json.dumps(body))

    for n in range(1, 7):
        check(f"2025-04-2{n}", "FAIL")
    for n in range(27, 31):
        check(f"2025-04-{n}", "OK")
    check("2025-05-07", "FAIL")
    # The last five up to the checked day.
    assert gather(params).fails == 1
    (folder / "2025-04-30.json").write_text("{")
    assert "damaged" in gather(params).unread[0]
