"""What a training is for: written down before it begins, struck out when its line is in the ledger.

Who finds one knows that a training was killed, and what the ledger has noted since tells how far
it had come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from churn_mlops.files import read_json, write_json
from churn_mlops.monitoring.retrain_decision import Decision
from churn_mlops.params import Params
from churn_mlops.registry.history import PROMOTED, REFUSED, ledger
from churn_mlops.registry.ledger import Entry

AFTER = "after"
# In the order of `Decision.as_json`, so that what is told of a training has the same bytes.
FACTS = ("as_of_date", "action", "reason", "triggers", "checks")


@dataclass(frozen=True)
class Intent:
    """A training that has begun.

    Parameters
    ----------
    facts : dict
        The decision that it carries out (`Decision.as_json`).
    after : int
        The number of the ledger's last line before it.
    """

    facts: dict[str, Any]
    after: int

    @property
    def day(self) -> date:
        """The last day of the data that was to be learned from."""
        return date.fromisoformat(self.facts["as_of_date"])

    @property
    def reasons(self) -> dict[str, str]:
        """The text of each trigger by its kind."""
        return {one["kind"]: one["text"] for one in self.facts["triggers"]}

    def since(self, params: Params) -> Sequence[Entry]:
        """The ledger's lines since it began."""
        return ledger(params).entries()[self.after :]

    def gate_said(self, params: Params) -> dict[str, Any] | None:
        """What the gate has noted since it began; None when it has noted nothing."""
        for entry in reversed(self.since(params)):
            if entry.action in (PROMOTED, REFUSED):
                version = entry.facts["challenger"]["version"]
                reason = str(entry.facts["reason"])
                return {"decision": entry.action, "reason": reason, "version": version}
        return None


def begin(made: Decision, params: Params) -> Intent:
    """Write down what a training is for."""
    intent = Intent(made.as_json(), ledger(params).head()[0])
    write_json(_path(params), intent.facts | {AFTER: intent.after})
    return intent


def begun(params: Params) -> Intent | None:
    """The training that was killed; None when none was.

    Raises
    ------
    ContractError
        What was written down cannot be read.
    """
    return read_json(
        _path(params),
        lambda body: Intent({key: body[key] for key in FACTS}, int(body[AFTER])),
        "remove it; the next run decides anew",
    )


def end(params: Params) -> None:
    """Strike it out, if there is one."""
    _path(params).unlink(missing_ok=True)


def _path(params: Params) -> Path:
    return Path(params.paths.artifacts) / "monitoring" / "retrain_begun.json"
