"""Going back to an earlier champion: one command, one line in the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from churn_mlops.errors import PromotionError
from churn_mlops.params import Params
from churn_mlops.registry.catch_up import catch_up
from churn_mlops.registry.champion import CHAMPION, DIGEST, TAKEN_BACK, install
from churn_mlops.registry.history import PROMOTED, ROLLED_BACK, champions, ledger, on_day
from churn_mlops.registry.ledger import Entry
from churn_mlops.registry.mlflow_registry import Tracker
from churn_mlops.summary import Summary


def run(params: Params, reason: str, to: str | None = None) -> Summary:
    """Make the champion before the present one champion again.

    The model that is left is not promoted again, however well it does at the gate, until somebody
    rolls back to it.

    Parameters
    ----------
    params : Params
    reason : str
        For the ledger.
    to : str, optional
        Beginning of the model_version to go to, instead of the one before: any that was champion
        at some time, also one that was rolled back.

    Raises
    ------
    PromotionError
        There is nothing to go back to, or the registry lacks it.
    LedgerError, TrackingError, BundleError
        The ledger is damaged, the registry does not answer, its bundle is damaged; in each case
        the champion stays.
    """
    book = ledger(params)
    name = params.tracking.model
    with Tracker(params.tracking) as tracker:
        catch_up(tracker, params)
        entries = book.entries()
        target = _target(entries, to)
        now = champions(entries)[-1]
        version = tracker.by_version(name, int(target["registered"]))
        if version is None:
            raise PromotionError(
                f"the registry has no version {target['registered']} of '{name}' any more",
                fix="choose another one with --to (`churn history`)",
            )
        if version.tags.get(DIGEST) != target["digest"]:
            raise PromotionError(
                f"version {version.version} of '{name}' in the registry is another model than the"
                f" champion {target['version']} of the ledger",
                fix="use the registry that the ledger belongs to, or choose another one with --to",
            )
        digest = install(tracker, version, params)
        # Before the alias moves: who is killed then leaves a trace of what was going on.
        tracker.set_tags(name, version.version, {"decision": ROLLED_BACK})
        tracker.set_alias(name, CHAMPION, version.version)
        tracker.set_tags(name, int(now["registered"]), {TAKEN_BACK: "true"})
        tracker.set_tags(name, version.version, {TAKEN_BACK: "false"})
        told = {"from": now, "to": target, "reason": reason}
        entry = book.append(ROLLED_BACK, **told, **on_day(params))
        head = {"ledger_entry": str(entry.n), "ledger_hash": entry.hash}
        tracker.set_tags(name, version.version, head)
    return Summary(
        "rollback",
        {},
        [],
        {"champion": digest[:12], "instead_of": now["version"], "registered": version.version},
    )


def _target(entries: Sequence[Entry], to: str | None) -> dict[str, Any]:
    stack = champions(entries)
    earlier = stack[:-1]
    if to is not None:
        # Whoever was champion at some time, also one that was rolled back by mistake.
        ever = [e.facts["challenger"] for e in entries if e.action == PROMOTED]
        others = [one for one in ever if one["digest"] != stack[-1]["digest"]]
        earlier = [one for one in others if one["version"].startswith(to)]
        known = others
    else:
        known = earlier
    if not earlier:
        names = ", ".join(dict.fromkeys(one["version"] for one in known)) or "none"
        raise PromotionError(
            f"there is no earlier champion{f' {to}' if to else ''} to go back to (known: {names})",
            fix="`churn history` shows all decisions",
        )
    return dict(earlier[-1])
