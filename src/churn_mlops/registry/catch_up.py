"""Brings the ledger up to what the registry says: who is champion, when the ledger does not know.

A process that was killed after it moved the alias has left no line; another machine that shares
the registry writes a ledger of its own; and somebody may have moved the alias by hand.
"""

from __future__ import annotations

from churn_mlops.params import Params
from churn_mlops.registry.champion import CHAMPION, DIGEST, TAKEN_BACK
from churn_mlops.registry.history import PROMOTED, ROLLED_BACK, champions, ledger, on_day
from churn_mlops.registry.mlflow_registry import Tracker

_REASON = "noted afterwards: the registry names it champion, and the ledger did not tell"


def catch_up(tracker: Tracker, params: Params) -> None:
    """Note the registry's champion in the ledger unless it is the ledger's.

    Parameters
    ----------
    tracker : Tracker
    params : Params

    Raises
    ------
    LedgerError
        The ledger is damaged.
    TrackingError
        The registry does not answer.
    """
    name = params.tracking.model
    version = tracker.by_alias(name, CHAMPION)
    book = ledger(params)
    stack = champions(book.entries())
    known = stack[-1] if stack else None
    digest = version.tags.get(DIGEST) if version else None
    if version is None or digest is None or (known is not None and known["digest"] == digest):
        return
    found = {
        "name": CHAMPION,
        "family": version.tags.get("family", ""),
        "version": digest[:12],
        "digest": digest,
        "registered": version.version,
    }
    told = {"reason": _REASON, **on_day(params)}
    if known is not None and version.tags.get("decision") == ROLLED_BACK:
        entry = book.append(ROLLED_BACK, **{"from": known, "to": found}, **told)
    else:
        entry = book.append(PROMOTED, challenger=found, champion=known, **told)
    # Whoever made it champion wants it, whatever was thought of it before.
    head = {"ledger_entry": str(entry.n), "ledger_hash": entry.hash, TAKEN_BACK: "false"}
    tracker.set_tags(name, version.version, head)
