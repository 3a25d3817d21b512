"""What the gate found in a table, as a whole or by the day that rows belong to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.data.check_rows import ARRIVED
from churn_mlops.data.checks import BY_NUMBER
from churn_mlops.data.raw_tables import OWN_DAY


@dataclass(frozen=True)
class Verdict:
    """What the gate found in one table: rows in, rows ok, and counts per check."""

    rows_in: int
    counts: dict[str, int]
    muted: dict[str, int]

    @property
    def quarantined(self) -> int:
        """Rows set aside."""
        return sum(self.counts.values())

    @property
    def share(self) -> float:
        """Rows set aside as a share of all."""
        return self.quarantined / self.rows_in if self.rows_in else 0.0

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(
            self.rows_in + other.rows_in,
            dict(Counter(self.counts) + Counter(other.counts)),
            dict(Counter(self.muted) + Counter(other.muted)),
        )

    def as_json(self) -> dict[str, Any]:
        """The table's part of the report."""
        return {
            "rows_in": self.rows_in,
            "rows_ok": self.rows_in - self.quarantined,
            "rows_quarantined": self.quarantined,
            "quarantine_share": round(self.share, 6),
            "checks": {n: self.counts.get(n, 0) + self.muted.get(n, 0) for n in BY_NUMBER
                       if self.counts.get(n) or self.muted.get(n)},
        }  # fmt: skip


NOTHING = Verdict(0, {}, {})


def tally(con: engine.Engine, checked: ir.Table) -> Verdict:
    """Count the rows of a checked table by what is wrong with them."""
    return _counted(con, checked, ibis.null("date")).get(None, NOTHING)


def tally_days(
    con: engine.Engine, name: str, checked: ir.Table, days: Collection[date]
) -> dict[date | None, Verdict]:
    """Count the same by day, in one pass; all rows of other days, or of none, under None.

    A row belongs to the day on which it arrived. Where that is not known (CSV), to the day that it
    tells of: when somebody signed up, an event happened, or a period began.

    Parameters
    ----------
    con : Engine
    name : str
        Of the table.
    checked : ibis Table
    days : collection of date
        Those that are asked for, at least one.
    """
    day = checked[ARRIVED] if ARRIVED in checked.columns else checked[OWN_DAY[name]].cast("date")
    asked = day.isin([ibis.literal(one) for one in sorted(days)]).fill_null(False)
    return _counted(con, checked, asked.ifelse(day, ibis.null("date")))


def _counted(
    con: engine.Engine, checked: ir.Table, day: ir.DateValue
) -> dict[date | None, Verdict]:
    dated = checked.mutate(day_of_row=day)
    found = dated.group_by("day_of_row", "check", "muted").agg(rows=dated.count())
    verdicts: defaultdict[date | None, Verdict] = defaultdict(lambda: NOTHING)
    for row in con.to_pyarrow(found).to_pylist():
        rows, check, quiet = row["rows"], row["check"], row["muted"]
        of = None if row["day_of_row"] is None else plain(row["day_of_row"])
        counts = {} if check is None else {check: rows}
        silent = {quiet: rows} if check is None and quiet is not None else {}
        verdicts[of] += Verdict(rows, counts, silent)
    return dict(verdicts)


def plain(day: date) -> date:
    """A date without a time, which some engines give."""
    return date(day.year, day.month, day.day)


def named(verdict: Verdict) -> str:
    """The checks that failed, the most frequent first."""
    ranked = sorted(verdict.counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number} {BY_NUMBER[number].name}: {count:,}" for number, count in ranked)
