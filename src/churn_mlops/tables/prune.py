"""Removes from ``tables.location`` what no table of the workspace names any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from churn_mlops.errors import ParamsError
from churn_mlops.object_store import open_store, unreadable, unwritable
from churn_mlops.params import Params
from churn_mlops.summary import Summary
from churn_mlops.tables.manifest import NAME, read_manifest

AT_ONCE = 1_000


def run(params: Params, keep_days: int = 30, dry_run: bool = False) -> Summary:
    """Remove old objects that no manifest below ``paths.data`` names.

    Parameters
    ----------
    params : Params
    keep_days : int
        Younger objects stay, whoever names them: a run may be under way, and DVC's cache has
        manifests of earlier builds.
    dry_run : bool
        Tell only.

    Raises
    ------
    ParamsError
        There is no location.
    ContractError
        The store cannot be read or does not let objects be removed.
    """
    location = params.tables.location
    if location is None:
        raise ParamsError(
            "tables.location is not set: tables lie in the workspace, and nothing is left over",
            fix="name the place in tables.location",
        )
    named = _named(Path(params.paths.data))
    store, root = open_store(location)
    named_there = {store._strip_protocol(url) for url in named}
    try:
        found = store.find(root, detail=True) if store.exists(root) else {}
    except Exception as error:  # every store has errors of its own
        raise unreadable(location, error) from error
    before = datetime.now(UTC) - timedelta(days=keep_days)
    rest = {name: facts for name, facts in found.items() if name not in named_there}
    old = sorted(name for name, facts in rest.items() if _written(facts) < before)
    if not dry_run:
        try:
            for first in range(0, len(old), AT_ONCE):
                store.rm(old[first : first + AT_ONCE])
        except Exception as error:  # every store has errors of its own
            raise unwritable(location, error) from error
    size = sum(int(found[name].get("size") or 0) for name in old)
    verb = "would be removed" if dry_run else "removed"
    rows = {"named": len(found) - len(rest), "too young": len(rest) - len(old), verb: len(old)}
    return Summary("prune_tables", rows, [], {"bytes": size, "location": location})


def _named(data: Path) -> set[str]:
    manifests = data.rglob(NAME)
    return {url for path in manifests for url in read_manifest(path.parent).values()}


def _written(facts: dict[str, Any]) -> datetime:
    """When an object was written, as each store calls it."""
    at: datetime | float
    at = facts.get("LastModified") or facts.get("created") or facts["last_modified"]
    if isinstance(at, datetime):
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return datetime.fromtimestamp(at, UTC)
