"""What is published about the state of data, model and list, from the files that tell of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from math import isfinite
from pathlib import Path

from churn_mlops.data.calendar import report_path
from churn_mlops.errors import ChurnError
from churn_mlops.monitoring.gauges import STATE, Board
from churn_mlops.monitoring.state_files import (
    Drift,
    Performance,
    Retrained,
    Scores,
    Validation,
    read,
)
from churn_mlops.params import Params
from churn_mlops.registry.champion import in_place
from churn_mlops.registry.history import PROMOTED, ROLLED_BACK, champions, ledger
from churn_mlops.registry.ledger import Entry

ACTIONS = {"nothing": 0, "wait": 1, "retrain": 2}
LEVELS = {"OK": 0, "WARN": 1, "FAIL": 2}


def state_board(params: Params) -> Board:
    """Read everything that is there; what is not there has no metric.

    A damaged file is one of the board's `problems` and does not keep the others away.
    """
    board = Board(STATE)
    for part in (_validation, _drift, _scores, _performance, _champion, _decisions, _retrain):
        try:
            part(board, params)
        except ChurnError as error:
            board.problems.append(error.message)
    return board


def end_of(day: date) -> float:
    """The end of a day, UTC, in seconds since 1970."""
    return datetime.combine(day + timedelta(days=1), time(), UTC).timestamp()


def _monitoring(params: Params, name: str) -> Path:
    return Path(params.paths.artifacts) / "monitoring" / f"{name}_latest.json"


def _validation(board: Board, params: Params) -> None:
    found = read(report_path(params), Validation, "churn validate-data")
    if found is None:
        return
    board.set("churn_data_last_day_timestamp_seconds", end_of(found.calendar.last_day))
    for name, table in found.tables.items():
        rows = {"in": table.rows_in, "ok": table.rows_ok, "quarantined": table.rows_quarantined}
        for outcome, count in rows.items():
            board.set("churn_validation_rows", count, table=name, outcome=outcome)
        board.set("churn_validation_quarantined_ratio", table.quarantine_share, table=name)


def _drift(board: Board, params: Params) -> None:
    found = read(_monitoring(params, "drift"), Drift, "churn drift-check")
    if found is None:
        return
    board.set("churn_drift_status", LEVELS[found.status])
    board.set("churn_drift_checked_day_timestamp_seconds", end_of(found.as_of_date))
    board.set("churn_drift_users", found.users)
    for column in found.columns[: params.monitoring.drift.top]:
        board.set("churn_drift_psi", column.psi, column=column.column)
    board.set("churn_drift_risk_psi", found.risk.psi if found.risk else None)
    board.set("churn_drift_joint_roc_auc", found.joint.roc_auc if found.joint else None)
    kinds = [(finding.check, finding.level) for finding in found.findings]
    for check, level in sorted(set(kinds)):
        count = kinds.count((check, level))
        board.set("churn_drift_findings", count, check=check, level=level)


def _scores(board: Board, params: Params) -> None:
    found = read(_monitoring(params, "score_proxy"), Scores, "churn score-proxy")
    if found is None:
        return
    board.set("churn_batch_day_timestamp_seconds", end_of(found.as_of_date))
    board.set("churn_batch_users", found.users)
    board.set("churn_batch_contacts", found.contacts)
    board.set("churn_batch_risk_mean", found.risk_mean)
    for quantile, risk in found.risk_quantiles.items():
        if _is_share(quantile):
            board.set("churn_batch_risk_quantile", risk, quantile=quantile)
        else:
            board.problems.append(f"churn_batch_risk_quantile: {quantile!r} is no quantile")
    board.set("churn_batch_high_risk_ratio", found.high_risk_share)
    board.set("churn_batch_risk_psi", found.risk_psi)
    board.set("churn_batch_status", LEVELS[found.status])


def _is_share(text: str) -> bool:
    try:
        return isfinite(float(text)) and 0 <= float(text) <= 1
    except ValueError:
        return False


def _performance(board: Board, params: Params) -> None:
    found = read(_monitoring(params, "performance"), Performance, "churn performance")
    if found is None:
        return
    board.set("churn_performance_estimated_day_timestamp_seconds", end_of(found.as_of_date))
    for metric, estimate in found.estimated.items():
        for bound, value in estimate:
            board.set("churn_performance_estimated", value, metric=metric, bound=bound)
    for metric, floor in found.floors.items():
        board.set("churn_performance_floor", floor, metric=metric)
    for metric, promises in found.promises.items():
        kept = promises.kept / promises.batches if promises.batches else None
        board.set("churn_performance_promises_kept_ratio", kept, metric=metric)
        board.set("churn_performance_promises_broken_days", promises.below_days, metric=metric)
    board.set("churn_performance_promises_broken_limit_days", found.window_days)
    if found.realised is None:
        return
    board.set("churn_performance_realised_day_timestamp_seconds", end_of(found.realised.as_of_date))
    for metric, floor in (found.realised_floors or {}).items():
        board.set("churn_performance_realised_floor", floor, metric=metric)
    for metric in ("pr_auc", "roc_auc"):
        realised = getattr(found.realised, metric)
        board.set("churn_performance_realised", realised and realised.value, metric=metric)
        board.set("churn_performance_realised_low", realised and realised.low, metric=metric)


def _champion(board: Board, params: Params) -> None:
    bundle = in_place(params)
    if bundle is None:
        return
    meta = bundle.meta
    board.set("churn_champion_info", 1, model_version=bundle.version, family=meta.family)
    trained_until = end_of(meta.window.train_last_day)
    board.set("churn_champion_trained_until_timestamp_seconds", trained_until)


def _decisions(board: Board, params: Params) -> None:
    entries = ledger(params).entries()
    for action in sorted({entry.action for entry in entries}):
        last = max(_when(entry) for entry in entries if entry.action == action)
        board.set("churn_promotion_last_decision_timestamp_seconds", last, decision=action)
    board.set("churn_champion_promoted_timestamp_seconds", _promoted(entries))


def _retrain(board: Board, params: Params) -> None:
    found = read(_monitoring(params, "retrain"), Retrained, "churn retrain")
    if found is None:
        return
    board.set("churn_retrain_decision", ACTIONS[found.action])
    board.set("churn_retrain_decided_day_timestamp_seconds", end_of(found.as_of_date))
    waits = found.action == "wait"
    for one in found.checks:
        board.set(
            "churn_retrain_blocked", waits and one.binding and not one.passed, check=one.check
        )
    since = found.waiting_since
    waited = (found.as_of_date - since).days + 1 if waits and since is not None else 0
    board.set("churn_retrain_waiting_days", waited)


def _promoted(entries: Sequence[Entry]) -> float | None:
    """When the champion was promoted; going back to it later does not make it younger."""
    present = champions(entries)
    if not present:
        return None
    digest = present[-1]["digest"]
    for action, place in ((PROMOTED, "challenger"), (ROLLED_BACK, "to")):
        times = [
            _when(e) for e in entries if e.action == action and e.facts[place]["digest"] == digest
        ]
        if times:
            return max(times)
    return None


def _when(entry: Entry) -> float:
    return datetime.fromisoformat(entry.at).timestamp()
