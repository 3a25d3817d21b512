"""`churn retrain`: is there a reason to train anew, may it be done now, and what did the gate say?

`decide` is a pure function of `evidence.Evidence`; `run` reads the evidence, trains and notes what
came of it. A training that was killed is taken up again: what it was for is written down before it
begins and struck out after its line is in the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from churn_mlops.data.calendar import report_path
from churn_mlops.errors import ContractError
from churn_mlops.files import read_json, write_json
from churn_mlops.monitoring import probation
from churn_mlops.monitoring.evidence import Evidence
from churn_mlops.monitoring.repro import Outcome, repro, require_workspace
from churn_mlops.monitoring.retrain_checks import Held, preconditions
from churn_mlops.monitoring.retrain_files import UP_TO_DATE, day_of, last_day, read_evidence
from churn_mlops.monitoring.triggers import Trigger, triggers
from churn_mlops.params import Params
from churn_mlops.registry.history import PROMOTED, REFUSED, RETRAIN_WAITED, RETRAINED, ledger
from churn_mlops.registry.ledger import Entry
from churn_mlops.summary import Summary

Action = Literal["nothing", "wait", "retrain"]
STAGE = "retrain"


@dataclass(frozen=True)
class Decision:
    """What is to be done, and why.

    Parameters
    ----------
    day : date
        The last day of the data.
    action : {"nothing", "wait", "retrain"}
    triggers : tuple of Trigger
        The reasons to train, the most urgent first.
    checks : tuple of Held
        Every precondition.
    """

    day: date
    action: Action
    triggers: tuple[Trigger, ...]
    checks: tuple[Held, ...]

    @property
    def blocked(self) -> tuple[Held, ...]:
        """The preconditions that training waits for."""
        return tuple(one for one in self.checks if one.blocks)

    @property
    def reason(self) -> str:
        """The decision in one sentence."""
        if self.action == "nothing":
            return "no reason to train"
        why = "; ".join(f"{one.kind}: {one.text}" for one in self.triggers)
        if self.action == "retrain":
            return why
        return f"{'; '.join(f'{one.check} {one.text}' for one in self.blocked)} ({why})"

    def as_json(self) -> dict[str, Any]:
        """The decision as JSON holds it."""
        return {
            "as_of_date": self.day.isoformat(),
            "action": self.action,
            "reason": self.reason,
            "triggers": [one.as_json() for one in self.triggers],
            "checks": [one.as_json() for one in self.checks],
        }

    def lines(self) -> list[str]:
        """The decision for a terminal."""
        head = {
            "nothing": "NOTHING TO DO: no reason to train",
            "wait": f"WAIT for {', '.join(one.check for one in self.blocked)}",
            "retrain": "TRAIN",
        }[self.action]
        lines = [f"{head} ({self.day})"]
        lines += [f"  because of {one.kind}: {one.text}" for one in self.triggers]
        for one in self.checks:
            mark = "ok" if one.passed else "WAITS" if one.binding else "warns"
            lines.append(f"  {one.check} {mark:5}  {one.text}")
        return lines


def decide(
    evidence: Evidence, params: Params, *, reason: str | None = None, schedule: bool = False
) -> Decision:
    """Decide whether to train anew.

    Parameters
    ----------
    evidence : Evidence
    params : Params
    reason : str, optional
        Of somebody who asks for it. It overrules all preconditions but those that keep bad days
        from being learned (CHN501, CHN502).
    schedule : bool
        Whether this is the run that keeps the schedule.
    """
    found = triggers(evidence, params.monitoring.retrain, reason=reason, schedule=schedule)
    checks = preconditions(evidence, found, params)
    action: Action = "nothing"
    if found:
        action = "wait" if any(one.blocks for one in checks) else "retrain"
    return Decision(evidence.day, action, found, checks)


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
    begun = _begun(params)
    taken_up = begun is not None and begun["as_of_date"] == last_day(params).isoformat()
    if not dry_run and not taken_up:
        # Who is champion is settled first, and a probation whose days are over ends.
        probation.run(params)
    evidence = read_evidence(params)
    if begun is not None and taken_up:
        kinds = {one["kind"]: one["text"] for one in begun["triggers"]}
        reason, schedule = reason or kinds.get("by hand"), schedule or "schedule" in kinds
        if not report_path(params).exists():
            # DVC had taken it away to make it anew: the day had passed when the training began.
            evidence = replace(evidence, rejected=None)
    made = decide(evidence, params, reason=reason, schedule=schedule)
    if dry_run:
        return Summary(STAGE, {}, [], made.as_json() | {"dry_run": True}, made.lines())
    if begun is not None and made.action != "retrain":
        noted = _noted(begun, params)
        if noted is not None:
            # Killed between the gate's line and its own.
            return _finish(begun, noted, params)
        _pending(params).unlink()
    if made.action != "retrain":
        return _left(made, params)
    require_workspace(params, params_file)
    if begun is None or not taken_up:
        begun = made.as_json() | {"after": ledger(params).head()[0]}
        write_json(_pending(params), begun)
    try:
        outcome = repro("promote_model")
    except Exception:
        said = _noted(begun, params)
        if said is not None:
            # It failed after the gate had decided: a model was trained, and that counts.
            _finish(begun, said, params)
        # Else the next run decides anew. Only who is killed leaves its intent.
        _pending(params).unlink(missing_ok=True)
        raise
    said = _noted(begun, params)
    if said is None and not outcome.stages and (before := _told(begun, params)) is not None:
        _pending(params).unlink()
        return Summary(STAGE, {}, [], before, _lines(before))
    return _finish(begun, said or _gate(outcome, params), params)


def _left(made: Decision, params: Params) -> Summary:
    """Note that a reason waits: once per day of the data."""
    book = ledger(params)
    before = [one for one in book.entries() if one.action == RETRAIN_WAITED]
    if made.action == "wait" and not any(day_of(one) == made.day for one in before):
        _append(RETRAIN_WAITED, made.as_json(), made.reason, params)
    path = _tell(made.as_json(), params)
    return Summary(STAGE, {}, [path], made.as_json(), made.lines())


def _finish(begun: dict[str, Any], said: dict[str, Any], params: Params) -> Summary:
    """Note the training and strike out its intent."""
    facts = {key: value for key, value in begun.items() if key != "after"} | {"trained": said}
    if RETRAINED not in (one.action for one in _since(begun, params)):
        words = f"{said['decision']}: {said['reason']} ({begun['reason']})"
        _append(RETRAINED, facts, words, params)
    path = _tell(facts, params)
    _pending(params).unlink(missing_ok=True)
    return Summary(STAGE, {}, [ledger(params).path, path], facts, _lines(facts))


def _lines(facts: dict[str, Any]) -> list[str]:
    """A training for a terminal."""
    return [
        f"TRAINED: the challenger was {facts['trained']['decision']}",
        f"  {facts['trained']['reason']}",
        *(f"  because of {one['kind']}: {one['text']}" for one in facts["triggers"]),
    ]


def _told(begun: dict[str, Any], params: Params) -> dict[str, Any] | None:
    """What a run has told that trained today for the same reason by hand; None when none has.

    Who was killed after that, or asks twice, is told it again.
    """
    body = read_json(_latest(params), dict[str, Any], "remove it; the next run writes it anew")
    if body is None or "trained" not in body or body["as_of_date"] != begun["as_of_date"]:
        return None
    mine, other = (
        [one["text"] for one in told["triggers"] if one["kind"] == "by hand"]
        for told in (begun, body)
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


def _pending(params: Params) -> Path:
    return Path(params.paths.artifacts) / "monitoring" / "retrain_begun.json"


def _begun(params: Params) -> dict[str, Any] | None:
    """What a training was for that was killed; None when none was."""
    # In the order of `Decision.as_json`, so that what is told of it has the same bytes.
    wanted = ("as_of_date", "action", "reason", "triggers", "checks", "after")
    return read_json(
        _pending(params),
        lambda body: {key: body[key] for key in wanted},
        "remove it; the next run decides anew",
    )


def _since(begun: dict[str, Any], params: Params) -> Sequence[Entry]:
    """The ledger's lines since a training began."""
    return ledger(params).entries()[int(begun["after"]) :]


def _noted(begun: dict[str, Any], params: Params) -> dict[str, Any] | None:
    """What the gate noted since a training began; None when it has noted nothing."""
    for entry in reversed(_since(begun, params)):
        if entry.action in (PROMOTED, REFUSED):
            version = entry.facts["challenger"]["version"]
            reason = str(entry.facts["reason"])
            return {"decision": entry.action, "reason": reason, "version": version}
    return None


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
