"""What is read for the decision, and what is said of files that are damaged or not there."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.data.bad_days import BadDay, mark
from churn_mlops.data.watermark import Watermark, write_watermark
from churn_mlops.errors import BundleError, ContractError
from churn_mlops.monitoring.evidence import Checked, Fallen, Lost, Trial
from churn_mlops.monitoring.retrain_files import (
    MOST_CHECKS,
    for_change,
    lost,
    read_drift,
    read_evidence,
    read_fallen,
    rejected,
    trained,
    trial,
)
from churn_mlops.params import Params
from churn_mlops.registry.history import ledger
from tests.monitored import DAY as TOLD
from tests.monitored import DRIFT, path_of, write_file
from tests.trained import params_in
from tests.watched import DAYS, day, watched

VERSION = "57a7a8b792bf"


@pytest.fixture
def params(tmp_path: Path) -> Params:
    return params_in(tmp_path)


def put_check(params: Params, when: date, **over: Any) -> Path:
    path = Path(params.paths.artifacts) / "monitoring/drift" / f"{when}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(DRIFT | {"as_of_date": when.isoformat()} | over))
    return path


def finding(check: str, column: str | None, level: str = "FAIL") -> dict[str, Any]:
    upstream = check < "CHN41"
    return {"check": check, "level": level, "column": column, "text": "so", "upstream": upstream}


def test_everything_is_read(tmp_path: Path) -> None:
    params = watched(tmp_path)
    bad = BadDay(day(3), "CHN405", "x", labels=False)
    mark(params, bad)
    found = read_evidence(params)
    assert (found.day, found.first_day) == (day(DAYS - 1), day(0))
    assert found.bad == (bad,)
    assert (found.drift, found.fallen, found.rejected) == ((), (), None)
    assert (found.trained, found.retrained, found.trial) == (None, (), None)
    assert (found.taken_back, found.lost) == (None, None)
    assert found.tested_until < found.day
    assert found.champion


def test_without_a_champion_there_is_nothing_to_decide(params: Params) -> None:
    with pytest.raises(BundleError, match="no champion"):
        read_evidence(params)


def test_without_watermark_and_report_nobody_knows_the_day(tmp_path: Path) -> None:
    params = watched(tmp_path)
    path_of(params, "validation").unlink()
    with pytest.raises(ContractError, match="nobody knows how far the data reach"):
        read_evidence(params)


def test_the_watermark_tells_the_day(tmp_path: Path) -> None:
    params = watched(tmp_path)
    write_watermark(params, Watermark(day(DAYS), ingested=True, source="x"))
    found = read_evidence(params)
    assert found.day == day(DAYS)
    assert found.rejected is not None
    assert found.rejected.endswith(f"ends on {day(DAYS - 1)}")


def test_the_latest_day_is_rejected_when_the_gate_says_so(params: Params) -> None:
    when = date.fromisoformat(TOLD)
    assert "has not been validated" in str(rejected(params, when, ()))
    write_file(params, "validation")
    assert rejected(params, when, ()) is None
    write_file(params, "validation", {"status": "failed"})
    assert "says 'failed'" in str(rejected(params, when, ()))
    write_file(params, "validation")
    bad = BadDay(when, "CHN113", "twice", labels=True)
    assert "CHN113 twice" in str(rejected(params, when, [bad]))
    other = BadDay(when - timedelta(days=1), "CHN113", "twice", labels=True)
    assert rejected(params, when, [other]) is None


def test_checks_are_in_the_order_of_their_days(params: Params) -> None:
    put_check(params, date(2025, 5, 2), status="OK", findings=[])
    put_check(
        params,
        date(2025, 5, 1),
        status="FAIL",
        headline="FAIL: so",
        findings=[
            finding("CHN405", "watch_minutes_sum"),
            finding("CHN404", None, "WARN"),
            finding("CHN411", "logins_7d"),
            finding("CHN411", "country", "WARN"),
            finding("CHN413", "a"),
        ],
        joint={"columns": ["logins_7d", "b"]},
    )
    first, second = read_drift(params, date(2025, 5, 2))
    assert first == Checked(
        date(2025, 5, 1), VERSION, "FAIL", ("CHN405 so",), ("logins_7d", "b"), "FAIL: so"
    )
    assert (second.day, second.failed, second.moved) == (date(2025, 5, 2), False, ())


def test_old_checks_are_not_read(params: Params) -> None:
    for n in range(MOST_CHECKS + 1):
        put_check(params, day(n))
    day(0)
    Path(params.paths.artifacts, "monitoring/drift", f"{day(0)}.json").write_text("damaged")
    assert len(read_drift(params, day(MOST_CHECKS))) == MOST_CHECKS


def test_nothing_of_days_that_are_no_more_is_read(tmp_path: Path) -> None:
    """After data were begun anew, or an earlier state was checked out."""
    params = watched(tmp_path)
    last = day(DAYS - 1)
    for n in (-1, 0, 1, 50):
        put_check(params, last + timedelta(days=n), status="FAIL", findings=[], headline="x")
    for n in (-9, 50):
        when = str(last + timedelta(days=n))
        told = {"champion": "b", "before": "a", "since": when, "reason": "x"}
        ledger(params).append("retrained", as_of_date=when)
        ledger(params).append("reverted", as_of_date=when, **told)
    found = read_evidence(params)
    assert [one.day for one in found.drift] == [last - timedelta(days=1), last]
    assert found.trained == found.taken_back == last - timedelta(days=9)
    assert found.retrained == (found.trained,)
    assert found.lost is None


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"findings": [1]}'])
def test_a_damaged_check_is_named_with_its_remedy(body: str, params: Params) -> None:
    path = put_check(params, date(2025, 5, 2))
    path.write_text(body)
    with pytest.raises(ContractError, match=r"2025-05-02\.json is damaged") as caught:
        read_drift(params, date(2025, 5, 2))
    assert "churn drift-check --as-of-date" in str(caught.value)


def test_without_a_performance_file_nothing_has_fallen(params: Params) -> None:
    assert read_fallen(params, VERSION) == ()


@pytest.mark.parametrize(
    ("over", "fallen"),
    [
        ({}, []),
        ({"realised": {"pr_auc": {"value": 0.70, "low": 0.87}}}, ["pr_auc"]),
        ({"realised": {"pr_auc": {"value": 0.70, "low": 0.65}}}, []),
        ({"realised": {"pr_auc": {"value": 0.80, "low": 0.87}}}, []),
        ({"realised": {"pr_auc": {"value": None}}}, []),
        ({"estimated": {"roc_auc": {"value": 0.80, "low": 0.7, "high": 0.85}}}, ["roc_auc"]),
        ({"estimated": {"roc_auc": {"value": 0.80, "low": 0.7, "high": 0.87}}}, []),
        ({"model_version": "x", "estimated": {"roc_auc": {"value": 0.8, "high": 0.8}}}, []),
        ({"realised": {"model_version": "x", "pr_auc": {"value": 0.1, "low": 0.8}}}, []),
    ],
)
def test_a_metric_has_fallen_when_it_is_below_its_floor_beyond_chance(
    over: dict[str, Any], fallen: list[str], params: Params
) -> None:
    write_file(params, "performance", over)
    assert [one.text.split()[0] for one in read_fallen(params, VERSION)] == fallen


def test_what_fell_has_its_day(params: Params) -> None:
    write_file(params, "performance", {"realised": {"pr_auc": {"value": 0.7, "low": 0.8}}})
    text = "pr_auc of 2025-03-31 turned out as 0.700, below its floor 0.730"
    assert read_fallen(params, VERSION) == (Fallen(date(2025, 3, 31), text),)


def listed(n: int, kept: bool, version: str = VERSION) -> dict[str, Any]:
    """A graded list of the n-th day of March."""
    said = {"value": 0.8, "low": 0.75, "high": 0.85}
    came = said | {"value": 0.8 if kept else 0.7, "kept": kept}
    return {
        "as_of_date": str(date(2025, 3, n)),
        "model_version": version,
        "estimated": {"pr_auc": said, "roc_auc": said},
        "realised": {"pr_auc": came, "roc_auc": came | {"value": 0.8}},
    }


@pytest.mark.parametrize(
    ("history", "fallen"),
    [
        ([listed(n, False) for n in range(1, 11)], True),
        ([listed(n, False) for n in range(1, 10)], False),
        ([*(listed(n, False) for n in range(1, 11)), listed(11, True)], False),
        ([listed(1, False), listed(2, True), *(listed(n, False) for n in range(3, 13))], True),
        ([listed(n, False, "another") for n in range(1, 21)], False),
        ([listed(1, False), listed(10, False), listed(11, False) | {"realised": None}], True),
        ([], False),
    ],
)
def test_promises_that_break_on_end_are_a_reason(
    history: list[dict[str, Any]], fallen: bool, params: Params
) -> None:
    write_file(params, "performance", {"history": history})
    found = read_fallen(params, VERSION)
    assert bool(found) is fallen
    if found:
        assert "pr_auc turned out less than promised on every day from 2025-03-" in found[0].text


def test_spoiled_lists_neither_break_nor_continue_a_run(params: Params) -> None:
    def fallen(*spoilt: int) -> bool:
        bad = [BadDay(date(2025, 3, n), "CHN405", "x", labels=False) for n in spoilt]
        # A bad day spoils the rows of the days whose longest window reaches back to it.
        return bool(read_fallen(short, VERSION, bad))

    tree = params.model_dump()
    tree["features"] |= {"windows_days": (1, 2)}
    short = Params.model_validate(tree)
    broken = [listed(n, False) for n in range(1, 13)]
    write_file(params, "performance", {"history": broken})
    assert fallen()
    assert fallen(5), "days 5 and 6 are left out, the run goes on"
    assert fallen(11), "it ends on day 10 then"
    assert not fallen(10, 11), "days 1 to 9 are left"
    history = [*broken[:6], listed(7, True), listed(8, True), *broken[8:]]
    write_file(params, "performance", {"history": history})
    assert not fallen()
    assert fallen(7)


@pytest.mark.parametrize("body", ["", "[]", '{"realised": 1}', '{"realised": null}'])
def test_a_damaged_performance_file_is_named(body: str, params: Params) -> None:
    write_file(params, "performance").write_text(body)
    with pytest.raises(ContractError, match=r"performance_latest\.json is damaged"):
        read_fallen(params, VERSION)


def promote(params: Params, name: str, when: str | None, before: str | None) -> None:
    told = {} if when is None else {"as_of_date": when}
    old = None if before is None else {"version": before}
    ledger(params).append("promoted", challenger={"version": name}, champion=old, **told)


def test_a_probation_follows_a_promotion_over_another_champion(params: Params) -> None:
    def now() -> Trial | None:
        return trial(ledger(params).entries(), params)

    assert now() is None
    promote(params, "a", "2025-05-01", None)
    assert now() is None
    promote(params, "b", "2025-05-10", "a")
    wanted = Trial("b", "a", date(2025, 5, 10), 14)
    assert now() == wanted
    assert wanted.until == date(2025, 5, 24)
    ledger(params).append("refused", challenger={"version": "c"}, as_of_date="2025-05-11")
    ledger(params).append("retrain_waited", as_of_date="2025-05-12")
    assert now() == wanted
    for action in ("reverted", "rolled_back", "probation_passed"):
        promote(params, "b", "2025-05-10", "a")
        assert now() is not None
        ledger(params).append(action, as_of_date="2025-05-13")
        assert now() is None
    promote(params, "b", None, "a")
    assert now() is None, "nobody knows when it began"


def test_the_last_training_is_the_latest_day_of_any_line_that_tells_one(params: Params) -> None:
    may = date(2025, 5, 31)
    assert trained(ledger(params).entries(), may) is None
    promote(params, "a", None, None)
    assert trained(ledger(params).entries(), may) is None
    ledger(params).append("retrained", as_of_date="2025-05-12")
    ledger(params).append("refused", as_of_date="2025-05-11")
    ledger(params).append("retrain_waited", as_of_date="2025-05-20")
    assert trained(ledger(params).entries(), may) == date(2025, 5, 12)
    assert trained(ledger(params).entries(), date(2025, 5, 11)) == date(2025, 5, 11)


def test_a_run_that_found_nothing_to_train_is_no_training(tmp_path: Path) -> None:
    params = watched(tmp_path)
    for n, decision in ((20, "refused"), (10, "up_to_date")):
        told = {"trained": {"decision": decision, "reason": "x", "version": None}}
        ledger(params).append("retrained", as_of_date=str(day(DAYS - n)), evidence=told)
    found = read_evidence(params)
    assert found.trained == day(DAYS - 20)
    assert found.retrained == (day(DAYS - 20),)


def test_a_training_was_for_a_change_until_there_is_another(params: Params) -> None:
    def now() -> date | None:
        return for_change(ledger(params).entries(), date(2025, 5, 31))

    def note(when: str, *kinds: str, decision: str = "refused") -> None:
        evidence = {"triggers": [{"kind": one} for one in kinds], "trained": {"decision": decision}}
        ledger(params).append("retrained", as_of_date=when, evidence=evidence)

    assert now() is None
    note("2025-05-02", "schedule", "drift")
    assert now() == date(2025, 5, 2)
    note("2025-05-03", "follow-up", decision="up_to_date")
    assert now() == date(2025, 5, 2), "nothing was trained"
    note("2025-05-04", "follow-up")
    assert now() is None
    note("2025-05-05", "performance")
    assert now() == date(2025, 5, 5)
    ledger(params).append("refused", challenger={"version": "c"}, as_of_date="2025-05-06")
    assert now() is None, "somebody has trained by hand"


def test_a_probation_is_lost_until_the_next_promotion(params: Params) -> None:
    def now() -> Lost | None:
        return lost(ledger(params).entries(), date(2025, 5, 31))

    def back(left: str, to: str) -> None:
        told = {"from": {"version": left}, "to": {"version": to}, "reason": "x"}
        ledger(params).append("rolled_back", **told)

    def revert() -> None:
        told = {"champion": "b", "before": "a", "since": "2025-05-10", "reason": "x"}
        ledger(params).append("reverted", as_of_date="2025-05-20", **told)

    promote(params, "b", "2025-05-10", "a")
    assert now() is None
    back("b", "a")
    assert now() is None, "taken back by hand"
    promote(params, "b", "2025-05-10", "a")
    revert()
    assert now() == Lost("b", date(2025, 5, 10))
    back("b", "a")
    ledger(params).append("refused", challenger={"version": "c"}, as_of_date="2025-05-22")
    assert now() == Lost("b", date(2025, 5, 10))
    assert lost(ledger(params).entries(), date(2025, 5, 9)) is None
    back("a", "b")
    assert now() is None, "somebody wants it"
    revert()
    promote(params, "c", "2025-05-25", "a")
    assert now() is None
