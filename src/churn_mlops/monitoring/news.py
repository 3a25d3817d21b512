"""What there is to tell about the newest day: from the files of gate, check and ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

from churn_mlops.data.bad_days import BadDay, read_bad_days
from churn_mlops.data.calendar import report_path
from churn_mlops.data.checks import GATE
from churn_mlops.data.watermark import read_watermark
from churn_mlops.errors import ChurnError
from churn_mlops.monitoring.reports import reports
from churn_mlops.monitoring.state_files import Drift, Finding, Performance, Validation, read
from churn_mlops.params import Params
from churn_mlops.registry.champion import production_folder
from churn_mlops.registry.history import RETRAIN_WAITED, RETRAINED, ledger
from churn_mlops.registry.ledger import Entry

FAIL = "FAIL"
Part = TypeVar("Part")


@dataclass(frozen=True)
class News:
    """The state of things.

    Parameters
    ----------
    today : date
        The day to file it under: the checked one, else the last one of the data, else today.
    last_day : date or None
        The last day of the data.
    drift : Drift or None
        The latest check.
    validation : Validation or None
        What the gate said last.
    performance : Performance or None
    bad_days : tuple of BadDay
        Of the checked day and later.
    retraining : Entry or None
        What was decided about training anew on the checked day.
    fails : int
        How many of the last ``monitoring.retrain.drift_checks`` checks FAIL.
    has_champion : bool
    damaged : tuple of str
        What is wrong with the files of the gate and of the check.
    unread : tuple of str
        The same of the others.
    """

    today: date
    last_day: date | None
    drift: Drift | None
    validation: Validation | None
    performance: Performance | None
    bad_days: tuple[BadDay, ...]
    retraining: Entry | None
    fails: int
    has_champion: bool
    damaged: tuple[str, ...]
    unread: tuple[str, ...]

    @property
    def drifted(self) -> bool:
        """The latest check FAILs."""
        return self.drift is not None and self.drift.status == FAIL

    @property
    def refused(self) -> bool:
        """The newest data did not pass the gate: as a whole, or its last day."""
        report = self.validation is not None and self.validation.status != "passed"
        gate = (one for one in self.bad_days if one.check in GATE)
        return report or any(one.day == self.last_day for one in gate)

    @property
    def refused_data(self) -> str:
        """Which data did not pass: the days that the gate has marked, else all up to the last."""
        gate = {str(one.day) for one in self.bad_days if one.check in GATE}
        return f"the data of {', '.join(sorted(gate))}" if gate else f"data up to {self.last_day}"

    @property
    def stale(self) -> bool:
        """There is data that no check has seen, though there is a champion to check it with."""
        if self.damaged or self.last_day is None:
            return False
        checked = self.drift.as_of_date if self.drift else None
        return self.has_champion and (checked is None or checked < self.last_day)

    @property
    def worth_telling(self) -> bool:
        """Whether anybody should be told."""
        return self.drifted or self.refused or self.stale or bool(self.damaged)

    @property
    def upstream(self) -> tuple[Finding, ...]:
        """The findings that look like a fault of whoever delivers the data, and FAIL."""
        found = self.drift.findings if self.drift else ()
        return tuple(one for one in found if one.upstream and one.level == FAIL)


def gather(params: Params) -> News:
    """Read everything that is there; a damaged file is named and keeps no other from being told."""
    damaged: list[str] = []
    unread: list[str] = []
    nothing: tuple[BadDay, ...] = ()
    decided: tuple[Entry, ...] = ()

    def part(problems: list[str], make: Callable[[], Part], none: Part) -> Part:
        try:
            return make()
        except ChurnError as error:
            problems.append(error.message)
            return none

    monitoring = Path(params.paths.artifacts) / "monitoring"
    drift = part(
        damaged,
        lambda: read(monitoring / "drift_latest.json", Drift, "churn drift-check"),
        None,
    )
    validation = part(
        damaged, lambda: read(report_path(params), Validation, "churn validate-data"), None
    )
    performance = part(
        unread,
        lambda: read(monitoring / "performance_latest.json", Performance, "churn performance"),
        None,
    )
    mark = part(unread, lambda: read_watermark(params), None)
    known = [validation.calendar.last_day] if validation else []
    known += [mark.as_of] if mark and mark.as_of else []
    last_day = max(known, default=None)
    day = drift.as_of_date if drift else last_day or datetime.now(UTC).date()
    bad = part(unread, lambda: tuple(read_bad_days(params)), nothing)
    entries = part(unread, lambda: tuple(ledger(params).entries()), decided)
    return News(
        today=day,
        last_day=last_day,
        drift=drift,
        validation=validation,
        performance=performance,
        bad_days=tuple(one for one in bad if one.day >= day),
        retraining=_retraining(entries, day),
        fails=part(unread, lambda: _fails(params, day), 0),
        has_champion=production_folder(params).exists(),
        damaged=tuple(damaged),
        unread=tuple(unread),
    )


def _retraining(entries: Sequence[Entry], day: date) -> Entry | None:
    """The last decision about a day."""
    for entry in reversed(entries):
        if entry.action in (RETRAIN_WAITED, RETRAINED):
            return entry if entry.facts.get("as_of_date") == day.isoformat() else None
    return None


def _fails(params: Params, day: date) -> int:
    """How many of the last checks, up to a day, FAIL."""
    last = reports(params, day)[-params.monitoring.retrain.drift_checks :]
    checks = [read(path, Drift, "churn drift-check") for path in last]
    return sum(one is not None and one.status == FAIL for one in checks)
