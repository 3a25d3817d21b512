"""Decides whether days can be added to a table, and which days must be worked on again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from churn_mlops.params import Params
from churn_mlops.summary import Summary
from churn_mlops.tables.contract import Contract
from churn_mlops.tables.made import Made, read_made
from churn_mlops.tables.writer import kept_days


@dataclass(frozen=True)
class Growth:
    """The days to work on, both included: the new ones, and those that late rows may change."""

    first: date
    last: date
    made: Made

    @property
    def news_after(self) -> date:
        """What arrived after this day has not been looked at, or on the last day only."""
        return min(self.made.last_day, self.last - timedelta(days=1))

    def sign(self, folder: Path) -> None:
        """Write into a table's folder that it has got there."""
        self.made.grown(self.first, self.last).write(folder)

    @property
    def day_before(self) -> date:
        """The last day that stays as it is."""
        return self.first - timedelta(days=1)


@dataclass(frozen=True)
class Whole:
    """The table must be made as a whole, and why."""

    why: str

    def told(self, summary: Summary, step: str) -> Summary:
        """The summary of a stage that ran in the place of a day's step."""
        return replace(summary, stage=step, facts=summary.facts | {"as a whole": self.why})


def growth_of(
    contract: Contract, params: Params, sign: str, last: date | None, reach: date | None = None
) -> Growth | Whole:
    """Tell which days of a table to work on.

    Parameters
    ----------
    contract : Contract
    params : Params
    sign : str
        The fingerprint that the table would have if it were made now.
    last : date or None
        The day to reach; None when days are not added.
    reach : date, optional
        A table that goes along reaches this day only.
    """
    if params.tables.format != "parquet":
        return Whole(f"tables.format is {params.tables.format}")
    if params.engine != "duckdb":
        return Whole(f"engine is {params.engine}")
    if last is None:
        return Whole("no day was ingested")
    made = read_made(contract, params)
    if made is None:
        return Whole(f"{contract.name} has not been made in days")
    if made.fingerprint != sign:
        return Whole(f"{contract.name} was made by other parameters, code or tables")
    if made.last_day > last:
        return Whole(f"{contract.name} reaches beyond {last}")
    newest = min(made.last_day, reach or made.last_day, last - timedelta(days=1))
    first = newest + timedelta(days=1 - params.data.late_days)
    if made.last_day == last and made.first is not None:
        first = min(first, made.first)
    if first <= made.whole - timedelta(days=kept_days(params)):
        return Whole(f"{contract.name} ends long before {last}")
    return Growth(first, last, made)
