"""How good a list was: what was predicted, beside the labels of the same users and day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np

from churn_mlops import engine
from churn_mlops.inference.decision import CONTACT, expected_profit
from churn_mlops.inference.kept import Batch, meaning_of
from churn_mlops.monitoring.estimate import rounded
from churn_mlops.monitoring.ranking import Groups
from churn_mlops.params import Params, Value
from churn_mlops.tables import contracts, scan

NEEDED = ("user_id", "as_of_date", "churn_label")


@dataclass(frozen=True)
class Outcome:
    """The users of a batch whose label is known.

    Parameters
    ----------
    risks : array of float, shape (n,)
    labels : array of 0/1, shape (n,)
    contacted : array of bool, shape (n,)
    unlabelled : int
        Users of the batch who have no label, although the day is mature.
    """

    risks: np.ndarray
    labels: np.ndarray
    contacted: np.ndarray
    unlabelled: int

    def __len__(self) -> int:
        return len(self.labels)

    def metrics(self, value: Value | None) -> dict[str, float | None]:
        """``pr_auc``, ``roc_auc`` and, with `value`, ``profit`` of the contacted users.

        None where a metric does not exist: all stayed or all left, or nobody has a label. The
        profit is the formula of the expected one with the label in place of the risk.
        """
        found: dict[str, float | None] = {"pr_auc": None, "roc_auc": None}
        if len(self):
            groups = Groups(self.risks)
            ranked = groups.metrics(groups.count(self.labels))
            found = {name: rounded(values[0]) for name, values in ranked.items()}
        if value is not None:
            earned = expected_profit(self.labels[self.contacted].astype(np.float64), value)
            found["profit"] = rounded(earned.sum()) if len(self) else None
        return found


class Labels:
    """Reads the labels of one day at a time.

    Parameters
    ----------
    con : Engine
    params : Params
    last_day : date
        The last complete day of the data.
    """

    def __init__(self, con: engine.Engine, params: Params, last_day: date) -> None:
        self._con, self._params = con, params
        self._window = timedelta(days=params.churn.window_days)
        self._meaning = meaning_of(params.churn)
        self._last_day = last_day
        self._held: ir.Table | None = None

    def are_there(self, batch: Batch) -> bool:
        """Whether the batch's horizon has passed on the last day.

        Never for a batch that meant something else by churn than the labels do.
        """
        return batch.day + self._window <= self._last_day and batch.meaning == self._meaning

    def of(self, batch: Batch) -> Outcome:
        """The outcome of a batch whose labels are there.

        Raises
        ------
        ContractError
            labels_daily has not been written, or the type of user_id has changed.
        """
        table = self._open(batch.day)
        day = table.filter(table.as_of_date == ibis.literal(batch.day))
        found = day.select("user_id", "churn_label").to_pyarrow()
        known, places = batch.found_in(found["user_id"].combine_chunks(), "labels_daily")
        labels = found["churn_label"].combine_chunks().take(places)
        return Outcome(
            batch.risks[known],
            labels.to_numpy(),
            batch.decisions[known] == CONTACT,
            int(np.sum(~known)),
        )

    def _open(self, since: date) -> ir.Table:
        """The labels of a day and later; a CSV table is read once and held."""
        contract = contracts.labels_daily(self._params)
        if self._params.tables.format != "csv" or self._con.name != "duckdb":
            return scan(self._con, contract, self._params, since).select(*NEEDED)
        if self._held is None:
            whole = scan(self._con, contract, self._params).select(*NEEDED)
            self._held = self._con.create_table("held_labels", whole, temp=True)
        return self._held


@contextmanager
def open_labels(params: Params, last_day: date) -> Iterator[Labels]:
    """Open labels_daily; it is read only when a label is asked for."""
    with engine.connect(params) as con:
        yield Labels(con, params, last_day)
