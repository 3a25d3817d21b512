"""Going back to an earlier champion: one command, one line in the ledger."""

from __future__ import annotations

from churn_mlops.errors import PromotionError
from churn_mlops.params import Params
from churn_mlops.registry.champion import CHAMPION, install
from churn_mlops.registry.history import ROLLED_BACK, champions, ledger
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
        Beginning of the model_version to go back to, instead of the one before.

    Raises
    ------
    PromotionError
        There is nothing to go back to, or the registry lacks it.
    LedgerError, TrackingError, BundleError
        The ledger is damaged, the registry does not answer, its bundle is damaged; in each case
        the champion stays.
    """
    book = ledger(params)
    stack = champions(book.entries())
    target = _target(stack, to)
    now = stack[-1]
    name = params.tracking.model
    with Tracker(params.tracking) as tracker:
        version = tracker.by_version(name, int(target["registered"]))
        if version is None:
            raise PromotionError(
                f"the registry has no version {target['registered']} of '{name}' any more",
                fix="choose another one with --to (`churn history`)",
            )
        digest = install(tracker, version, params)
        tracker.set_alias(name, CHAMPION, version.version)
        entry = book.append(ROLLED_BACK, **{"from": now, "to": target, "reason": reason})
        head = {"ledger_entry": str(entry.n), "ledger_hash": entry.hash}
        tracker.set_tags(name, version.version, head)
    return Summary(
        "rollback",
        {},
        [],
        {"champion": digest[:12], "instead_of": now["version"], "registered": version.version},
    )


def _target(stack: list[dict[str, object]], to: str | None) -> dict[str, str]:
    earlier = stack[:-1]
    if to is not None:
        earlier = [one for one in earlier if str(one["version"]).startswith(to)]
    if not earlier:
        known = ", ".join(str(one["version"]) for one in stack[:-1]) or "none"
        raise PromotionError(
            f"there is no earlier champion{f' {to}' if to else ''} to go back to (known: {known})",
            fix="`churn history` shows all decisions",
        )
    return {name: str(value) for name, value in earlier[-1].items()}
