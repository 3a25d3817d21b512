"""Jobs are tried again while what fails may come back, and never otherwise."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest

from churn_mlops import errors
from churn_mlops.data.bad_days import read_bad_days
from churn_mlops.data.watermark import Watermark, write_watermark
from churn_mlops.errors import ChurnError, ContractError, NotEnoughDataError, TrackingError
from churn_mlops.loop import daily, jobs
from churn_mlops.loop.day_log import DONE, FAILED, DayLog, write_day_log
from churn_mlops.loop.jobs import Done, Ended
from churn_mlops.monitoring import drift, retrain
from churn_mlops.params import Params
from churn_mlops.summary import Summary
from tests.watched import DAYS, day, put_features, score, watched

QUICK = Params.model_validate({"jobs": {"tries": 3, "backoff_seconds": 0.0}})
SUMMARY = Summary("stage", {"rows": 3}, [Path("x")], {"a": 1})


def failing(times: int, error: ChurnError) -> tuple[Callable[[], Done], list[int]]:
    calls: list[int] = []

    def work() -> Done:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return Done(SUMMARY, 3)

    return work, calls


BRANCHES = ChurnError.__subclasses__()


@pytest.mark.parametrize("branch", BRANCHES)
def test_only_what_may_go_away_is_tried_again(branch: type[ChurnError]) -> None:
    work, calls = failing(99, branch("no"))
    ended = jobs.run("job", QUICK, work)
    again = branch in (
        errors.TrackingError,
        errors.SourceError,
        errors.PublishError,
        errors.WorkspaceBusyError,
    )
    assert len(calls) == ended.attempts == (3 if again else 1)
    assert ended.exit_code == branch.exit_code
    assert isinstance(ended.error, branch)


def test_it_goes_away(capsys: pytest.CaptureFixture[str]) -> None:
    work, _ = failing(2, TrackingError("MLflow is away"))
    ended = jobs.run("job", QUICK, work)
    assert (ended.attempts, ended.exit_code, ended.error) == (3, 3, None)
    told = "".join(capsys.readouterr())
    assert told.count("job begins") == 3
    assert told.count("it is tried again") == 2
    assert "MLflow is away" in told


def test_a_defect_is_no_error_of_ours() -> None:
    with pytest.raises(ZeroDivisionError):
        jobs.run("job", QUICK, lambda: Done(SUMMARY, 1 // 0))


def test_as_json_says_how_it_ended() -> None:
    done = Ended("a", 2, 1.23456, Done(SUMMARY, 2), None).as_json()
    assert done == {
        "job": "a",
        "attempts": 2,
        "exit_code": 2,
        "seconds": 1.235,
        "error": None,
        "summary": {"stage": "stage", "rows": {"rows": 3}, "outputs": ["x"], "facts": {"a": 1}},
    }
    failed = Ended("a", 1, 0.0, None, ContractError("no", fix="mend")).as_json()
    assert failed["error"] == {"type": "ContractError", "message": "no", "fix": "mend"}
    assert (failed["exit_code"], failed["summary"]) == (12, None)
    json.dumps([done, failed])


def test_batch_score_works_days_in_up_to_their_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[object] = []

    def run(*given: object) -> Summary:
        called.append(given)
        return SUMMARY

    monkeypatch.setattr(daily, "run", run)
    assert jobs.batch_score(QUICK, day(3)) == Done(SUMMARY)
    assert called == [(QUICK, day(3), "score_proxy")]


@pytest.mark.parametrize(
    ("action", "code"), [("nothing", 0), ("retrain", 0), ("wait", jobs.WAITED)]
)
@pytest.mark.parametrize("schedule", [True, False])
def test_training_that_waits_has_a_code(
    action: str, code: int, schedule: bool, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    def run(params: Params, file: str, *, reason: str | None, schedule: bool) -> Summary:
        assert os.environ["CHURN_WORKSPACE_LOCK"]
        return Summary("retrain", facts={"action": action, "given": [file, reason, schedule]})

    monkeypatch.setattr(retrain, "run", run)
    done = jobs.retrain(QUICK, "params.yaml", schedule=schedule)
    assert done.exit_code == code
    assert done.summary.facts["given"] == ["params.yaml", None, schedule]


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Params:
    folder = tmp_path_factory.mktemp("jobs")
    return watched(folder, monitoring={"publish": {"textfile": str(folder)}})


def test_without_lists_the_verdict_stands(watching: Params) -> None:
    done = jobs.drift_check(watching)
    assert done.exit_code == {"OK": 0, "FAIL": 2, "WARN": 3}[done.summary.facts["status"]]
    assert done.summary.facts["performance"] is None
    folder = Path(str(watching.monitoring.publish.textfile))
    assert "last_success" not in (folder / "churn_stage_performance.prom").read_text()
    assert "last_success" in (folder / "churn_stage_drift_check.prom").read_text()


def test_the_lists_are_graded_as_well(watching: Params) -> None:
    score(watching, [DAYS - 1])
    done = jobs.drift_check(watching)
    assert done.summary.facts["performance"] in ("OK", "WARN", "FAIL")
    names = {path.name for path in done.summary.outputs}
    assert {"drift_latest.json", "performance_latest.json"} <= names
    assert done.summary.facts["as_of_date"] == day(DAYS - 1).isoformat()


def worked_in(params: Params, days: Sequence[int], last: int) -> None:
    """Note days as done, as `churn job batch-score` does, and how far the data reaches."""
    for n in days:
        write_day_log(params, DayLog(day(n), DONE, []))
    write_watermark(params, Watermark(day(last), True, "x"))


def reports(params: Params) -> dict[str, str]:
    """The status in each drift report, by day."""
    paths = sorted((Path(params.paths.artifacts) / "monitoring/drift").glob("*.json"))
    return {path.stem: json.loads(path.read_text())["status"] for path in paths}


def test_days_that_were_caught_up_are_checked_too(tmp_path: Path) -> None:
    """A fault of a day in between is marked; verdict and latest report are the last day's."""
    last = DAYS - 1
    params = watched(tmp_path, last=last - 3)
    worked_in(params, [last - 3], last - 3)
    assert jobs.drift_check(params).summary.facts["caught_up"] == []
    # A number of each user was zero on one of three days that came in at once.
    put_features(params, last, last - 2, days_since_last_activity=lambda old: old * 0)
    worked_in(params, [last - 2, last - 1, last], last)
    write_day_log(params, DayLog(day(last - 1), FAILED, []))
    done = jobs.drift_check(params)
    facts = done.summary.facts
    assert [one["as_of_date"] for one in facts["caught_up"]] == [str(day(last - 2))]
    assert facts["caught_up"][0]["status"] == "FAIL"
    assert facts["as_of_date"] == str(day(last))
    assert done.exit_code == {"OK": 0, "FAIL": 2, "WARN": 3}[facts["status"]]
    assert list(reports(params)) == [str(day(n)) for n in (last - 3, last - 2, last)]
    latest = json.loads((tmp_path / "artifacts/monitoring/drift_latest.json").read_text())
    assert latest["as_of_date"] == str(day(last))
    assert str(day(last - 2)) in {str(one.day) for one in read_bad_days(params)}
    assert any(line.startswith(f"caught up {day(last - 2)}: FAIL") for line in done.summary.lines)
    assert jobs.drift_check(params).summary.facts["caught_up"] == []


def test_a_caught_up_day_that_cannot_be_checked_keeps_no_other_from_it(
    watching: Params, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    asked: list[date | None] = []

    def run(params: Params, as_of_date: date | None = None) -> Summary:
        asked.append(as_of_date)
        if as_of_date == day(1):
            raise NotEnoughDataError("nobody is eligible")
        facts = {"as_of_date": str(as_of_date or day(4)), "status": "WARN", "headline": "WARN: x"}
        return Summary("drift_check", {"users": 1}, [], facts)

    monkeypatch.setattr(drift, "run", run)
    worked_in(QUICK, [2, 1, 4], 4)
    done = jobs.drift_check(QUICK)
    assert asked == [day(1), day(2), None]
    assert done.exit_code == 3
    assert done.summary.facts["caught_up"] == [
        {"as_of_date": str(day(1)), "status": None, "headline": "nobody is eligible"},
        {"as_of_date": str(day(2)), "status": "WARN", "headline": "WARN: x"},
    ]


def test_a_check_that_cannot_be_made_is_an_error(
    watching: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(params: Params) -> Summary:
        raise ContractError("no features")

    monkeypatch.setattr(drift, "run", run)
    with pytest.raises(ContractError, match="no features"):
        jobs.drift_check(watching)
