"""What the ledger tells: which model was champion when, and which ones were taken back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from churn_mlops.data.calendar import known_last_day
from churn_mlops.params import Params
from churn_mlops.registry.ledger import Entry, Ledger

PROMOTED, REFUSED, DRY_RUN, ROLLED_BACK = "promoted", "refused", "dry_run", "rolled_back"
# Of the loop: what `churn retrain` and the probation of a new champion came to.
RETRAINED, RETRAIN_WAITED = "retrained", "retrain_waited"
REVERTED, PROBATION_PASSED = "reverted", "probation_passed"
LOOP = (RETRAINED, RETRAIN_WAITED, REVERTED, PROBATION_PASSED)


def ledger(params: Params) -> Ledger:
    """The ledger of decisions, which no stage ever deletes."""
    return Ledger(Path(params.paths.artifacts) / "ledger.jsonl")


def on_day(params: Params) -> dict[str, str]:
    """The last day of the data, as a fact of an entry; nothing when nobody knows it."""
    day = known_last_day(params)
    return {} if day is None else {"as_of_date": day.isoformat()}


def champions(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """The champions that one could go back to, the present one last.

    Parameters
    ----------
    entries : sequence of Entry

    Returns
    -------
    list of dict
        What the ledger noted of each model: ``digest``, ``version``, ``family``, ``registered``.
    """
    stack: list[dict[str, Any]] = []
    for entry in entries:
        if entry.action == PROMOTED:
            stack.append(entry.facts["challenger"])
        elif entry.action == ROLLED_BACK:
            to = entry.facts["to"]
            places = [i for i, one in enumerate(stack) if one["digest"] == to["digest"]]
            stack = stack[: places[-1] + 1] if places else [*stack, to]
    return stack


def taken_back(entries: Sequence[Entry]) -> set[str]:
    """Digests of models that were rolled back and have not been promoted by hand since."""
    found: set[str] = set()
    for entry in entries:
        if entry.action == PROMOTED:
            # The gate promotes none of them: somebody moved the alias to it.
            found.discard(entry.facts["challenger"]["digest"])
        elif entry.action == ROLLED_BACK:
            found.add(entry.facts["from"]["digest"])
            found.discard(entry.facts["to"]["digest"])
    return found


def as_text(entries: Sequence[Entry]) -> str:
    """One line per decision, the newest last."""
    if not entries:
        return "no decision yet"
    return "\n".join(_line(entry) for entry in entries)


def _line(entry: Entry) -> str:
    facts = entry.facts
    if entry.action in LOOP:
        words = f"day {facts['as_of_date']}: {facts['reason']}"
    elif entry.action == ROLLED_BACK:
        words = f"{facts['from']['version']} -> {facts['to']['version']}: {facts['reason']}"
    else:
        words = f"{facts['challenger']['version']} ({facts['challenger']['family']}): "
        words += str(facts["reason"])
    return f"{entry.n:>4}  {entry.at}  {entry.action:<16}  {words}"
