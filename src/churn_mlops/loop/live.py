"""One day of a time lapse: the daily work, the decision, and what the API says meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from churn_mlops.errors import QuarantineError
from churn_mlops.inference.kept import kept
from churn_mlops.loop import daily
from churn_mlops.loop.diary import Day
from churn_mlops.loop.watched_api import DAILY_REQUESTS, WatchedApi
from churn_mlops.loop.workspace import PARAMS
from churn_mlops.monitoring import retrain
from churn_mlops.params import Params
from churn_mlops.registry.champion import load_champion
from churn_mlops.registry.history import PROMOTED, REFUSED, REVERTED, ledger
from churn_mlops.registry.ledger import Entry
from churn_mlops.summary import Summary

WORK_LOG = Path("work.log")


def live(params: Params, day: date, api: WatchedApi | None) -> Day:
    """Live through a day in the working directory, which is a workspace.

    Parameters
    ----------
    params : Params
    day : date
    api : WatchedApi or None
        None: nobody asks.
    """
    started = time.perf_counter()
    with noted():
        refused = work(params, day)
    if api is not None:
        api.new_day()
        api.ask(DAILY_REQUESTS)
    before = len(ledger(params).entries())
    with noted(), api.all_along() if api is not None else nullcontext():
        decided = retrain.run(params, PARAMS, reason=None)
    new = ledger(params).entries()[before:]
    champion = load_champion(params).version
    if api is not None and any(entry.action in (PROMOTED, REVERTED) for entry in new):
        api.until(champion)
    told = told_of_day(params, day, refused) | told_of_decision(decided, new)
    return Day(
        **told,
        day=day.isoformat(),
        champion=champion,
        api=api.answers.as_json() if api is not None else None,
        seconds=round(time.perf_counter() - started, 2),
    )


def work(params: Params, day: date) -> QuarantineError | None:
    """Do the daily work; what the gate said when it did not let the day pass."""
    try:
        daily.run(params, day)
    except QuarantineError as error:
        return error
    return None


@contextmanager
def noted() -> Iterator[None]:
    """Lead what is logged into a file: hundreds of days would bury what happens."""
    with WORK_LOG.open("a", encoding="utf-8") as log, redirect_stderr(log):
        yield


def told_of_day(params: Params, day: date, refused: QuarantineError | None) -> dict[str, Any]:
    """What the day's files say of list, promise and drift."""
    risks = _risks(params, day)
    folder = Path(params.paths.artifacts) / "monitoring"
    promised = _of_day(folder / "performance_latest.json", day)
    estimated = ((promised or {}).get("estimated") or {}).get("pr_auc") or {}
    checked = _of_day(folder / "drift" / f"{day}.json", day)
    why = refused.message if refused is not None else "no drift check"
    return {
        "users": len(risks),
        "risk_mean": round(float(risks.mean()), 6) if len(risks) else None,
        "risk_expected_churn": round(float(risks.sum()), 3) if len(risks) else None,
        "churn_true": None,
        "oracle_pr_auc": None,
        "pr_auc_realised": None,
        "pr_auc_estimated": estimated.get("value"),
        "pr_auc_low": estimated.get("low"),
        "pr_auc_high": estimated.get("high"),
        "drift": checked["status"] if checked else None,
        "headline": checked["headline"] if checked else why,
        "validation": "ok" if refused is None else refused.message,
    }


def told_of_decision(decided: Summary, new: Sequence[Entry]) -> dict[str, Any]:
    """What was decided, and what the ledger has noted since."""
    facts = decided.facts
    trained = facts.get("trained") or {}
    reverted = [entry for entry in new if entry.action == REVERTED]
    gate = next((e.action for e in reversed(new) if e.action in (PROMOTED, REFUSED)), None)
    reason = str(facts.get("reason", ""))
    if trained:
        reason = f"{trained['decision']}: {trained['reason']}"
    if reverted:
        reason = str(reverted[-1].facts["reason"])
    return {
        "decision": facts.get("action", "nothing"),
        "trigger": "; ".join(f"{one['kind']}: {one['text']}" for one in facts.get("triggers", [])),
        "reason": reason,
        "checks": list(facts.get("checks", [])),
        "gate": gate,
        "promoted": gate == PROMOTED,
        "reverted": bool(reverted),
    }


def _risks(params: Params, day: date) -> np.ndarray:
    """Risks of the list that the day was given; of several models, the one scored first."""
    lists = [one for one in kept(params) if one.day == day]
    if not lists:
        return np.zeros(0)
    return min(lists, key=lambda one: one.path.stat().st_mtime_ns).read().risks


def _of_day(path: Path, day: date) -> dict[str, Any] | None:
    """A report, if it is about the day."""
    if not path.exists():
        return None
    body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return body if body.get("as_of_date") == day.isoformat() else None
