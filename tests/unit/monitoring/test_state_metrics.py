"""The state on the board: every metric from its file, nothing from a file that is not there."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from churn_mlops.data import generate_data, validate
from churn_mlops.monitoring import drift, performance, retrain, score_proxy
from churn_mlops.monitoring.gauges import STATE, Board
from churn_mlops.monitoring.state_metrics import end_of, state_board
from churn_mlops.params import Params
from churn_mlops.registry.champion import production_folder
from churn_mlops.registry.history import PROMOTED, REFUSED, ROLLED_BACK, ledger
from tests.monitored import FILES, SCORES, VALIDATION, path_of, write_all, write_file
from tests.serving import workspace
from tests.trained import bundle, params_in
from tests.watched import DAYS, put_features, score, watched


@pytest.fixture
def params(tmp_path: Path) -> Params:
    return params_in(tmp_path)


def value(board: Board, name: str, **labels: str) -> float | None:
    return board.registry.get_sample_value(name, labels)


def promote(params: Params, digest: str) -> float:
    challenger = {"digest": digest, "version": digest[:12], "family": "lightgbm"}
    entry = ledger(params).append(PROMOTED, challenger=challenger)
    return datetime.fromisoformat(entry.at).timestamp()


def test_nothing_there_is_nothing_published(params: Params) -> None:
    board = state_board(params)
    assert (board.series, board.problems) == (0, [])


def test_with_everything_there_every_metric_has_a_value(tmp_path: Path) -> None:
    params = workspace(tmp_path)
    write_all(params)
    promote(params, bundle("candidate").digest)
    board = state_board(params)
    text = generate_latest(board.registry).decode()
    assert board.problems == []
    assert [g.name for g in STATE if f"# TYPE {g.name} gauge" not in text] == []


# One failed drift check is a reason to train.
EAGER = {"retrain": {"drift_fails": 1}}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """A workspace in which the commands themselves have written the files, after a change."""
    folder = tmp_path_factory.mktemp("real")
    made = watched(folder, data={"synthetic": {"users": 60, "days": DAYS}}, monitoring=EAGER)
    generate_data.run(made)
    validate.run(made)
    score(made, [75, 85, DAYS - 1])
    score_proxy.run(made)
    performance.run(made)
    put_features(made, DAYS - 1, logins_7d=lambda logins: logins + 4)
    drift.run(made)
    promote(made, bundle().digest)
    retrain.run(made, "params.yaml", reason=None)
    return made


@pytest.mark.slow
def test_the_commands_own_files_give_every_metric(real: Params) -> None:
    board = state_board(real)
    text = generate_latest(board.registry).decode()
    assert board.problems == []
    assert [g.name for g in STATE if f"# TYPE {g.name} gauge" not in text] == []
    assert value(board, "churn_drift_status") == 2
    assert value(board, "churn_drift_findings", check="CHN411", level="FAIL") == 1
    body = json.loads(path_of(real, "performance").read_text())
    kept = body["promises"]["pr_auc"]
    ratio = value(board, "churn_performance_promises_kept_ratio", metric="pr_auc")
    assert ratio == kept["kept"] / kept["batches"]
    tested = value(board, "churn_performance_realised", metric="pr_auc")
    assert tested == body["realised"]["pr_auc"]["value"]


def shape(body: Any, place: str = "") -> set[str]:
    """All places of a JSON value at which something stands."""
    if isinstance(body, dict) and not place.endswith(".checks"):
        return {p for key, below in body.items() for p in shape(below, f"{place}.{key}")}
    if isinstance(body, list) and body:
        return {p for below in body for p in shape(below, f"{place}[]")}
    return {place}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["validation", *FILES])
def test_the_files_that_tests_make_up_have_the_shape_of_the_real_ones(
    name: str, real: Params
) -> None:
    made_up = {"validation": VALIDATION, **FILES}[name]
    assert shape(made_up) == shape(json.loads(path_of(real, name).read_text()))


def test_values_are_those_of_the_files(params: Params) -> None:
    write_all(params)
    board = state_board(params)
    day = datetime(2025, 5, 1, tzinfo=UTC).timestamp()
    assert value(board, "churn_data_last_day_timestamp_seconds") == day
    assert value(board, "churn_validation_rows", table="users", outcome="quarantined") == 2
    assert value(board, "churn_validation_quarantined_ratio", table="users") == 0.001
    assert value(board, "churn_drift_status") == 1
    assert value(board, "churn_drift_psi", column="watch_minutes_7d") == 0.18
    assert value(board, "churn_drift_findings", check="CHN411", level="WARN") == 2
    assert value(board, "churn_drift_findings", check="CHN404", level="WARN") == 1
    assert value(board, "churn_drift_joint_roc_auc") == 0.61
    assert value(board, "churn_batch_day_timestamp_seconds") == day
    assert value(board, "churn_batch_risk_quantile", quantile="0.95") == 0.93
    assert value(board, "churn_batch_status") == 0
    assert value(board, "churn_performance_estimated", metric="pr_auc", bound="low") == 0.88
    assert value(board, "churn_performance_realised", metric="roc_auc") == 0.94
    assert value(board, "churn_performance_floor", metric="pr_auc") == 0.74
    assert value(board, "churn_performance_promises_kept_ratio", metric="pr_auc") == 0.9
    assert value(board, "churn_performance_realised_floor", metric="pr_auc") == 0.73
    assert value(board, "churn_performance_realised_low", metric="roc_auc") == 0.92
    assert value(board, "churn_performance_promises_broken_days", metric="roc_auc") == 2
    assert value(board, "churn_performance_promises_broken_limit_days") == 30
    realised = value(board, "churn_performance_realised_day_timestamp_seconds")
    assert realised == datetime(2025, 4, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("since", "days"), [("2025-04-28", 3), ("2025-04-30", 1), ("2025-03-31", 31), (None, 0)]
)
def test_the_first_day_of_waiting_counts(params: Params, since: str | None, days: int) -> None:
    write_file(params, "retrain", {"waiting_since": since})
    assert value(state_board(params), "churn_retrain_waiting_days") == days


@pytest.mark.parametrize(("action", "number"), [("nothing", 0), ("wait", 1), ("retrain", 2)])
def test_what_blocks_and_for_how_long_is_published_while_it_waits(
    params: Params, action: str, number: int
) -> None:
    checks = [
        {"check": f"CHN50{n}", "passed": passed, "binding": binding, "text": ""}
        for n, (passed, binding) in enumerate([(True, True), (False, True), (False, False)], 1)
    ]
    write_file(params, "retrain", {"action": action, "checks": checks})
    board = state_board(params)
    assert value(board, "churn_retrain_decision") == number
    blocked = [value(board, "churn_retrain_blocked", check=f"CHN50{n}") for n in (1, 2, 3)]
    waits = action == "wait"
    assert blocked == [0, waits, 0]
    assert value(board, "churn_retrain_waiting_days") == (3 if waits else 0)
    assert value(board, "churn_retrain_decided_day_timestamp_seconds") == end_of(date(2025, 4, 30))


def test_a_day_ends_at_midnight_utc() -> None:
    assert end_of(date(1970, 1, 1)) == 86_400


def test_only_the_first_columns_are_published(tmp_path: Path) -> None:
    params = params_in(tmp_path, monitoring={"drift": {"top": 1}})
    write_file(params, "drift")
    text = generate_latest(state_board(params).registry).decode()
    assert text.count("churn_drift_psi{") == 1


def test_what_is_not_known_yet_is_left_out(params: Params) -> None:
    write_file(params, "drift", {"joint": None, "risk": {"psi": None}, "findings": []})
    write_file(params, "score_proxy", {"risk_psi": None})
    none = {"batches": 0, "kept": 0, "below_days": 0}
    no_promise = dict.fromkeys(("pr_auc", "roc_auc"), none)
    write_file(params, "performance", {"realised": None, "promises": no_promise})
    board = state_board(params)
    assert board.problems == []
    text = generate_latest(board.registry).decode()
    for name in (
        *("churn_drift_joint_roc_auc", "churn_drift_risk_psi", "churn_drift_findings"),
        *("churn_batch_risk_psi", "churn_performance_realised"),
        "churn_performance_promises_kept_ratio",
    ):
        assert name not in text


@pytest.mark.parametrize("name", ["validation", "drift", "score_proxy", "performance"])
def test_a_damaged_file_keeps_no_other_away(name: str, params: Params) -> None:
    write_all(params)
    whole = state_board(params).series
    path_of(params, name).write_text("{")
    board = state_board(params)
    (problem,) = board.problems
    assert str(path_of(params, name)) in problem
    assert 0 < board.series < whole


def test_numbers_that_are_none_are_left_out_and_named(params: Params) -> None:
    quantiles = {"0.5": math.nan, "NaN": 0.5, "2": 0.5, "x": 0.5}
    write_file(params, "score_proxy")
    body = SCORES | {"risk_quantiles": quantiles, "risk_mean": math.inf}
    path_of(params, "score_proxy").write_text(json.dumps(body))
    board = state_board(params)
    assert len(board.problems) == 5
    text = generate_latest(board.registry).decode()
    assert "nan" not in text.lower()
    assert "churn_batch_risk_quantile" not in text
    assert value(board, "churn_batch_users") == 1311


def test_a_champion_without_a_ledger(tmp_path: Path) -> None:
    board = state_board(workspace(tmp_path))
    version = bundle("candidate").version
    assert value(board, "churn_champion_info", model_version=version, family="lightgbm") == 1
    last = end_of(bundle("candidate").meta.window.train_last_day)
    assert value(board, "churn_champion_trained_until_timestamp_seconds") == last
    assert value(board, "churn_champion_promoted_timestamp_seconds") is None


def test_a_damaged_champion_and_a_damaged_ledger_are_named(tmp_path: Path) -> None:
    params = workspace(tmp_path)
    write_all(params)
    (production_folder(params) / "model.onnx").write_bytes(b"x")
    ledger(params).path.write_text("{}\n")
    board = state_board(params)
    assert "model.onnx" in board.problems[0]
    assert "ledger.jsonl, line 1" in board.problems[1]
    assert value(board, "churn_drift_status") == 1


def test_going_back_does_not_make_the_champion_younger(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    from churn_mlops.registry import ledger as module

    class Clock(datetime):
        hour_of_day = 0

        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            cls.hour_of_day += 1
            return datetime(2025, 1, 1, cls.hour_of_day, tzinfo=UTC)

    monkeypatch.setattr(module, "datetime", Clock)
    first, second = promote(params, "a" * 64), promote(params, "b" * 64)
    assert value(state_board(params), "churn_champion_promoted_timestamp_seconds") == second
    facts = {"from": {"digest": "b" * 64}, "to": {"digest": "a" * 64}, "reason": "x"}
    ledger(params).append(ROLLED_BACK, **facts)
    ledger(params).append(REFUSED, challenger={"digest": "c" * 64}, reason="worse")
    board = state_board(params)
    assert value(board, "churn_champion_promoted_timestamp_seconds") == first
    for decision, hour in ((PROMOTED, 2), (ROLLED_BACK, 3), (REFUSED, 4)):
        name = "churn_promotion_last_decision_timestamp_seconds"
        when = datetime(2025, 1, 1, hour, tzinfo=UTC).timestamp()
        assert value(board, name, decision=decision) == when
