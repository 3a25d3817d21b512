"""`churn retrain`: decides whether to train anew, trains, and notes what the gate said.

A training that was killed is taken up again (`retrain_intent`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from churn_mlops.data.calendar import report_path
from churn_mlops.errors import ContractError
from churn_mlops.files import read_json, write_json
from churn_mlops.monitoring import probation, retrain_intent
from churn_mlops.monitoring.repro import Outcome, repro, require_workspace
from churn_mlops.monitoring.retrain_decision import Decision, decide
from churn_mlops.monitoring.retrain_files import UP_TO_DATE, day_of, last_day, read_evidence
from churn_mlops.monitoring.retrain_intent import Intent
from churn_mlops.params import Params
from churn_mlops.registry.history import RETRAIN_WAITED, RETRAINED, ledger
from churn_mlops.registry.ledger import Entry
from churn_mlops.summary import Summary

STAGE = "retrain"


def run(
    params: Params,
    params_file: str | Path,
    *,
    reason: str | None,
    schedule: bool = False,
    dry_run: bool = False,
) -> Summary:
    """Decide, and train when it is to be done; the caller holds the workspace's lock.

    A probation that is under way is judged before (`probation.run`), except when a killed training
    of the same day is taken up: it was judged then, and DVC may have taken away what it reads.

    Parameters
    ----------
    params : Params
    params_file : str or Path
        Where they come from: ``params.yaml`` of the working directory, as DVC reads no other.
    reason : str or None
        Of somebody who asks for it, for the ledger.
    schedule : bool
    dry_run : bool
        Only tell.

    Returns
    -------
    Summary
        Its facts hold the decision (`Decision.as_json`); after a training ``trained`` with what
        the gate said.

    Raises
    ------
    BundleError, ContractError, LedgerError
        See `read_evidence`.
    ParamsError
        DVC would read other parameters.
    RetrainError
        A stage failed, or DVC could not begin.
    """
    killed = retrain_intent.begun(params)
    taken_up = killed if killed is not None and killed.day == last_day(params) else None
    if not dry_run and taken_up is None:
        # Who is champion is settled first, and a probation whose days are over ends.
        probation.run(params)
    made = _decided(taken_up, params, reason=reason, schedule=schedule)
    if dry_run:
        return Summary(STAGE, {}, [], made.as_json() | {"dry_run": True}, made.lines())
    if made.action != "retrain":
        if killed is not None and (said := killed.gate_said(params)) is not None:
            # Killed between the gate's line and its own.
            return _finish(killed, said, params)
        retrain_intent.end(params)
        return _left(made, params)
    require_workspace(params, params_file)
    return _trained(taken_up or retrain_intent.begin(made, params), params)


def _decided(
    taken_up: Intent | None, params: Params, *, reason: str | None, schedule: bool
) -> Decision:
    """Decide; a training that is taken up has the reasons that it had."""
    evidence = read_evidence(params)
    if taken_up is not None:
        reason = reason or taken_up.reasons.get("by hand")
        schedule = schedule or "schedule" in taken_up.reasons
        if not report_path(params).exists():
            # DVC had taken it away to make it anew: the day had passed when the training began.
            evidence = replace(evidence, rejected=None)
    return decide(evidence, params, reason=reason, schedule=schedule)


def _trained(intent: Intent, params: Params) -> Summary:
    """Train, and note what the gate said."""
    try:
        outcome = repro("promote_model")
    except Exception:
        said = intent.gate_said(params)
        if said is not None:
            # It failed after the gate had decided: a model was trained, and that counts.
            _finish(intent, said, params)
        # Else the next run decides anew. Only who is killed leaves its intent.
        retrain_intent.end(params)
        raise
    said = intent.gate_said(params)
    if said is None and not outcome.stages and (before := _told(intent, params)) is not None:
        retrain_intent.end(params)
        return Summary(STAGE, {}, [], before, _lines(before))
    return _finish(intent, said or _gate(outcome, params), params)


def _left(made: Decision, params: Params) -> Summary:
    """Note that a reason waits: once per day of the data."""
    book = ledger(params)
    before = [one for one in book.entries() if one.action == RETRAIN_WAITED]
    if made.action == "wait" and not any(day_of(one) == made.day for one in before):
        _append(RETRAIN_WAITED, made.as_json(), made.reason, params)
    path = _tell(made.as_json(), params)
    return Summary(STAGE, {}, [path], made.as_json(), made.lines())


def _finish(intent: Intent, said: dict[str, Any], params: Params) -> Summary:
    """Note the training and strike out its intent."""
    facts = intent.facts | {"trained": said}
    if RETRAINED not in (one.action for one in intent.since(params)):
        words = f"{said['decision']}: {said['reason']} ({facts['reason']})"
        _append(RETRAINED, facts, words, params)
    path = _tell(facts, params)
    retrain_intent.end(params)
    return Summary(STAGE, {}, [ledger(params).path, path], facts, _lines(facts))


def _lines(facts: dict[str, Any]) -> list[str]:
    """A training for a terminal."""
    return [
        f"TRAINED: the challenger was {facts['trained']['decision']}",
        f"  {facts['trained']['reason']}",
        *(f"  because of {one['kind']}: {one['text']}" for one in facts["triggers"]),
    ]


def _told(intent: Intent, params: Params) -> dict[str, Any] | None:
    """What a run has told that trained today for the same reason by hand; None when none has.

    Who was killed after that, or asks twice, is told it again.
    """
    body = read_json(_latest(params), dict[str, Any], "remove it; the next run writes it anew")
    if body is None or "trained" not in body or body["as_of_date"] != intent.facts["as_of_date"]:
        return None
    mine, other = (
        [one["text"] for one in told["triggers"] if one["kind"] == "by hand"]
        for told in (intent.facts, body)
    )
    return {key: body[key] for key in body if key != "waiting_since"} if mine == other else None


def _append(action: str, body: dict[str, Any], reason: str, params: Params) -> None:
    evidence = {key: body[key] for key in ("triggers", "checks", "trained") if key in body}
    ledger(params).append(action, as_of_date=body["as_of_date"], reason=reason, evidence=evidence)


def _tell(body: dict[str, Any], params: Params) -> Path:
    """Write retrain_latest.json, with the day since which a reason has waited."""
    path = _latest(params)
    since = None
    if body["action"] == "wait":
        entries = ledger(params).entries()
        trained = max((one.n for one in entries if one.action == RETRAINED), default=0)
        waited = [one for one in entries if one.action == RETRAIN_WAITED and one.n > trained]
        since = _waiting_since(waited, params)
    write_json(path, body | {"waiting_since": since})
    return path


def _waiting_since(waited: Sequence[Entry], params: Params) -> str | None:
    """The first day of the latest run of waiting; a gap longer than the checks ends a run."""
    days = sorted(day for one in waited if (day := day_of(one)) is not None)
    first = None
    for day in reversed(days):
        if first is not None and (first - day).days > params.monitoring.retrain.drift_checks:
            break
        first = day
    return None if first is None else first.isoformat()


def _latest(params: Params) -> Path:
    return Path(params.paths.artifacts) / "monitoring" / "retrain_latest.json"


def _gate(outcome: Outcome, params: Params) -> dict[str, Any]:
    """What the gate said that has noted nothing: no new model, or no decision."""
    path = Path(params.paths.artifacts) / "metrics" / "promotion.json"
    if not outcome.stages:
        reason = "neither data nor parameters have changed since the last training"
        return {"decision": UP_TO_DATE, "reason": reason, "version": None}
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        version = report["challenger"]["version"]
        return {"decision": report["decision"], "reason": report["reason"], "version": version}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ContractError(
            f"{path} does not tell what the gate said: {error!r}",
            fix="run the gate again: `dvc repro -f promote_model`",
        ) from error
